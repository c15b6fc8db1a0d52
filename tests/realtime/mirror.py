"""A client that believes every event and notices when two cannot both be true."""

from dataclasses import dataclass, field


@dataclass
class MirroredItem:
    """An item of a response, with the text of its deltas by kind of event."""

    index: int
    parts: int = 0
    said: dict[str, str] = field(default_factory=dict)
    ready: bool = False
    """Whether the client was told that a call can be run."""
    done: bool = False


@dataclass
class MirroredResponse:
    items: dict[str, MirroredItem] = field(default_factory=dict)
    done: bool = False


TEXTS = {
    "response.output_text": "text",
    "response.output_audio_transcript": "transcript",
    "response.function_call_arguments": "arguments",
}
"""The events whose `.done` repeats the deltas, and the field that does."""


class Mirror:
    """What a client knows; every method asserts what the wire promises."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.deleted: set[str] = set()
        self.responses: dict[str, MirroredResponse] = {}
        self.turns: dict[str, set[str]] = {}
        self._event_ids: set[str] = set()

    def running(self) -> set[str]:
        return {name for name, response in self.responses.items() if not response.done}

    def hear(self, event: dict) -> None:
        assert event["event_id"] not in self._event_ids
        self._event_ids.add(event["event_id"])
        kind = event["type"]
        if kind == "conversation.item.deleted":
            self.order.remove(event["item_id"])
            self.deleted.add(event["item_id"])
        elif kind.startswith(("conversation.item.added", "conversation.item.done")):
            self._item(event)
        elif kind.startswith("input_audio_buffer.") and "item_id" in event:
            self._turn(event)
        elif kind in {"response.created", "response.done"}:
            self._response(event)
        elif kind.startswith("response."):
            self._of_response(event)

    def _known(self, item_id: str | None) -> bool:
        return item_id is None or item_id in self.order

    def _item(self, event: dict) -> None:
        item_id, previous = event["item"]["id"], event["previous_item_id"]
        assert self._known(previous), f"{previous} is not in the conversation"
        if event["type"] == "conversation.item.added":
            assert item_id not in self.order
            place = self.order.index(previous) + 1 if previous else 0
            self.order.insert(place, item_id)
        else:
            place = self.order.index(item_id)
            assert previous == (self.order[place - 1] if place else None)
            assert event["item"]["status"] != "in_progress"

    def _turn(self, event: dict) -> None:
        """The events of one turn name one item and come once each."""
        kind, seen = event["type"], self.turns.setdefault(event["item_id"], set())
        assert kind not in seen
        seen.add(kind)
        assert event["item_id"] not in self.order
        if kind == "input_audio_buffer.committed":
            assert self._known(event["previous_item_id"])

    def _response(self, event: dict) -> None:
        response = event["response"]
        if event["type"] == "response.created":
            assert response["id"] not in self.responses
            assert (response["status"], response["output"]) == ("in_progress", [])
            self.responses[response["id"]] = MirroredResponse()
            return
        mirrored = self.responses[response["id"]]
        assert not mirrored.done
        mirrored.done = True
        assert all(item.done for item in mirrored.items.values())
        assert [item["id"] for item in response["output"]] == list(mirrored.items)
        for item in response["output"]:
            self._whole(mirrored.items[item["id"]], item)

    def _of_response(self, event: dict) -> None:
        response = self.responses[event["response_id"]]
        assert not response.done, f"{event['type']} after the end"
        if event["type"] == "response.output_item.added":
            assert event["output_index"] == len(response.items)
            assert event["item"]["status"] == "in_progress"
            assert all(item.done for item in response.items.values())
            response.items[event["item"]["id"]] = MirroredItem(event["output_index"])
            return
        item_id = event["item"]["id"] if "item" in event else event["item_id"]
        item = response.items[item_id]
        assert event["output_index"] == item.index
        assert not item.done
        self._of_item(event, item)

    def _of_item(self, event: dict, item: MirroredItem) -> None:
        kind, _, happening = event["type"].rpartition(".")
        if "content_index" in event:
            opens = event["type"] == "response.content_part.added"
            assert event["content_index"] == item.parts - (not opens)
            item.parts += opens
        if kind == "response.content_part":
            return
        if happening == "delta":
            item.said[kind] = item.said.get(kind, "") + event["delta"]
        elif kind in TEXTS:
            assert event[TEXTS[kind]] == item.said.get(kind, "")
            item.ready = True
        elif event["type"] == "response.output_item.done":
            item.done = True
            self._whole(item, event["item"])

    def _whole(self, mirrored: MirroredItem, item: dict) -> None:
        """A finished item holds what was said in deltas."""
        assert item["status"] in {"completed", "incomplete"}
        said = mirrored.said
        if item["type"] == "function_call":
            assert mirrored.ready == (item["status"] == "completed")
            assert item["arguments"] == said.get("response.function_call_arguments", "")
            return
        (part,) = item["content"]
        kind = "text" if part["type"] == "output_text" else "audio_transcript"
        field_name = "text" if kind == "text" else "transcript"
        assert part[field_name] == said.get(f"response.output_{kind}", "")
