"""Conversations that outlive their connection for a while, to be continued over another one.

A client that asks for it gets a token. When it is gone, the configuration and the items of its
conversation are kept for two minutes; who shows the token goes on with them, also while the old
connection still hangs, which then gives way. Nothing is kept on disk.
"""

import asyncio
import secrets
from dataclasses import dataclass, field

import msgspec

from voice.realtime.config import SessionConfig
from voice.realtime.events import Event
from voice.realtime.items import InputAudio, Item, MessageItem, OutputAudio
from voice.realtime.state import RealtimeState
from voice.session.reply import SentTimeline
from voice.turns.heard import SpokenTimeline

KEEP_S = 120
MAX_KEPT = 256
MAX_BYTES = 64 * 1024 * 1024
"""Of all conversations that are kept, together; one may take a quarter of them."""
_TIMELINE_BYTES = 64
"""What the times of the words of a text take, for each of its characters."""


@dataclass(frozen=True, slots=True)
class Remains:
    """What is kept of a session."""

    config: SessionConfig
    conversation_id: str
    items: tuple[Item, ...]
    size: int
    """In bytes, about."""


@dataclass(frozen=True, slots=True)
class HeardTimeline:
    """The timeline of an answer that nobody speaks any more."""

    spoken: SpokenTimeline
    duration_ms: int

    def text_until(self, ms: int) -> str:
        return self.spoken.text_until(ms)


def remains_of(state: RealtimeState) -> Remains:
    """Take from a session that has ended what is worth keeping; audio is not."""
    items = tuple(state.conversation)
    for item in items:
        _settle(item)
    size = sum(_size(item) for item in items) + len(msgspec.json.encode(state.config))
    return Remains(state.config, state.conversation.id, items, size)


def _settle(item: Item) -> None:
    if item.status == "in_progress":
        item.status = "incomplete"
    for part in item.content if isinstance(item, MessageItem) else ():
        match part:
            case InputAudio():
                part.audio = None
            case OutputAudio(timeline=SentTimeline(spoken=spoken) as sent):
                part.audio = None
                part.timeline = HeardTimeline(spoken, sent.duration_ms)


def _size(item: Item) -> int:
    if not isinstance(item, MessageItem):
        return len(msgspec.json.encode(item.to_wire()))
    spoken = [part.transcript for part in item.content if isinstance(part, OutputAudio)]
    return len(msgspec.json.encode(item.with_media())) + _TIMELINE_BYTES * sum(map(len, spoken))


@dataclass(slots=True, eq=False)
class Hold:
    """The hold of one connection on a conversation."""

    token: str
    kind: str
    """The type of the session."""
    expires_after_s: int
    remains: Remains | None = None
    """What there is to go on with, and in the end what there is to keep."""
    resumed: bool = False
    talks: bool = False
    """Whether the session has begun; until then there is nothing of it to wait for."""
    superseded: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when another connection goes on with the conversation."""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def kept_config(self) -> SessionConfig | None:
        return self.remains.config if self.remains else None

    def to_wire(self) -> Event:
        return {
            "token": self.token,
            "expires_after_s": self.expires_after_s,
            "resumed": self.resumed,
        }


@dataclass(frozen=True, slots=True)
class _Kept:
    remains: Remains
    timer: asyncio.TimerHandle


class ResumableSessions:
    """Who holds which conversation, and the conversations that nobody holds for now.

    There are bounds to the number and the bytes of those; beyond them the oldest is forgotten.
    """

    def __init__(
        self, keep_s: int = KEEP_S, max_kept: int = MAX_KEPT, max_bytes: int = MAX_BYTES
    ) -> None:
        self._keep_s = keep_s
        self._max_kept = max_kept
        self._max_bytes = max_bytes
        self._held: dict[str, Hold] = {}
        self._kept: dict[str, _Kept] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def take(self, token: str | None, kind: str) -> Hold | None:
        """Take the conversation of a token, to be released when the connection is over.

        A token that is unknown, has expired, or stands for another type of session gives a new one;
        so do "" and "new". None asks for nothing and gives nothing.
        """
        if token is None:
            return None
        while (held := self._held.get(token)) is not None and held.kind == kind:
            held.superseded.set()
            if not held.talks:
                return self._hold(token, kind, held.remains)
            await held.over.wait()
        kept = self._kept.get(token)
        if kept is None or kept.remains.config.type != kind:
            return self._hold(secrets.token_urlsafe(24), kind, None)
        self._forget(token)
        return self._hold(token, kind, kept.remains)

    def _hold(self, token: str, kind: str, remains: Remains | None) -> Hold:
        hold = Hold(token, kind, self._keep_s, remains, resumed=remains is not None)
        self._held[token] = hold
        return hold

    def release(self, hold: Hold | None) -> None:
        """Keep what remains of the conversation; its connection is over."""
        if hold is None:
            return
        hold.over.set()
        if self._held.get(hold.token) is not hold:
            return
        del self._held[hold.token]
        if hold.remains is not None:
            self._keep(hold.token, hold.remains)

    def _keep(self, token: str, remains: Remains) -> None:
        if remains.size > self._max_bytes // 4:
            return
        timer = asyncio.get_running_loop().call_later(self._keep_s, self._forget, token)
        self._kept[token] = _Kept(remains, timer)
        while len(self._kept) > self._max_kept or self._bytes > self._max_bytes:
            self._forget(next(iter(self._kept)))

    @property
    def _bytes(self) -> int:
        return sum(each.remains.size for each in self._kept.values())

    def _forget(self, token: str) -> None:
        self._kept.pop(token).timer.cancel()
