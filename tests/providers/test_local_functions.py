"""Functions, as tools once were, reach the engines of this server."""

from tests.providers.test_local_chat import USER, Able, answered, chat, streamed
from voice.engines.fakes import calling
from voice.providers.local_chat import LocalChat

FUNCTIONS = [{"name": "hours", "parameters": {"type": "object"}}]


async def test_functions_are_offered_as_tools_and_called_as_functions():
    model = Able(calling("hours", {"day": "Sunday"}))
    answer = await answered(model, chat(functions=FUNCTIONS, function_call={"name": "hours"}))
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"] == {
        "name": "hours",
        "arguments": '{"day": "Sunday"}',
    }
    assert "tool_calls" not in choice["message"]
    (prompt,) = model.prompts
    assert [tool.name for tool in prompt.tools] == ["hours"]
    assert prompt.tool_choice == "hours"


async def test_a_function_is_called_in_fragments():
    model = Able(calling("hours", {"day": "Sunday"}))
    chunks = await streamed(model, chat(functions=FUNCTIONS, stream=True))
    choices = [chunk["choices"][0] for chunk in chunks]
    calls = [call for each in choices if (call := each["delta"].get("function_call"))]
    assert calls == [{"name": "hours", "arguments": ""}, {"arguments": '{"day": "Sunday"}'}]
    assert choices[-1]["finish_reason"] == "function_call"


async def test_what_functions_gave_reaches_the_engine_as_results_of_calls():
    model = Able("At four.")
    called = {"name": "hours", "arguments": "{}"}
    messages = [
        USER,
        {"role": "assistant", "content": None, "function_call": called},
        {"role": "function", "name": "hours", "content": "4 pm"},
    ]
    assert LocalChat(model).refusal(chat(messages=messages, functions=FUNCTIONS)) is None
    await answered(model, chat(messages=messages, functions=FUNCTIONS))
    _, call, result = model.prompts[0].messages
    assert [(each.name, each.arguments) for each in call.tool_calls] == [("hours", "{}")]
    assert (result.role, result.content) == ("tool", "4 pm")
    assert result.tool_call_id == call.tool_calls[0].call_id


async def test_a_refusal_of_before_is_what_the_assistant_said():
    model = Able("Well.")
    await answered(model, chat(messages=[USER, {"role": "assistant", "refusal": "No."}, USER]))
    assert model.prompts[0].messages[1].content == "No."
