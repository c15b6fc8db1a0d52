"""What the user says, as text: asked of the recognizer, and told to the client."""

from collections.abc import Callable
from typing import Literal

import msgspec
import structlog

from voice.engines.protocols import EngineError, ListenOptions, SpeechToText, Utterance
from voice.realtime.events import Event
from voice.realtime.settings import SemanticVad, ServerVad
from voice.realtime.state import RealtimeState
from voice.session.turn import Turn

log = structlog.get_logger()

LIVE_MODELS = {"gpt-realtime-whisper", "gpt-live-transcribe"}
"""Transcription models whose users expect deltas before the audio is committed."""

WaitRule = Callable[[str, Literal["low", "medium", "high", "auto"], str | None], int]
"""From the words so far, the eagerness asked for and the language, the wait in milliseconds."""


class Scribe:
    """Writes down the turns of one session."""

    def __init__(
        self,
        stt: SpeechToText,
        wait_rule: WaitRule,
        state: RealtimeState,
        emit: Callable[[list[Event]], None],
    ) -> None:
        self._stt = stt
        self._wait_rule = wait_rule
        self._state = state
        self._emit = emit

    def listen(self) -> Utterance:
        return self._stt.listen(self._options())

    def _options(self) -> ListenOptions:
        asked = self._state.config.audio.input.transcription
        if asked is None:
            return ListenOptions()
        return ListenOptions(
            language=asked.language or None,
            prompt=asked.prompt or "",
            keywords=tuple(asked.keywords or ()),
        )

    @property
    def wants_partials(self) -> bool:
        """Whether texts of unfinished speech are of use always, or at least the asking for them."""
        semantic = isinstance(self._state.config.audio.input.turn_detection, SemanticVad)
        return self._stt.incremental or semantic or self._is_live

    @property
    def guesses(self) -> bool:
        """Whether an answer is begun on the latest partial text, while the final one is made."""
        return self._stt.incremental

    @property
    def _is_live(self) -> bool:
        """Whether the client expects the words while they are spoken."""
        asked = self._state.config.audio.input.transcription
        live_model = asked is not None and asked.model in LIVE_MODELS
        return live_model or self._state.config.type == "transcription"

    def wait_ms(self, text: str) -> int:
        """How long after these words the end of a turn should be awaited."""
        match self._state.config.audio.input.turn_detection:
            case SemanticVad(eagerness=eagerness):
                return self._wait_rule(text, eagerness, self._options().language)
            case ServerVad(silence_duration_ms=silence_ms):
                return silence_ms
        return 0

    async def partial(self, turn: Turn) -> str:
        """The text so far; empty when there is none to tell."""
        try:
            return await turn.utterance.partial() or ""
        except EngineError:
            return ""  # the transcript of the whole turn will say why
        except Exception:
            log.exception("partial transcript failed")
            return ""

    async def write_down(self, turn: Turn) -> None:
        """Note in the turn what was said up to its pause, or why that is not known."""
        try:
            transcript = await turn.utterance.transcript()
        except EngineError as error:
            turn.error = str(error)
        except Exception:
            log.exception("transcript failed")
            turn.error = "The server failed to understand; its log says why."
        else:
            turn.transcript = msgspec.structs.replace(transcript, text=transcript.text.strip())

    def publish_live(self, turn: Turn, text: str) -> None:
        """Show the part of an unfinished text that is stable, where the client expects it."""
        if self._is_live and (delta := turn.agreement.push(text)):
            self._emit(self._state.transcription_delta(turn.item_id, delta))

    def publish(self, turn: Turn) -> None:
        """Tell the client, and the conversation, what was said in a committed turn."""
        if turn.error is not None:
            self._emit(self._state.transcription_failed(turn.item_id, turn.error, "engine_error"))
            return
        transcript = turn.transcript
        self._state.set_transcript(turn.item_id, turn.text)
        logprobs = transcript.logprobs if transcript else ()
        if delta := turn.agreement.finish(turn.text):
            self._emit(self._state.transcription_delta(turn.item_id, delta, logprobs))
        seconds = transcript.duration_s if transcript else 0.0
        sent = turn.agreement.sent
        self._emit(self._state.transcription_completed(turn.item_id, sent, seconds, logprobs))
