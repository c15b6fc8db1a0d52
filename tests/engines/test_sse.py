"""The event-stream reader gives the same events however the bytes are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.engines import sse
from voice.engines.sse import EventStream, EventTooLongError, StreamEvent


def read(*chunks: bytes) -> list[StreamEvent]:
    stream = EventStream()
    return [event for chunk in chunks for event in stream.feed(chunk)]


def data(*chunks: bytes) -> list[str]:
    return [event.data for event in read(*chunks)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_each_line_ending_ends_a_line(end: bytes):
    """LF, CRLF and CR are the three line ends of the format."""
    assert data(end.join([b"data: one", b"", b"data: two", b"", b""])) == ["one", "two"]


def test_data_lines_of_one_event_are_joined_by_newlines():
    """A payload with newlines comes as several data lines."""
    assert data(b"data: {\ndata:   1}\n\n") == ["{\n  1}"]


def test_comments_and_unknown_fields_are_skipped():
    """Keep-alive comments and the id and retry fields carry nothing for us."""
    assert data(b": keep-alive\n\nid: 7\nretry: 10\nnonsense\ndata: x\n\n") == ["x"]


def test_the_space_after_the_colon_is_optional_and_only_one_is_removed():
    """`data:x` and `data: x` are the same; a second space belongs to the data."""
    assert data(b"data:x\n\ndata:  y\n\n") == ["x", " y"]


def test_an_event_without_data_is_not_dispatched():
    """An event name alone is no event, and does not leak into the next one."""
    assert read(b"event: ping\n\ndata: x\n\n") == [StreamEvent("x")]


def test_the_event_name_is_kept():
    """Named events carry their name, others are messages."""
    assert read(b"event: error\ndata: x\n\n") == [StreamEvent("x", "error")]


def test_an_empty_data_line_is_an_event_with_empty_data():
    """The format tells no data from empty data."""
    assert data(b"data\n\n", b"data:\n\n") == ["", ""]


def test_a_carriage_return_completes_the_event_without_waiting_for_the_next_byte():
    """A live stream must not be one event late."""
    assert data(b"data: x\r\n\r") == ["x"]


def test_a_byte_order_mark_is_dropped():
    """The mark may open the stream and is not part of the first field."""
    assert data(b"\xef\xbb", b"\xbfdata: x\n\n") == ["x"]


def test_bytes_that_are_not_utf8_are_replaced():
    """One broken character must not end the answer."""
    assert data(b"data: a\xffb\n\n") == ["a\ufffdb"]


def test_the_last_event_may_lack_its_blank_line():
    """Some servers close right after the last data line."""
    stream = EventStream()
    assert stream.feed(b"data: [DONE]") == []
    assert stream.finish() == [StreamEvent("[DONE]")]
    assert EventStream().finish() == []


@pytest.mark.parametrize("line", [b"x" * 60, b"data: xxxxxxxxxxxx\n" * 6])
def test_an_endless_event_is_refused(line: bytes, monkeypatch: pytest.MonkeyPatch):
    """Memory stays bounded when a server never ends its line, or its event."""
    monkeypatch.setattr(sse, "MAX_EVENT_CHARS", 50)
    with pytest.raises(EventTooLongError, match="50"):
        read(line)


CHOPPED = (
    ": hi\r\ndata: naïve 日本 🎉\r\n\r\nevent: e\rdata: 1\rdata: 2\r\rdata: [DONE]\n\n".encode()
)


@pytest.mark.parametrize("cut", range(len(CHOPPED) + 1))
def test_a_cut_at_any_byte_changes_nothing(cut: int):
    """Neither characters nor line ends are lost where two chunks meet."""
    whole = [StreamEvent("naïve 日本 🎉"), StreamEvent("1\n2", "e"), StreamEvent("[DONE]")]
    assert read(CHOPPED[:cut], CHOPPED[cut:]) == whole


@given(st.lists(st.integers(0, len(CHOPPED)), max_size=12))
def test_many_cuts_change_nothing(cuts: list[int]):
    """The same for any number of chunks, empty ones included."""
    borders = [0, *sorted(cuts), len(CHOPPED)]
    chunks = [CHOPPED[a:b] for a, b in pairwise(borders)]
    assert read(*chunks) == read(CHOPPED)
