import pytest

from voice.engines.protocols import Message, Prompt, ToolCall
from voice.realtime.config import SessionConfig
from voice.realtime.items import (
    FunctionCallItem,
    FunctionCallOutputItem,
    InputAudio,
    InputImage,
    InputText,
    Item,
    MessageItem,
    OutputAudio,
)
from voice.session.history import ContextFullError, build_prompt


def user(text: str) -> MessageItem:
    return MessageItem("u", "user", [InputText(text)])


def assistant(text: str) -> MessageItem:
    return MessageItem("a", "assistant", [OutputAudio(text)])


def config(**session) -> SessionConfig:
    return SessionConfig().updated({"type": "realtime", **session})


def contents(prompt: Prompt) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in prompt.messages]


def build(items: list[Item], context_tokens: int = 4096, **session) -> Prompt:
    return build_prompt(items, config(**session), context_tokens)


def test_items_become_messages_in_order_under_the_instructions():
    prompt = build([user("Hi."), assistant("Hello.")], instructions="Be kind.")
    assert contents(prompt) == [("system", "Be kind."), ("user", "Hi."), ("assistant", "Hello.")]


def test_a_turn_that_is_no_item_yet_comes_last():
    prompt = build_prompt([assistant("Hello.")], config(), 4096, heard="what is the time")
    assert contents(prompt)[-1] == ("user", "what is the time")


def test_speech_without_words_and_answers_nobody_heard_are_left_out():
    silent = MessageItem("s", "user", [InputAudio(b"", None)])
    assert contents(build([user("Hi."), assistant(""), silent])) == [("user", "Hi.")]


def test_images_go_with_their_message():
    item = MessageItem("i", "user", [InputText("What is this?"), InputImage("data:image/png,x")])
    (message,) = build([item]).messages
    assert (message.content, message.images) == ("What is this?", ("data:image/png,x",))


def test_calls_of_one_response_are_one_message_with_what_was_said_before_them():
    calls = [FunctionCallItem(name, f"call_{name}", name, "{}") for name in ("one", "two")]
    outputs = [FunctionCallOutputItem(f"o{n}", f"call_{n}", n) for n in ("one", "two")]
    prompt = build([user("Hi."), assistant("Let me see."), *calls, *outputs])
    said = prompt.messages[1]
    assert (said.role, said.content) == ("assistant", "Let me see.")
    assert said.tool_calls == tuple(
        ToolCall(call_id=f"call_{name}", name=name, arguments="{}") for name in ("one", "two")
    )
    assert [(m.role, m.tool_call_id) for m in prompt.messages[2:]] == [
        ("tool", "call_one"),
        ("tool", "call_two"),
    ]


def test_tools_and_their_choice_are_passed_on():
    tool = {"type": "function", "name": "get_time", "description": "Now.", "parameters": {"a": 1}}
    choice = {"type": "function", "name": "get_time"}
    prompt = build([user("Hi.")], tools=[tool], tool_choice=choice)
    (given,) = prompt.tools
    assert (given.name, given.description, given.parameters) == ("get_time", "Now.", {"a": 1})
    assert prompt.tool_choice == "get_time"


def test_the_limit_of_the_client_goes_before_the_one_of_the_server():
    defaults = Prompt(messages=(), max_tokens=500, temperature=0.3)
    limited = config(max_output_tokens=20)
    assert build_prompt([], limited, 4096, defaults=defaults).max_tokens == 20
    unlimited = build_prompt([], config(), 4096, defaults=defaults)
    assert (unlimited.max_tokens, unlimited.temperature) == (500, 0.3)
    assert build([]).max_tokens is None


# ---------------------------------------------------------------- a full context


def long_talk(turns: int) -> list[Item]:
    """Each turn is about 108 tokens."""
    talk: list[Item] = []
    for number in range(turns):
        talk += [user(f"{number} " + "x" * 196), assistant("y" * 196)]
    return talk


def test_the_oldest_messages_give_way_and_the_first_kept_is_the_users():
    prompt = build(long_talk(20), 1024, max_output_tokens=64)
    messages = prompt.messages
    assert 10 <= len(messages) <= 18
    assert messages[0].role == "user"
    assert messages[-1].content == "y" * 196


def test_instructions_take_room_and_stay():
    short = build(long_talk(20), 1024, max_output_tokens=64)
    prompt = build(long_talk(20), 1024, max_output_tokens=64, instructions="z" * 1200)
    assert prompt.messages[0].role == "system"
    assert len(prompt.messages) < len(short.messages) - 2


def test_a_retention_ratio_drops_more_at_once():
    whole = build(long_talk(20), 1024, max_output_tokens=64)
    ratio = {"type": "retention_ratio", "retention_ratio": 0.5}
    half = build(long_talk(20), 1024, max_output_tokens=64, truncation=ratio)
    assert len(half.messages) <= len(whole.messages) / 2 + 1


def test_a_token_limit_makes_the_context_smaller():
    ratio = {
        "type": "retention_ratio",
        "retention_ratio": 1.0,
        "token_limits": {"post_instructions": 250},
    }
    assert len(build(long_talk(20), truncation=ratio).messages) <= 4


def test_a_full_context_is_an_error_when_truncation_is_disabled():
    with pytest.raises(ContextFullError, match="truncation is disabled"):
        build(long_talk(20), 1024, truncation="disabled")
    assert len(build(long_talk(2), 1024, truncation="disabled").messages) == 4


def test_a_tools_answer_never_stands_without_its_call():
    talk = long_talk(20)
    call, output = FunctionCallItem("c", "c1", "f", "{}"), FunctionCallOutputItem("o", "c1", "x")
    for place in range(0, len(talk), 2):
        items = [*talk[: place + 1], call, output, *talk[place + 1 :]]
        messages = build(items, 1024, max_output_tokens=64).messages
        for index, message in enumerate(messages):
            assert message.role != "tool" or messages[index - 1].tool_calls


def test_the_last_message_stays_however_long_it_is():
    (message,) = build([*long_talk(3), user("w" * 9000)], 1024).messages
    assert message == Message(role="user", content="w" * 9000)
