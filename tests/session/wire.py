"""What must hold for everything that one session has sent."""

from tests.realtime.mirror import Mirror

TRANSCRIPTION = "conversation.item.input_audio_transcription."


class Wire:
    """A client of one session that believes every event it hears."""

    def __init__(self, *, live: bool) -> None:
        self._mirror = Mirror()
        self._live = live
        self._turns: set[str] = set()
        self._texts: dict[str, str] = {}
        self._started_ms: dict[str, int] = {}
        self._replying: str | None = None

    @classmethod
    def check(cls, events: list[dict], *, live: bool = False) -> None:
        """Assert that all events can be true; `live` text may come before its item was named."""
        wire = cls(live=live)
        assert not events or events[0]["type"] == "session.created"
        for event in events:
            wire._hear(event)

    def _hear(self, event: dict) -> None:
        self._mirror.hear(event)
        kind = event["type"]
        assert all(isinstance(event[key], int) for key in event if key.endswith("_ms"))
        if kind.startswith("input_audio_buffer.") and "item_id" in event:
            self._of_turn(event)
        elif kind.startswith(TRANSCRIPTION):
            self._of_text(event)
        elif kind in {"response.created", "response.done"}:
            self._of_reply(event)
        elif "item" in event:
            _assert_no_nulls(event["item"])

    def _of_turn(self, event: dict) -> None:
        self._turns.add(event["item_id"])
        if event["type"].endswith("speech_started"):
            self._started_ms[event["item_id"]] = event["audio_start_ms"]
        elif event["type"].endswith("speech_stopped"):
            assert event["audio_end_ms"] > self._started_ms[event["item_id"]] >= 0

    def _of_text(self, event: dict) -> None:
        item_id = event["item_id"]
        assert self._live or item_id in self._turns, "text of a turn nobody was told of"
        if event["type"].endswith("delta"):
            self._texts[item_id] = self._texts.get(item_id, "") + event["delta"]
        elif event["type"].endswith("completed"):
            assert event["transcript"] == self._texts.get(item_id, "")

    def _of_reply(self, event: dict) -> None:
        """The conversation has one reply at a time; those out of band do not count."""
        response = event["response"]
        if response["conversation_id"] is None:
            return
        if event["type"] == "response.created":
            assert self._replying is None
            self._replying = response["id"]
        else:
            assert self._replying == response["id"]
            self._replying = None


def _assert_no_nulls(item: dict) -> None:
    assert None not in item.values(), item
    for part in item.get("content", []):
        assert not [key for key, value in part.items() if value is None and key != "transcript"]
