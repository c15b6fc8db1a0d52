"""Prompts become request bodies that any compatible server takes, its chunks become pieces."""

import msgspec
import pytest

from voice.engines.chat_wire import BadCompletionError, Chunk, CompletionReader, request_body
from voice.engines.protocols import (
    CallDelta,
    CallStarted,
    Finished,
    Message,
    Piece,
    Prompt,
    TextDelta,
    Tool,
    ToolCall,
)

USER = (Message(role="user", content="Hi"),)
WEATHER = Tool(name="weather", description="Looks outside.", parameters={"type": "object"})


def body(**fields: object) -> dict[str, object]:
    return request_body(Prompt(**{"messages": USER, **fields}), "m")


def read(*chunks: object) -> list[Piece]:
    reader = CompletionReader()
    pieces = [
        piece
        for chunk in chunks
        for piece in reader.feed(msgspec.json.decode(msgspec.json.encode(chunk), type=Chunk))
    ]
    return [*pieces, *reader.finish()]


def delta(finish_reason: str | None = None, **fields: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish_reason}]}


def call(arguments: object = None, **fields: object) -> dict[str, object]:
    function = {"arguments": arguments, "name": fields.pop("name", None)}
    return delta(tool_calls=[{**fields, "function": function}])


# ---------------------------------------------------------------- the request


def test_what_the_prompt_leaves_open_is_not_sent():
    """Servers reject parameters they do not know, and defaults are theirs to choose."""
    assert body() == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_zero_is_not_left_out():
    """Temperature 0 and seed 0 are choices."""
    sent = body(temperature=0.0, seed=0, top_p=0.5, max_tokens=7, stop=("\n",))
    assert (sent["temperature"], sent["seed"], sent["top_p"]) == (0.0, 0, 0.5)
    assert (sent["max_tokens"], sent["stop"]) == (7, ["\n"])


def test_a_conversation_with_a_tool_keeps_its_ids():
    """The server matches results with calls by id; a call alone has null content."""
    sent = body(
        messages=(
            Message(
                role="assistant",
                content="",
                tool_calls=(ToolCall(call_id="c", name="weather", arguments="{}"),),
            ),
            Message(role="tool", content="rain", tool_call_id="c"),
        )
    )["messages"]
    function = {"name": "weather", "arguments": "{}"}
    assert sent == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "rain"},
    ]


def test_images_become_parts_after_the_text():
    """An image goes as a URL part; empty text makes no part."""
    png = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    for text, parts in (("See", [{"type": "text", "text": "See"}, png]), ("", [png])):
        message = Message(role="user", content=text, images=("data:image/png;base64,AA",))
        assert body(messages=(message,))["messages"] == [{"role": "user", "content": parts}]


def test_tools_are_functions_without_empty_fields():
    """A tool may have a name alone."""
    assert body(tools=(WEATHER, Tool(name="bare")))["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Looks outside.",
                "parameters": {"type": "object"},
            },
        },
        {"type": "function", "function": {"name": "bare"}},
    ]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", None),
        ("none", "none"),
        ("required", "required"),
        ("weather", {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_a_tool_choice_is_sent_unless_it_is_the_default(choice: str, sent: object):
    """Named functions go as an object; without tools nothing may be chosen."""
    assert body(tools=(WEATHER,), tool_choice=choice).get("tool_choice") == sent
    assert "tool_choice" not in body(tool_choice=choice)


def test_a_schema_is_strict_only_when_it_is_closed():
    """`strict` is an error for open schemas; any object at all is the older JSON mode."""
    closed = {"type": "object", "properties": {}, "additionalProperties": False}
    opened = {"type": "object", "properties": {}}
    strict = {"name": "answer", "schema": closed, "strict": True}
    assert body(json_schema=closed)["response_format"] == {
        "type": "json_schema",
        "json_schema": strict,
    }
    assert "strict" not in body(json_schema=opened)["response_format"]["json_schema"]
    assert body(json_schema={"type": "object"})["response_format"] == {"type": "json_object"}


# ---------------------------------------------------------------- the answer


def test_text_and_usage_are_read():
    """Empty deltas are no pieces; the usage comes in a last chunk without choices."""
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    assert read(
        delta(role="assistant", content=""),
        delta(content="Hel"),
        delta(content="lo"),
        delta("stop"),
        usage,
    ) == [TextDelta("Hel"), TextDelta("lo"), Finished("stop", 3, 2)]


def test_a_full_answer_in_one_piece_is_read_too():
    """A server that does not stream sends `message` instead of `delta`."""
    parts = [{"type": "text", "text": "Hi"}, {"type": "thinking", "thinking": []}]
    whole = {"choices": [{"message": {"content": parts}, "finish_reason": "length"}]}
    assert read(whole) == [TextDelta("Hi"), Finished("length")]


def test_calls_are_streamed_one_after_the_other():
    """Only the first delta of a call carries id and name."""
    pieces = read(
        call("", index=0, id="a", name="weather"),
        call('{"city":', index=0),
        call('"Ulm"}', index=0),
        call("{}", index=1, id="b", name="time"),
        delta("tool_calls"),
    )
    assert pieces == [
        CallStarted("a", "weather"),
        CallDelta('{"city":'),
        CallDelta('"Ulm"}'),
        CallStarted("b", "time"),
        CallDelta("{}"),
        Finished("tool_calls"),
    ]


def test_calls_that_share_an_index_are_told_apart_by_id():
    """Some servers give every call the index 0, or none."""
    first, second = call("{}", id="a", name="x"), call("{}", id="b", name="y")
    assert [piece.name for piece in read(first, second) if isinstance(piece, CallStarted)] == [
        "x",
        "y",
    ]


def test_an_id_repeated_in_each_delta_is_one_call():
    """Some servers repeat id and name all along."""
    started = call("[", index=0, id="a", name="x")
    assert read(started, started)[:3] == [CallStarted("a", "x"), CallDelta("["), CallDelta("[")]


def test_a_call_without_id_or_arguments_gets_both():
    """Downstream an id must be unique and the arguments must be JSON."""
    started, arguments, finished = read(call(index=0, name="x"), delta("stop"))
    assert started.call_id.startswith("call_")
    assert arguments == CallDelta("{}")
    assert finished == Finished("tool_calls")


def test_arguments_sent_as_an_object_become_text():
    """Some servers do not encode the arguments twice."""
    assert read(call({"a": 1}, index=0, id="c", name="x"))[1] == CallDelta('{"a":1}')


def test_interleaved_calls_are_refused():
    """Arguments must never reach the wrong function."""
    with pytest.raises(BadCompletionError, match="mixed two calls"):
        read(call(index=0, id="a", name="x"), call(index=1, id="b", name="y"), call("1", index=0))


def test_a_withheld_answer_is_an_error_only_when_nothing_was_said():
    """Silence needs an explanation, half an answer does not."""
    assert read(delta(content="So"), delta("content_filter"))[-1] == Finished("stop")
    with pytest.raises(BadCompletionError, match="content filter"):
        read(delta("content_filter"))


def test_the_reader_knows_whether_the_answer_ended():
    """A stream without a finish reason broke off."""
    reader = CompletionReader()
    assert not reader.ended
    list(reader.feed(msgspec.convert(delta("stop"), Chunk)))
    assert reader.ended
