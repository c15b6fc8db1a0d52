"""Text to speech by eSpeak NG: robotic, instant, in 140 languages, with exact word times."""

import re
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import numpy as np

from voice.engines.espeak_library import (
    RATE_HZ,
    Event,
    Library,
    Manner,
    PauseEvent,
    WordEvent,
    library,
)
from voice.engines.protocols import EngineError, SpeakOptions, Speech, Word

# Of all variants a recognizer of human speech makes the fewest errors with this one, by half.
DEFAULT_VOICE = "en-us+f2"
SLOWEST, FASTEST = 0.25, 4.0
_BYTES_PER_MS = RATE_HZ * 2 / 1000
_QUIET = 60  # amplitude, of 32768
_ALIASES = {"en": "en-us", "zh": "cmn", "no": "nb"}

# What a listener calls a word: text between spaces, and in scripts without spaces a character.
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_UNSPACED}][^\w\s]*|[^\s{_UNSPACED}]+")

_Piece = Speech | Exception | None


class Espeak:
    """The `Synthesizer` over eSpeak NG.

    A voice is a language (`en-us`, `de`, `fr-fr`), with a variant if wished (`en-us+f3`).
    `pitch` and `pitch_range` are eSpeak's scales of 0-100.
    """

    rate_hz = RATE_HZ

    def __init__(
        self,
        voice: str = DEFAULT_VOICE,
        *,
        words_per_minute: int = 160,
        pitch: int = 50,
        pitch_range: int = 50,
    ) -> None:
        self._library: Library = library()
        self._variants = {name.lower(): name for name in self._library.variants}
        english = tuple(f"en-us+{name.lower()}" for name in self._library.variants)
        self.voices = (*self._library.languages, *english)
        self._known(voice)
        self._default = voice.lower()
        self._words_per_minute = words_per_minute
        self._pitch = pitch
        self._pitch_range = pitch_range

    def speak(
        self, text: str, options: SpeakOptions, cancelled: Callable[[], bool]
    ) -> Iterator[Speech]:
        """Synthesize `text`; pieces arrive while the rest is still being made.

        Raises `EngineError` for an unknown voice or a speed outside 0.25-4. eSpeak itself speaks
        at 80 words per minute or more, so the slowest speeds sound alike.
        """
        return self._pieces(text, self._manner(options), cancelled)

    def _pieces(self, text: str, manner: Manner, cancelled: Callable[[], bool]) -> Iterator[Speech]:
        # As large as one text's speech: were it bounded, a slow reader would hold the library.
        pieces: SimpleQueue[_Piece] = SimpleQueue()
        closed = threading.Event()
        stopped = lambda: closed.is_set() or cancelled()  # noqa: E731 - a condition, not a step
        thread = threading.Thread(
            target=self._run, args=(text, manner, pieces, stopped), name="espeak", daemon=True
        )
        thread.start()
        try:
            while (piece := pieces.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            closed.set()
            thread.join()

    def _run(
        self, text: str, manner: Manner, pieces: SimpleQueue[_Piece], stopped: Callable[[], bool]
    ) -> None:
        track = _Track(text)

        def sink(pcm: bytes, events: list[Event]) -> bool:
            if stopped():
                return False
            if speech := track.add(pcm, events):
                pieces.put(speech)
            return True

        try:
            self._library.synthesize(text, manner, sink)
            if not stopped() and (rest := track.finish()):
                pieces.put(rest)
        except EngineError as error:
            pieces.put(error)
        finally:
            pieces.put(None)

    def _manner(self, options: SpeakOptions) -> Manner:
        if not SLOWEST <= options.speed <= FASTEST:
            raise EngineError(f"speed must be between 0.25 and 4, not {options.speed:g}")
        voice = self._known(options.voice) if options.voice else self._voice_for(options.language)
        rate = round(self._words_per_minute * options.speed)
        return Manner(voice, rate, self._pitch, self._pitch_range)

    def _voice_for(self, language: str | None) -> str:
        """The default voice in a language; as it is for one that nobody here can speak."""
        default = self._known(self._default)
        # "en" asks for English, which a default of "en-us" is already.
        if not language or self._default.startswith(language.lower()):
            return default
        _, plus, variant = self._default.partition("+")
        try:
            return self._known(f"{language}{plus}{variant}")
        except EngineError:
            return default

    def _known(self, voice: str) -> str:
        """The voice as the library spells it; raises `EngineError` for one it does not have."""
        wanted, _, variant = voice.lower().partition("+")
        wanted = _ALIASES.get(wanted, wanted)
        languages = self._library.languages
        found = (code for code in languages if f"{code}-".startswith(f"{wanted}-"))
        language = wanted if wanted in languages else next(found, None)
        if language is None:
            raise EngineError(
                f"eSpeak NG has no voice {wanted!r}; it has languages such as en-us, en-gb, de,"
                " fr-fr, es, each with variants such as en-us+f3",
                "invalid_value",
            )
        if variant and variant not in self._variants:
            raise EngineError(
                f"eSpeak NG has no variant {variant!r}; it has {', '.join(self._variants)}",
                "invalid_value",
            )
        return languages[language] + (f"+{self._variants[variant]}" if variant else "")


class _Track:
    """The audio of one call: silence before the first sound taken off, events made into words."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_TOKEN.finditer(text))
        self._held = b""
        self._trimmed_ms: float | None = None
        self._token: re.Match[str] | None = None
        self._start_ms = self._end_ms = self._total_ms = 0.0
        self._pausing = False
        self._ready: list[Word] = []

    def add(self, pcm: bytes, events: list[Event]) -> Speech | None:
        """The piece before this one: a word's end is known when the next piece is there."""
        for event in events:
            self._take(event)
        sounding = self._trimmed_ms is not None
        before = Speech(pcm=self._held, words=self._words()) if sounding and pcm else None
        self._held = pcm if before else self._trim(self._held + pcm)
        self._total_ms += len(pcm) / _BYTES_PER_MS
        return before

    def finish(self) -> Speech | None:
        """The last piece, if there was any sound."""
        self._close(self._total_ms)
        return Speech(pcm=self._held, words=self._words()) if self._trimmed_ms is not None else None

    def _trim(self, pcm: bytes) -> bytes:
        loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)) > _QUIET)
        if self._trimmed_ms is not None or not loud.size:
            return pcm
        start = 2 * int(loud[0])
        self._trimmed_ms = start / _BYTES_PER_MS
        return pcm[start:]

    def _take(self, event: Event) -> None:
        match event:
            case PauseEvent(time_ms):
                if not self._pausing:
                    self._end_ms, self._pausing = time_ms, True
            case WordEvent(position, _, time_ms):
                token = self._token_at(position)
                # Numbers and compounds report several events for what is one word in the text.
                if token is not self._token:
                    self._close(time_ms)
                    self._token, self._start_ms = token, time_ms
                self._pausing = False

    def _token_at(self, position: int) -> re.Match[str] | None:
        return next((t for t in self._tokens if t.end() > position), None)

    def _close(self, time_ms: float) -> None:
        """End the current word: at its pause if one began, else at `time_ms`."""
        if self._token:
            end_ms = self._end_ms if self._pausing else time_ms
            text = self._token.group()
            self._ready.append(Word(text=text, start_s=self._start_ms, end_s=end_ms))
            self._token = None

    def _words(self) -> tuple[Word, ...]:
        """The finished words, their times in seconds from the first sound."""
        lead_ms = self._trimmed_ms or 0.0
        words = tuple(
            Word(
                text=word.text,
                start_s=max(0.0, word.start_s - lead_ms) / 1000,
                end_s=max(0.0, word.end_s - lead_ms) / 1000,
            )
            for word in self._ready
        )
        self._ready.clear()
        return words
