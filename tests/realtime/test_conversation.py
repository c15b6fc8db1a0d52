import pytest

from tests.realtime.talk import Spoken
from voice.realtime.conversation import Conversation
from voice.realtime.errors import WireError
from voice.realtime.items import (
    FunctionCallItem,
    InputAudio,
    InputText,
    MessageItem,
    OutputAudio,
    OutputText,
    Part,
)


def message(item_id: str, *parts: Part) -> MessageItem:
    return MessageItem(item_id, "user", list(parts) or [InputText(item_id)])


def spoken(item_id: str, words: str = "one two three") -> MessageItem:
    return MessageItem(item_id, "assistant", [OutputAudio(words, Spoken(words))])


def conversation(*ids: str) -> Conversation:
    made = Conversation("conv_1")
    for item_id in ids:
        made.add(message(item_id))
    return made


def order(made: Conversation) -> list[str]:
    return [item.id for item in made]


def error(action: object, *arguments: object) -> tuple[str | None, str, str | None]:
    with pytest.raises(WireError) as caught:
        action(*arguments)  # type: ignore[operator]
    return caught.value.code, caught.value.message, caught.value.param


def test_items_are_appended_in_order():
    made = conversation("a", "b", "c")
    assert order(made) == ["a", "b", "c"]
    assert [made.previous_of(each) for each in "abc"] == [None, "a", "b"]
    assert len(made) == 3
    assert "b" in made
    assert "x" not in made
    assert made.get("x") is None


def test_root_comes_before_everything():
    made = conversation("a", "b")
    made.add(message("first"), "root")
    assert order(made) == ["first", "a", "b"]
    assert (made.previous_of("first"), made.previous_of("a")) == (None, "first")
    empty = conversation()
    empty.add(message("only"), "root")
    assert order(empty) == ["only"]


def test_an_item_is_put_after_the_one_it_names():
    made = conversation("a", "b")
    made.add(message("x"), "a")
    made.add(message("y"), "b")
    assert order(made) == ["a", "x", "b", "y"]
    assert [made.previous_of(each) for each in "xby"] == ["a", "x", "b"]


def test_an_id_is_taken_once():
    made = conversation("a")
    assert error(made.add, message("a")) == (
        "item_create_duplicate_item_id",
        "Error adding item: an item with id 'a' already exists.",
        "item.id",
    )
    assert order(made) == ["a"]


def test_an_item_is_not_added_after_one_that_is_not_there():
    made = conversation("a")
    assert error(made.add, message("b"), "ghost") == (
        "invalid_value",
        "Error adding item: the previous item with id 'ghost' does not exist.",
        "previous_item_id",
    )
    assert order(made) == ["a"]


def test_a_deleted_item_is_never_named_again():
    made = conversation("a", "b", "c")
    made.delete("b")
    assert order(made) == ["a", "c"]
    assert made.previous_of("c") == "a"
    made.delete("c")
    made.add(message("d"))
    assert made.previous_of("d") == "a"
    made.delete("a")
    assert made.previous_of("d") is None
    made.delete("d")
    assert order(made) == []
    made.add(message("b"))
    assert (order(made), made.previous_of("b")) == (["b"], None)


def test_what_is_not_there_cannot_be_deleted_retrieved_or_truncated():
    made = conversation("a")
    assert error(made.delete, "X") == (
        "item_delete_invalid_item_id",
        "Error deleting item: the item with id 'X' does not exist.",
        "item_id",
    )
    assert error(made.retrieve, "X") == (
        "item_retrieve_invalid_item_id",
        "Error retrieving item: the item with id 'X' does not exist.",
        "item_id",
    )
    assert error(made.truncate, "X", 0, 0) == (
        "item_truncate_invalid_item_id",
        "Error truncating item: the item with id 'X' does not exist.",
        "item_id",
    )


def test_a_truncated_answer_holds_what_was_heard():
    made = conversation("a")
    made.add(spoken("b"))
    made.truncate("b", 0, 150)
    item = made.retrieve("b")
    assert item.to_wire()["content"] == [{"type": "output_audio", "transcript": "one"}]


def test_truncating_beyond_the_end_is_no_error():
    made = conversation()
    made.add(spoken("b"))
    made.truncate("b", 0, 3760)
    content = made.retrieve("b").to_wire()["content"]
    assert content == [{"type": "output_audio", "transcript": "one two three"}]


@pytest.mark.parametrize(
    "item",
    [
        message("x"),
        message("x", InputAudio(b"")),
        MessageItem("x", "assistant", [OutputText("hi")]),
        MessageItem("x", "assistant", []),
        FunctionCallItem("x", "c", "f"),
    ],
)
def test_only_what_the_assistant_said_can_be_truncated(item):
    made = conversation()
    made.add(item)
    assert error(made.truncate, "x", 0, 10) == (
        None,
        "Only model output audio messages can be truncated",
        None,
    )


def test_a_truncation_must_name_a_part_and_a_time_that_can_be():
    made = conversation()
    made.add(spoken("b"))
    assert error(made.truncate, "b", 1, 10) == (
        "invalid_value",
        "Invalid value for 'content_index': the item has no audio at 1.",
        "content_index",
    )
    assert error(made.truncate, "b", -1, 10)[2] == "content_index"
    assert error(made.truncate, "b", 0, -1) == (
        "invalid_value",
        "Invalid value for 'audio_end_ms': expected integer >= 0, got -1.",
        "audio_end_ms",
    )
    content = made.retrieve("b").to_wire()["content"]
    assert content == [{"type": "output_audio", "transcript": "one two three"}]


def test_a_step_in_a_long_conversation_looks_at_few_items():
    """A client that replays thousands of items at any place must not wait for each."""

    class Counted(str):
        """An id that counts how often it is compared."""

        __slots__ = ()
        compared = 0

        def __eq__(self, other: object) -> bool:
            Counted.compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    made = Conversation("conv_1")
    for number in range(5000):
        made.add(message(Counted(number)), "root" if number % 2 else None)
    Counted.compared = 0
    made.add(message("x"), Counted(2500))
    assert made.previous_of("x") == "2500"
    made.delete(Counted(2500))
    assert made.previous_of(Counted("x")) == "2498"
    assert Counted.compared < 50
