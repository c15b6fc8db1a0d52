"""Tool calls are found in each dialect, wherever the text is cut, and markup never leaks."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice.engines.protocols import CallDelta, CallStarted, Piece, TextDelta
from voice.engines.tool_dialects import BadToolCallError, ToolCallReader

NAMES = ("weather", "time")
ULM = {"city": "Ulm", "days": [1, {"x": '}"]<tool_call>'}]}
U, E = json.dumps(ULM), "{}"

Told = tuple[str, list[tuple[str, object]]]


def pieces_of(*texts: str, forced: bool = False) -> list[Piece]:
    reader = ToolCallReader(NAMES, forced=forced)
    return [*itertools.chain.from_iterable(map(reader.feed, texts)), *reader.finish()]


def told(pieces: list[Piece]) -> Told:
    """What was said, and each call with its parsed arguments."""
    said, calls = "", []
    for piece in pieces:
        match piece:
            case TextDelta(text):
                said += text
            case CallStarted(_, name):
                calls.append([name, ""])
            case CallDelta(arguments):
                calls[-1][1] += arguments
    return said, [(name, json.loads(arguments)) for name, arguments in calls]


DIALECTS: dict[str, tuple[str, Told]] = {
    "hermes": (
        f'<tool_call>\n{{"name": "weather", "arguments": {U}}}\n</tool_call>',
        ("", [("weather", ULM)]),
    ),
    "hermes, text around two calls": (
        (
            f'Let me see. \n<tool_call>{{"name":"weather","arguments":{U}}}</tool_call>\n'
            '<tool_call>\n{"name": "time", "arguments": {}}\n</tool_call>\nDone.'
        ),
        ("Let me see.\nDone.", [("weather", ULM), ("time", {})]),
    ),
    "hermes, the end tag is missing": (
        '<tool_call>\n{"name": "time", "arguments": {}}',
        ("", [("time", {})]),
    ),
    "hermes, arguments first": (
        f'<tool_call>{{"arguments": {U} , "name": "weather"}}</tool_call>',
        ("", [("weather", ULM)]),
    ),
    "hermes, no arguments": ('<tool_call>{"name": "time"}</tool_call>', ("", [("time", {})])),
    "hermes, null arguments": (
        '<tool_call>{"name": "time", "arguments": null}</tool_call>',
        ("", [("time", {})]),
    ),
    "hermes, arguments as a string": (
        f'<tool_call>{{"name": "weather", "arguments": {json.dumps(U)}}}</tool_call>',
        ("", [("weather", ULM)]),
    ),
    "hermes, an unknown function": (
        '<tool_call>{"name": "launch", "arguments": {}}</tool_call>',
        ("", [("launch", {})]),
    ),
    "openai": (
        (
            f'<tool_call>{{"type": "function", "function": {{"name": "weather", "arguments": {U}}},'
            ' "id": "7"}</tool_call>'
        ),
        ("", [("weather", ULM)]),
    ),
    "llama": (f'{{"name": "weather", "parameters": {U}}}', ("", [("weather", ULM)])),
    "llama, function as a key": (
        f'\n{{"type": "function", "function": "weather", "parameters": {U}}}',
        ("", [("weather", ULM)]),
    ),
    "llama, two calls": (
        f'{{"name": "weather", "parameters": {U}}}; {{"name": "time", "parameters": {{}}}}',
        ("", [("weather", ULM), ("time", {})]),
    ),
    "llama, python tag": (
        f'<|python_tag|>{{"name": "weather", "parameters": {U}}}',
        ("", [("weather", ULM)]),
    ),
    "llama, text after the call": (
        '{"name": "time", "parameters": {}}\nOne moment.',
        ("One moment.", [("time", {})]),
    ),
    "mistral": (
        (
            f'[TOOL_CALLS] [{{"name": "weather", "arguments": {U}, "id": "abcdefghi"}},'
            ' {"name": "time", "arguments": {}}]'
        ),
        ("", [("weather", ULM), ("time", {})]),
    ),
    "mistral, newer": (
        f"Wait.[TOOL_CALLS]weather[ARGS]{U}[TOOL_CALLS]time[CALL_ID]x1[ARGS]{E}",
        ("Wait.", [("weather", ULM), ("time", {})]),
    ),
    "mistral, without the mark of arguments": (
        f"[TOOL_CALLS]weather{U}",
        ("", [("weather", ULM)]),
    ),
    "granite": (
        f'<|tool_call|>[{{"name": "weather", "arguments": {U}}}]<|/tool_call|>',
        ("", [("weather", ULM)]),
    ),
    "lfm, in Python": (
        '<|tool_call_start|>[weather(city="Ulm)", days=[1, True]), time()]<|tool_call_end|>On it.',
        ("On it.", [("weather", {"city": "Ulm)", "days": [1, True]}), ("time", {})]),
    ),
    "lfm, in JSON": (
        f'<|tool_call_start|>[{{"name": "weather", "arguments": {U}}}]<|tool_call_end|>',
        ("", [("weather", ULM)]),
    ),
    "llama, in Python": (
        "<|python_tag|>time.now(zone=None)",
        ("", [("time.now", {"zone": None})]),
    ),
    "fenced": (
        f'```json\n{{"name": "weather", "arguments": {U}}}\n```',
        ("", [("weather", ULM)]),
    ),
    "list": (f'[{{"name": "weather", "arguments": {U}}}]', ("", [("weather", ULM)])),
    "text": ("  It is 5 < 6 [really], {so}. ", ("  It is 5 < 6 [really], {so}.", [])),
    "the beginning of a marker": ("a <tool", ("a <tool", [])),
    "an answer in JSON": (
        '{"city": "Ulm", "name": "time"}',
        ('{"city": "Ulm", "name": "time"}', []),
    ),
    "an answer in JSON with a name": ('{"name": "Bob"} is', ('{"name": "Bob"} is', [])),
    "an answer in JSON without keys": ("{} or {1}", ("{} or {1}", [])),
    "an answer that is not quite JSON": ("{'name': 'time'}", ("{'name': 'time'}", [])),
    "an answer in a fence": ("```json\n[1, 2]\n```", ("```json\n[1, 2]\n```", [])),
    "an answer in a list": ("[1, 2]", ("[1, 2]", [])),
    "an unfinished object": ('{"name": "ti', ('{"name": "ti', [])),
    "nothing": ("", ("", [])),
    "space": (" \n", ("", [])),
}


@pytest.mark.parametrize(("text", "expected"), DIALECTS.values(), ids=DIALECTS)
def test_each_dialect_is_read_at_every_cut(text: str, expected: Told):
    """Whole, letter by letter, and cut once at each place."""
    assert told(pieces_of(text)) == expected
    assert told(pieces_of(*text)) == expected
    for cut in range(len(text)):
        assert told(pieces_of(text[:cut], text[cut:])) == expected, text[:cut]


@given(st.sampled_from(sorted(DIALECTS)), st.lists(st.integers(0, 300), max_size=20))
@settings(max_examples=200, deadline=None)
def test_each_dialect_is_read_at_any_cuts(dialect: str, cuts: list[int]):
    """The same for many cuts at once, empty pieces included."""
    text, expected = DIALECTS[dialect]
    borders = [0, *sorted(cuts), len(text)]
    assert told(pieces_of(*(text[a:b] for a, b in itertools.pairwise(borders)))) == expected


def test_arguments_are_streamed_while_they_are_written():
    """A call starts with its name, long before it is complete."""
    reader = ToolCallReader(NAMES)
    assert reader.feed('Wait <tool_call>{"name": "weather"') == [TextDelta("Wait")]
    started, *rest = reader.feed(', "arguments": {"city"')
    assert (started.name, rest) == ("weather", [CallDelta('{"city"')])
    assert reader.feed(': "U') == [CallDelta(': "U')]
    assert reader.feed('lm"}}</tool_call>') == [CallDelta('lm"}')]
    assert reader.calls == 1


def test_text_is_passed_on_at_once():
    """Only what may become a marker, and space before one, waits."""
    reader = ToolCallReader(NAMES)
    assert reader.feed("Hello, w") == [TextDelta("Hello, w")]
    assert reader.feed("orld <") == [TextDelta("orld")]
    assert reader.feed("b>") == [TextDelta(" <b>")]


def test_each_call_has_an_id_of_its_own():
    """Results are matched with calls by id."""
    text, _ = DIALECTS["llama, two calls"]
    ids = [piece.call_id for piece in pieces_of(text) if isinstance(piece, CallStarted)]
    assert len(set(ids)) == 2


def test_a_forced_call_needs_no_marker():
    """Its marker was part of the prompt; any name is right, the grammar has seen to it."""
    assert told(pieces_of('{"name": "x", "arguments": {}}', forced=True)) == ("", [("x", {})])


def test_a_call_that_breaks_off_keeps_what_it_had():
    """A length limit may cut it; the pieces so far were passed on already."""
    *_, last = pieces_of('<tool_call>{"name": "time", "arguments": {"zone')
    assert last == CallDelta('{"zone')
    assert pieces_of('<tool_call>{"name": "ti') == []


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>weather in Ulm",
        "<tool_call>look it up {",
        "<tool_call>weather('Ulm')",
        "<tool_call>weather(city=Ulm)",
        "<tool_call>weather(city=",
        "<tool_call>{'name': 'time'}",
        '<tool_call>{"arguments": {}}',
        '<tool_call>{"name": "time", "arguments": [1]}',
        '<tool_call>{"name": "time", "arguments": 1}',
        '<tool_call>{"name": "time" "arguments": {}}',
        '<tool_call>{"name": "time",: {}}',
        '<tool_call>{"name": time}',
        '<tool_call>{"name": "a": "b"}',
        '<tool_call>{"name"}',
    ],
)
def test_a_marker_without_a_call_is_an_error(text: str):
    """Neither silence nor markup read aloud would tell the user what happened."""
    for texts in ((text,), tuple(text)):
        with pytest.raises(BadToolCallError, match="began a tool call and wrote"):
            pieces_of(*texts)
