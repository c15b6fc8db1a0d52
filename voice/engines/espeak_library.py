"""eSpeak NG's C library, as Python sees it: one instance per process, one caller at a time.

The library keeps its voice, its parameters and its callback in globals, so everything here
happens under one lock.
"""

import ctypes
import functools
import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from voice.engines.protocols import EngineError

RATE_HZ = 22_050
CHUNK_MS = 100

_SYNCHRONOUS = 2  # audio goes to the callback, on the thread that asked for it
_PHONEME_EVENTS = 0x0001
_DONT_EXIT = 0x8000
_UTF8 = 1
_END_PAUSE = 0x1000

_END, _WORD, _PHONEME = 0, 1, 7
_PARAMETER_RATE, _PARAMETER_PITCH, _PARAMETER_RANGE = 1, 3, 4

# A control character can start a command inside the text; a space keeps the positions right.
_CONTROLS = dict.fromkeys([*range(32), 127], " ")


class WordEvent(NamedTuple):
    """A word begins: where in the text, in characters from 0, and when, in milliseconds."""

    position: int
    length: int
    time_ms: int


class PauseEvent(NamedTuple):
    """The voice falls silent."""

    time_ms: int


Event = WordEvent | PauseEvent
Sink = Callable[[bytes, list[Event]], bool]


class Manner(NamedTuple):
    """How to speak: an identifier from `Library.languages`, with `+variant` if wished, words per
    minute, and pitch on scales of 0-100.
    """

    voice: str
    words_per_minute: int
    pitch: int
    pitch_range: int


class _Identity(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    )


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identity),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.POINTER(ctypes.c_char)),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Library:
    """The loaded library. Take it from `library()`: a second one would share the globals."""

    def __init__(self, library_path: str, data_path: str) -> None:
        self._lock = threading.Lock()
        self._c = ctypes.CDLL(library_path)
        self._c.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._c.espeak_TextToPhonemes.restype = ctypes.c_char_p
        options = _PHONEME_EVENTS | _DONT_EXIT
        rate_hz = self._c.espeak_Initialize(_SYNCHRONOUS, CHUNK_MS, data_path.encode(), options)
        if rate_hz != RATE_HZ:
            raise EngineError(
                f"eSpeak NG could not read its voices in {data_path}"
                " (the folder must be whole, and its path at most 150 characters long)"
            )
        self.languages = self._languages()
        self.variants = tuple(sorted(file.name for file in Path(data_path, "voices/!v").iterdir()))

    def _languages(self) -> dict[str, str]:
        """What the library calls the voice of each language; its names alone do not all load."""
        voices = self._c.espeak_ListVoices(None)
        languages: dict[str, str] = {}
        for voice in itertools.takewhile(bool, (voices[i] for i in itertools.count())):
            # A byte of priority comes before each language code.
            address = ctypes.cast(voice.contents.languages, ctypes.c_void_p).value or 0
            code = ctypes.string_at(address + 1).decode().lower()
            languages.setdefault(code, voice.contents.identifier.decode())
        return languages

    def synthesize(self, text: str, manner: Manner, sink: Sink) -> None:
        """Speak `text` into `sink`, piece by piece, until it answers False.

        Raises `EngineError` when the library refuses the voice or the text.
        """
        stopped = False

        def hand_over(
            samples: "ctypes._Pointer[ctypes.c_short]",
            count: int,
            events: "ctypes._Pointer[_Event]",
        ) -> int:
            nonlocal stopped
            pcm = ctypes.string_at(samples, count * 2) if count else b""
            stopped = stopped or not sink(pcm, _read_events(events))
            return int(stopped)

        data = text.translate(_CONTROLS).encode()
        callback = _Callback(hand_over)
        with self._lock:
            self._set(manner)
            self._c.espeak_SetSynthCallback(callback)
            flags = _UTF8 | _END_PAUSE
            status = self._c.espeak_Synth(data, len(data) + 1, 0, 1, 0, flags, None, None)
        if status != 0 and not stopped:
            raise EngineError(f"eSpeak NG could not speak this text (status {status})")

    def phonemes(self, text: str, voice: str, separator: str = "") -> str:
        """The phonemes of `text` in eSpeak's ASCII notation, with `separator` between them."""
        mode = ord(separator) << 8 if separator else 0
        data = ctypes.c_char_p(text.translate(_CONTROLS).encode())
        position = ctypes.c_void_p(ctypes.cast(data, ctypes.c_void_p).value)
        clauses: list[str] = []
        with self._lock:
            self._set_voice(voice)
            while position.value:
                clause = self._c.espeak_TextToPhonemes(ctypes.byref(position), _UTF8, mode)
                clauses.append((clause or b"").decode())
        return " ".join(clauses).strip()

    def _set(self, manner: Manner) -> None:
        # The voice first: choosing one resets the parameters.
        self._set_voice(manner.voice)
        self._c.espeak_SetParameter(_PARAMETER_RATE, manner.words_per_minute, 0)
        self._c.espeak_SetParameter(_PARAMETER_PITCH, manner.pitch, 0)
        self._c.espeak_SetParameter(_PARAMETER_RANGE, manner.pitch_range, 0)

    def _set_voice(self, voice: str) -> None:
        if self._c.espeak_SetVoiceByName(voice.encode()) != 0:
            raise EngineError(f"eSpeak NG has no voice {voice!r}")


def _read_events(raw: "ctypes._Pointer[_Event]") -> list[Event]:
    events: list[Event] = []
    for event in itertools.takewhile(lambda e: e.type != _END, (raw[i] for i in itertools.count())):
        if event.type == _WORD:
            # The library counts characters, not bytes, and from 1.
            events.append(WordEvent(event.text_position - 1, event.length, event.audio_position))
        elif event.type == _PHONEME and event.id.string.startswith(b"_"):
            events.append(PauseEvent(event.audio_position))
    return events


@functools.cache
def library() -> Library:
    """The library and voices of the `espeakng-loader` wheel; raises `EngineError` without them."""
    try:
        import espeakng_loader  # noqa: PLC0415 - a heavy import, only where the engine runs

        return Library(espeakng_loader.get_library_path(), espeakng_loader.get_data_path())
    except (ImportError, OSError) as error:
        raise EngineError(f"eSpeak NG could not be loaded: {error}") from error
