"""The sources of an answer are told to those who asked for them."""

from tests.realtime.talk import on_wire
from tests.realtime.test_response import TEXT, new_stream, response_of
from voice.realtime.config import SessionConfig
from voice.realtime.response import Citation

CITED = Citation("file-1", "library.md", "It closes at six.")


def test_who_wants_citations_gets_one_event_each_and_all_in_the_end():
    stream = new_stream(SessionConfig(output_modalities=("text",), include=("response.citations",)))
    stream.text("Six.")
    (event,) = map(on_wire, stream.cited([CITED]))
    assert event["type"] == "response.output_text.annotation.added"
    assert (event["annotation_index"], event["content_index"]) == (0, 0)
    assert event["annotation"] == {
        "type": "file_citation",
        "file_id": "file-1",
        "filename": "library.md",
        "quote": "It closes at six.",
        "index": 4,
    }
    assert response_of(stream.finish("completed"))["citations"] == [
        {"file_id": "file-1", "filename": "library.md", "quote": "It closes at six."}
    ]


def test_others_hear_nothing_of_citations():
    stream = new_stream(TEXT)
    stream.text("Six.")
    assert stream.cited([CITED]) == []
    assert "citations" not in response_of(stream.finish("completed"))
