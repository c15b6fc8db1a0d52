"""One turn of the user: speech on its way to a committed item."""

import asyncio
from dataclasses import dataclass, field

from voice.engines.protocols import Transcript, Utterance
from voice.realtime.events import new_id
from voice.session.record import TurnRecord
from voice.session.reply import Reply
from voice.turns.agreement import Agreement


@dataclass(slots=True, eq=False)
class Turn:
    """What is known of a turn; `understanding` and what came of it are dropped when it goes on."""

    utterance: Utterance
    started_ms: float
    item_id: str = field(default_factory=lambda: new_id("item_"))
    announced: bool = False
    """Whether the client has been told of it."""
    record: TurnRecord = field(default_factory=TurnRecord)
    agreement: Agreement = field(default_factory=Agreement)
    partial: str = ""
    """The latest text of unfinished speech."""
    understanding: asyncio.Task[None] | None = None
    transcript: Transcript | None = None
    error: str | None = None
    draft: Reply | None = None

    @property
    def text(self) -> str:
        return self.transcript.text if self.transcript else ""

    def go_on(self) -> None:
        """Drop what was prepared for an end that was none."""
        self.transcript = self.error = None
        if self.understanding is not None:
            self.understanding.cancel()
            self.understanding = None
        self.drop_draft()

    def drop_draft(self) -> None:
        if self.draft is not None:
            self.draft.cancel("turn_detected")
            self.draft = None

    def close(self) -> None:
        self.go_on()
        self.utterance.close()
