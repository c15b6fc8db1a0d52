"""A stream is relayed byte for byte, however it is cut, and never passes for what it is not."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.providers.answers import BadAnswerError, InBandError
from voice.providers.framing import MAX_EVENT_BYTES
from voice.providers.reasoning import naming
from voice.providers.relay import Relay

DONE = b"data: [DONE]\n\n"


def chunk(content: str = "", finish: str | None = None, index: int = 0, **more: object) -> bytes:
    delta = {"content": content} if content else {}
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return b"data: " + msgspec.json.encode({"choices": [choice], **more}) + b"\n\n"


ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":4}}\n\n'
STREAM = ROLE + chunk("Hé") + chunk("llo 你好") + chunk(finish="stop") + DONE


def relayed(*blocks: bytes, wants_usage: bool = False) -> list[bytes]:
    relay = Relay(wants_usage=wants_usage)
    given = [relay.feed(block) for block in blocks]
    if not relay.done:
        given.append(relay.finish())
    return [block for block in given if block]


def test_a_stream_passes_untouched():
    """Nothing is rewritten without need."""
    assert relayed(STREAM) == [STREAM]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_the_cuts_of_the_network_change_nothing(cuts: list[int]):
    """Also within a letter; every block ends with an event."""
    places = sorted({0, *cuts, len(STREAM)})
    parts = [STREAM[a:b] for a, b in pairwise(places)]
    blocks = relayed(*parts)
    assert b"".join(blocks) == STREAM
    assert all(block.endswith(b"\n\n") for block in blocks)


@given(st.lists(st.integers(0, 300), max_size=12), st.sampled_from([b"\r\n", b"\r"]))
def test_other_line_ends_become_plain(cuts: list[int], line_end: bytes):
    """The two bytes of a line end may come apart."""
    stream = STREAM.replace(b"\n", line_end)
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    parts = [stream[a:b] for a, b in pairwise(places)]
    assert b"".join(relayed(*parts)) == STREAM


def test_the_first_block_waits_for_content():
    """Until then a failure can be answered by somebody else."""
    relay = Relay(wants_usage=False)
    assert relay.feed(ROLE) == b""
    assert relay.feed(chunk("Hi")) == ROLE + chunk("Hi")


def test_comments_and_pings_pass_once_the_answer_has_begun():
    """They keep connections alive; before the answer they are nobody's concern."""
    ping = b": ping\n\n"
    assert relayed(ping, chunk("Hi"), ping, chunk(finish="stop"), DONE) == [
        chunk("Hi"),
        ping,
        chunk(finish="stop"),
        DONE,
    ]


def test_a_byte_order_mark_is_no_garbage():
    assert relayed(b"\xef\xbb\xbf" + STREAM) == [STREAM]


def test_bytes_that_are_no_text_are_replaced():
    """Clients fail on them."""
    bad = chunk("Hi").replace(b"Hi", b"H\xff")
    blocks = relayed(bad, chunk(finish="stop"), DONE)
    assert blocks[0] == bad.replace(b"\xff", "�".encode())


def test_the_mark_of_the_end_is_added():
    """A finish reason is end enough for us, not for every client."""
    assert relayed(chunk("Hi"), chunk(finish="length")) == [
        chunk("Hi"),
        chunk(finish="length"),
        DONE,
    ]


def test_the_last_blank_line_may_be_missing():
    assert relayed(chunk("Hi"), chunk(finish="stop"), DONE.strip())[-1] == DONE


def test_nothing_follows_the_mark_of_the_end():
    assert relayed(chunk("Hi") + chunk(finish="stop") + DONE + chunk("again") + DONE) == [
        chunk("Hi") + chunk(finish="stop") + DONE
    ]


@pytest.mark.parametrize(
    ("wanted", "blocks"),
    [(True, [chunk("Hi"), chunk(finish="stop"), USAGE, DONE]), (False, None)],
)
def test_totals_go_to_those_who_asked(wanted: bool, blocks: list[bytes] | None):
    """Others choke on a chunk without choices."""
    stream = (chunk("Hi"), chunk(finish="stop"), USAGE, DONE)
    expected = blocks or [chunk("Hi"), chunk(finish="stop"), DONE]
    assert relayed(*stream, wants_usage=wanted) == expected


def test_totals_without_choices_get_an_empty_list():
    """The stock client reads the list unasked."""
    bare = b'data: {"usage":{"prompt_tokens":4}}\n\n'
    blocks = relayed(chunk("Hi"), chunk(finish="stop"), bare, DONE, wants_usage=True)
    assert msgspec.json.decode(blocks[2][6:]) == {"usage": {"prompt_tokens": 4}, "choices": []}


def test_events_that_are_no_chunks_are_nobodys():
    """Some servers send heartbeats of their own; clients look for choices in everything."""
    beat = b'data: {"type": "ping"}\n\n'
    assert relayed(beat, chunk("Hi") + beat, chunk(finish="stop"), DONE) == [
        chunk("Hi"),
        chunk(finish="stop"),
        DONE,
    ]


def test_text_completions_are_relayed():
    said = b'data: {"choices":[{"index":0,"text":"Hi","finish_reason":null}]}\n\n'
    assert relayed(said, chunk(finish="stop"), DONE) == [said, chunk(finish="stop"), DONE]


def test_a_choice_that_did_not_finish_is_a_broken_answer():
    """One of two answers is not both."""
    with pytest.raises(BadAnswerError, match="broke off"):
        relayed(chunk("a"), chunk("b", index=1), chunk(finish="stop", index=1))


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ((), "empty answer"),
        ((b": ping\n\n",), "empty answer"),
        ((ROLE,), "empty answer"),
        ((DONE,), "without any choice"),
        ((USAGE, DONE), "without any choice"),
        ((b"<html>Welcome</html>",), "no server-sent events"),
        ((b"Internal Server Error\n\n",), "no server-sent events"),
        ((b"data: {nonsense\n\n",), "no completion"),
        ((b'data: "hello"\n\n',), "no completion"),
        ((b'data: {"choices": 5}\n\n',), "no completion"),
        ((b'data: {"hello": 5}\n\n',), "empty answer"),
        ((b'data: {"a": ' + b"[" * 50_000 + b"\n\n",), "no completion"),
        ((chunk("Hi"),), "broke off"),
        ((chunk("Hi"), b"data: {nonsense\n\n"), "no completion"),
        ((chunk("Hi"), chunk("Ho")[:-9]), "no completion"),
        ((chunk("Hi"), b"x" * (MAX_EVENT_BYTES + 1)), "more than"),
    ],
)
def test_what_is_no_answer_is_called_so(blocks: tuple[bytes, ...], words: str):
    with pytest.raises(BadAnswerError, match=words):
        relayed(*blocks)


@pytest.mark.parametrize("before", [(), (ROLE,), (chunk("Hi"),)])
@pytest.mark.parametrize(
    "error",
    [
        b'data: {"error": {"message": "CUDA out of memory"}}\n\n',
        b'data: {"object": "error", "message": "CUDA out of memory"}\n\n',
        b'error: {"code": 500, "message": "CUDA out of memory"}\n\n',
        b'event: error\ndata: {"message": "CUDA out of memory"}\n\n',
        b'data: {"choices": [{"finish_reason": "error"}], "error": {"message": "CUDA"}}\n\n',
    ],
)
def test_an_error_in_band_is_found(before: tuple[bytes, ...], error: bytes):
    with pytest.raises(InBandError) as caught:
        relayed(*before, error)
    assert b"CUDA" in caught.value.body


def test_the_word_error_in_the_text_is_no_error():
    """Nor is an error that is none."""
    said = chunk('an "error": {}', error=None)
    assert relayed(said, chunk(finish="stop"), DONE)[0] == said


def test_thinking_text_keeps_its_name_unless_told():
    thought = b'data: {"choices":[{"index":0,"delta":{"reasoning":"hm"}}]}\n\n'
    assert relayed(thought, chunk("Hi"), chunk(finish="stop"), DONE)[0] == thought


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
@pytest.mark.parametrize("sent", ["reasoning", "reasoning_content"])
def test_thinking_text_gets_the_one_name_that_was_set(name: str, sent: str):
    """Both names are in use."""
    relay = Relay(wants_usage=False, rewrite=naming(name))
    delta = {sent: "hm", "content": 'no "reasoning": here'}
    block = relay.feed(
        b"data: " + msgspec.json.encode({"choices": [{"index": 0, "delta": delta}]}) + b"\n\n"
    )
    chunks = msgspec.json.decode(block[6:])
    assert chunks["choices"][0]["delta"] == {name: "hm", "content": 'no "reasoning": here'}
