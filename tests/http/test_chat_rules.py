import pytest

from voice.gateway.errors import ApiError
from voice.http.body import converted
from voice.http.chat_rules import check_chat
from voice.http.chat_types import ChatRequest

USER = {"role": "user", "content": "Hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLING = {"role": "assistant", "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "4"}


def tool(name: str = "f"):
    return {"type": "function", "function": {"name": name}}


def allowed(*names: str):
    tools = [tool(name) for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": tools}}


def check(**fields):
    check_chat(converted({"model": "a", "messages": [USER], **fields}, ChatRequest))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [USER, RESULT]}, "messages[1].tool_call_id"),
        ({"messages": [USER, RESULT, CALLING]}, "messages[1].tool_call_id"),
        ({"messages": [USER, {"role": "assistant"}]}, "messages[1].content"),
        ({"tools": [tool(), tool("g"), tool()]}, "tools[2].function.name"),
        ({"tools": [tool(), {"type": "custom", "custom": {"name": "f"}}]}, "tools[1].custom.name"),
        ({"functions": [{"name": "f"}, {"name": "f"}]}, "functions[1].name"),
        ({"tools": [tool(str(number)) for number in range(129)]}, "tools"),
        ({"functions": [{"name": str(number)} for number in range(129)]}, "functions"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": "required", "tools": []}, "tool_choice"),
        ({"tool_choice": tool()}, "tool_choice"),
        ({"tool_choice": tool("g"), "tools": [tool()]}, "tool_choice"),
        ({"tool_choice": allowed("f", "g"), "tools": [tool()]},
         "tool_choice.allowed_tools.tools[1]"),
        ({"function_call": {"name": "f"}}, "function_call"),
        ({"tools": [tool()], "functions": [{"name": "g"}]}, "functions"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_placed(fields, param):
    with pytest.raises(ApiError) as wrong:
        check(**fields)
    assert (wrong.value.status, wrong.value.param) == (400, param)


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [USER, CALLING, RESULT, USER]},
        {"messages": [USER, CALLING]},
        {"messages": [USER, {"role": "assistant", "content": ""}, USER]},
        {"messages": [USER, {"role": "assistant", "audio": {"id": "a"}}, USER]},
        {"tools": [tool(str(number)) for number in range(128)]},
        {"tool_choice": "none"},
        {"tool_choice": "auto", "tools": []},
        {"tool_choice": tool(), "tools": [tool()]},
        {"tool_choice": allowed("f"), "tools": [tool(), tool("g")]},
        {"functions": [{"name": "f"}], "function_call": {"name": "f"}},
    ],
)
def test_what_goes_together_passes(fields):
    check(**fields)


def test_the_names_that_there_are_are_told():
    with pytest.raises(ApiError, match="there is g, h"):
        check(tool_choice=tool(), tools=[tool("g"), tool("h")])
