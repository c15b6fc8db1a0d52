"""The items of a conversation, in order."""

from collections.abc import Iterator

from voice.realtime.errors import WireError, invalid_value, unknown_item
from voice.realtime.items import Item, MessageItem, OutputAudio

ROOT = "root"
"""As `previous_item_id`: before everything else."""


class Conversation:
    """A doubly linked list of items by id, so that every operation costs the same at any length."""

    def __init__(self, conversation_id: str) -> None:
        self.id = conversation_id
        self._items: dict[str, Item] = {}
        # None stands before the first item and after the last.
        self._next: dict[str | None, str | None] = {None: None}
        self._previous: dict[str | None, str | None] = {None: None}

    def __iter__(self) -> Iterator[Item]:
        item_id = self._next[None]
        while item_id is not None:
            yield self._items[item_id]
            item_id = self._next[item_id]

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._items

    def get(self, item_id: str) -> Item | None:
        return self._items.get(item_id)

    def previous_of(self, item_id: str) -> str | None:
        """The id of the item before this one; None when it is the first."""
        return self._previous[item_id]

    def add(self, item: Item, previous_item_id: str | None = None) -> None:
        """Put the item last, first (`"root"`), or after the item named; raises `WireError`."""
        if item.id in self._items:
            raise duplicate_item(item.id)
        self._link(item.id, self._place(previous_item_id))
        self._items[item.id] = item

    def delete(self, item_id: str) -> None:
        """Forget the item; raises `WireError` when there is none."""
        if item_id not in self._items:
            raise unknown_item("delete", item_id)
        before, after = self._previous.pop(item_id), self._next.pop(item_id)
        self._next[before], self._previous[after] = after, before
        del self._items[item_id]

    def retrieve(self, item_id: str) -> Item:
        """The item; raises `WireError` when there is none."""
        if item_id not in self._items:
            raise unknown_item("retrieve", item_id)
        return self._items[item_id]

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Forget what the assistant said after `audio_end_ms`, which may lie beyond the end.

        The item may be in progress: what is said later then counts as unheard. Raises `WireError`.
        """
        item = self._items.get(item_id)
        if item is None:
            raise unknown_item("truncate", item_id)
        if audio_end_ms < 0:
            raise invalid_value(
                f"Invalid value for 'audio_end_ms': expected integer >= 0, got {audio_end_ms}.",
                "audio_end_ms",
            )
        _audio_part(item, content_index).cut(audio_end_ms)

    def _place(self, previous_item_id: str | None) -> str | None:
        """The id that a new item follows; None when it becomes the first."""
        if previous_item_id is None:
            return self._previous[None]
        if previous_item_id == ROOT:
            return None
        if previous_item_id not in self._items:
            raise invalid_value(
                f"Error adding item: the previous item with id '{previous_item_id}' "
                "does not exist.",
                "previous_item_id",
            )
        return previous_item_id

    def _link(self, item_id: str, before: str | None) -> None:
        after = self._next[before]
        self._previous[item_id], self._next[item_id] = before, after
        self._next[before] = self._previous[after] = item_id


def duplicate_item(item_id: str) -> WireError:
    return WireError(
        f"Error adding item: an item with id '{item_id}' already exists.",
        code="item_create_duplicate_item_id",
        param="item.id",
    )


def _audio_part(item: Item, content_index: int) -> OutputAudio:
    parts = item.content if isinstance(item, MessageItem) else []
    if not any(isinstance(part, OutputAudio) for part in parts):
        raise WireError("Only model output audio messages can be truncated", code=None)
    part = parts[content_index] if 0 <= content_index < len(parts) else None
    if not isinstance(part, OutputAudio):
        raise invalid_value(
            f"Invalid value for 'content_index': the item has no audio at {content_index}.",
            "content_index",
        )
    return part
