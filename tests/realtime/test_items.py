from base64 import b64encode

import pytest

from tests.realtime.talk import Spoken, invalid
from voice.realtime.errors import WireError
from voice.realtime.items import (
    ClientItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputAudio,
    InputImage,
    InputText,
    Item,
    MessageItem,
    OutputAudio,
    OutputText,
    from_client,
)
from voice.realtime.validation import convert

PNG = "data:image/png;base64,iVBORw0KGgo="


def taken(item_id: str | None = "i", **fields: object) -> Item:
    raw = {"id": item_id, **fields}
    return from_client(convert(raw, ClientItem, "item"))


def refusal(**fields: object) -> dict[str, object]:
    with pytest.raises(WireError) as caught:
        taken(**fields)
    detail = caught.value.to_event()["error"]
    assert isinstance(detail, dict)
    del detail["event_id"]
    return detail


def message(role: str, *content: dict[str, object], **fields: object) -> Item:
    return taken(type="message", role=role, content=list(content), **fields)


# ---------------------------------------------------------------- from clients


def test_a_user_may_write_speak_and_show():
    item = message(
        "user",
        {"type": "input_text", "text": "hi"},
        {"type": "input_audio", "audio": b64encode(b"\1\2").decode(), "transcript": None},
        {"type": "input_image", "image_url": PNG, "detail": "low"},
        {"type": "input_image", "image_url": "https://example.org/cat.jpg"},
    )
    assert item == MessageItem(
        "i",
        "user",
        [
            InputText("hi"),
            InputAudio(b"\1\2"),
            InputImage(PNG, "low"),
            InputImage("https://example.org/cat.jpg"),
        ],
    )


def test_nulls_and_keys_of_the_wire_itself_are_tolerated():
    part = {"type": "input_text", "text": "hi", "audio": None, "transcript": None}
    item = message("user", part, status=None, object="realtime.item", phase="x")
    assert item == MessageItem("i", "user", [InputText("hi")])
    assert item.status == "completed"


def test_what_the_assistant_said_is_replayed_as_text():
    """Some clients replay their history as if the assistant had been a user."""
    item = message(
        "assistant",
        {"type": "output_text", "text": "Hello."},
        {"type": "input_text", "text": "Hi."},
    )
    assert item == MessageItem("i", "assistant", [OutputText("Hello."), OutputText("Hi.")])


def test_an_item_without_an_id_gets_one():
    first, second = (
        taken(item_id, type="message", role="system", content=[]) for item_id in (None, "")
    )
    assert first.id.startswith("item_")
    assert second.id.startswith("item_")
    assert first.id != second.id


def test_function_calls_and_their_outputs_are_replayed():
    assert taken(type="function_call", call_id="c", name="f", arguments="{}") == (
        FunctionCallItem("i", "c", "f", "{}")
    )
    assert taken(type="function_call_output", call_id="c", output="42") == (
        FunctionCallOutputItem("i", "c", "42")
    )
    call = taken(type="function_call", name="f", arguments="", call_id=None)
    assert isinstance(call, FunctionCallItem)
    assert call.call_id.startswith("call_")


@pytest.mark.parametrize(
    ("role", "part", "allowed"),
    [
        ("system", {"type": "input_audio", "audio": "AAAA"}, "'input_text'"),
        (
            "user",
            {"type": "output_text", "text": "x"},
            "'input_text', 'input_audio' and 'input_image'",
        ),
        ("assistant", {"type": "input_audio", "audio": "AAAA"}, "'output_text'"),
    ],
)
def test_each_role_has_its_own_kinds_of_content(role, part, allowed):
    assert refusal(type="message", role=role, content=[part]) == invalid(
        f"Invalid value: '{part['type']}'. The content of a message with the role '{role}' "
        f"can be: {allowed}.",
        "item.content[0].type",
    )


def test_the_assistants_audio_cannot_be_written_by_a_client():
    content = [{"type": "output_audio", "audio": "AAAA", "transcript": "x"}]
    error = refusal(type="message", role="assistant", content=content)
    assert (error["code"], error["param"]) == ("invalid_value", "item.content[0].type")


@pytest.mark.parametrize("kind", ["mcp_approval_response", "item_reference", "mcp_call"])
def test_other_items_are_refused_with_those_that_are_taken(kind):
    assert refusal(type=kind) == invalid(
        f"Invalid value: '{kind}'. Supported values are: 'message', 'function_call' and "
        "'function_call_output'.",
        "item.type",
    )


@pytest.mark.parametrize("url", ["", "cat.png", "file:///etc/passwd", "data:text/html,x"])
def test_an_image_must_come_as_an_image(url):
    content = [{"type": "input_text", "text": "x"}, {"type": "input_image", "image_url": url}]
    assert refusal(type="message", role="user", content=content) == invalid(
        "Invalid value for 'item.content[1].image_url': expected a 'data:image/...' or "
        "'https://...' URI.",
        "item.content[1].image_url",
    )


# ---------------------------------------------------------------- on the wire


def test_items_are_shown_without_nulls_and_without_media():
    item = MessageItem(
        "i", "user", [InputText("a"), InputAudio(b"\1\2"), InputImage(PNG), InputImage(PNG, "low")]
    )
    assert item.to_wire() == {
        "id": "i",
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "a"},
            {"type": "input_audio", "transcript": None},
            {"type": "input_image"},
            {"type": "input_image", "detail": "low"},
        ],
    }


def test_an_image_elsewhere_is_shown_by_its_address():
    url = "https://example.org/cat.jpg"
    assert InputImage(url).to_wire() == {"type": "input_image", "image_url": url}


def test_media_are_added_on_demand():
    item = MessageItem("i", "user", [InputText("a"), InputAudio(b"\1\2", "hm"), InputImage(PNG)])
    assert item.with_media()["content"] == [
        {"type": "input_text", "text": "a"},
        {"type": "input_audio", "transcript": "hm", "audio": "AQI="},
        {"type": "input_image", "image_url": PNG},
    ]


def test_audio_that_is_not_kept_is_left_out():
    item = MessageItem("i", "user", [InputAudio(None, "hm")])
    assert item.with_media() == item.to_wire()
    item = MessageItem(
        "i", "assistant", [OutputAudio("hm"), OutputAudio("ha", audio=lambda _: b"")]
    )
    assert item.with_media() == item.to_wire()


def test_calls_show_all_their_strings():
    call = FunctionCallItem("i", "c", "f", status="in_progress")
    output = FunctionCallOutputItem("j", "c", "42")
    assert call.to_wire() == {
        "id": "i",
        "object": "realtime.item",
        "type": "function_call",
        "status": "in_progress",
        "call_id": "c",
        "name": "f",
        "arguments": "",
    }
    assert output.to_wire() == {
        "id": "j",
        "object": "realtime.item",
        "type": "function_call_output",
        "status": "completed",
        "call_id": "c",
        "output": "42",
    }


# ---------------------------------------------------------------- what was heard


def test_a_cut_keeps_the_words_that_were_heard():
    part = OutputAudio("one two three", Spoken("one two three"))
    part.cut(250)
    assert (part.transcript, part.heard_ms) == ("one two", 250)
    assert part.to_wire() == {"type": "output_audio", "transcript": "one two"}


def test_a_cut_beyond_the_end_is_a_cut_at_the_end():
    part = OutputAudio("one two three", Spoken("one two three"))
    part.cut(3760)
    assert (part.transcript, part.heard_ms) == ("one two three", 300)


def test_what_was_cut_does_not_come_back():
    part = OutputAudio("one two three", Spoken("one two three"))
    part.cut(100)
    part.cut(300)
    assert (part.transcript, part.heard_ms) == ("one", 100)


def test_nothing_was_heard_of_what_has_no_timeline():
    part = OutputAudio("one two")
    part.cut(1000)
    assert (part.transcript, part.heard_ms) == ("", 0)


def test_the_audio_is_asked_for_as_far_as_it_was_heard():
    part = OutputAudio("one two", Spoken("one two"), lambda ms: bytes([9 if ms is None else ms]))
    assert part.media() == {"audio": b64encode(b"\x09").decode()}
    part.cut(100)
    assert part.media() == {"audio": b64encode(b"\x64").decode()}
