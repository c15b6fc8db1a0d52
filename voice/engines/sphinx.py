"""Speech-to-text with PocketSphinx: small, embedded, English, and decoding while people speak.

With documents, each utterance is decoded twice: with the general language model, and with one made
from the documents. Both use the same acoustic model, so the better score is the likelier text.
"""

import re
import tempfile
from collections import deque
from pathlib import Path
from typing import Any

from voice.engines.domain import domain_model, sentences
from voice.engines.espeak_library import library
from voice.engines.pronunciation import pronounce
from voice.engines.protocols import STT_RATE_HZ, EngineError, ListenOptions, Transcript, Word

STREAMS = 2
"""Utterances decoded while they are spoken; of more, each is decoded at once when asked for.

A decoder takes 90 MB, and decoding a tenth of real time on one core.
"""
FRAMES_PER_S = 100

_FILLERS = ("<", "[", "+")


class Sphinx:
    """A `Recognizer`; `documents` is a folder whose words and phrases are to be expected."""

    incremental = True

    def __init__(self, documents: str | None = None) -> None:
        said = list(sentences(Path(documents))) if documents else []
        model, extra = _domain(said)
        self._free = deque(_Ear(model, extra) for _ in range(STREAMS))
        self._spare = _Ear(model, extra)
        self._utterances: dict[int, _Utterance] = {}

    def open(self, utterance: int, options: ListenOptions) -> None:
        """Begin; it knows one language and takes no hints, so the options change nothing."""
        del options
        self._utterances[utterance] = _Utterance()

    def feed(self, utterance: int, pcm: bytes) -> None:
        if utterance in self._utterances:
            self._utterances[utterance].pcm += pcm

    def partial(self, utterance: int) -> str:
        heard = self._heard(utterance)
        ear = self._ear(heard)
        if ear is None:
            return ""
        heard.catch_up(ear)
        return _written(ear.text())

    def transcript(self, utterance: int) -> Transcript:
        heard = self._heard(utterance)
        ear = self._ear(heard) or self._spare
        if ear is self._spare:
            heard.ended = True
        heard.catch_up(ear)
        words = ear.end()
        heard.ended = True
        text = " ".join(word.text for word in words)
        return Transcript(
            text=_written(text),
            language="en",
            words=tuple(words),
            duration_s=len(heard.pcm) / 2 / STT_RATE_HZ,
        )

    def close(self, utterance: int) -> None:
        heard = self._utterances.pop(utterance, None)
        if heard is not None and heard.ear is not None:
            self._free.append(heard.ear)

    def _heard(self, utterance: int) -> "_Utterance":
        try:
            return self._utterances[utterance]
        except KeyError:
            raise EngineError("the utterance was closed") from None

    def _ear(self, heard: "_Utterance") -> "_Ear | None":
        """The ear that follows the utterance; None while all are taken."""
        if heard.ear is None and self._free:
            heard.ear = self._free.popleft()
            heard.ended = True
        return heard.ear


class _Utterance:
    """The audio of an utterance and how far it is decoded."""

    def __init__(self) -> None:
        self.pcm = bytearray()
        self.ear: _Ear | None = None
        self.ended = True
        """Whether decoding has to start from the beginning.

        A text once asked for ends the decoding; speech that goes on is decoded anew, as half a
        sentence decoded by itself is understood worse.
        """
        self._decoded = 0

    def catch_up(self, ear: "_Ear") -> None:
        if self.ended:
            ear.start()
            self._decoded, self.ended = 0, False
        pending = bytes(self.pcm[self._decoded :])
        self._decoded += len(pending)
        ear.hear(pending)


class _Ear:
    """One or two decoders that hear the same audio."""

    def __init__(self, model: Path | None, extra: dict[str, str]) -> None:
        self._decoders = [_decoder()]
        if model is not None:
            domain = _decoder()
            for word, phones in extra.items():
                domain.add_word(word, phones, update=False)
            domain.add_lm_file("domain", str(model))
            domain.activate_search("domain")
            self._decoders.append(domain)
        self._running = False

    def start(self) -> None:
        if self._running:
            self.end()
        for decoder in self._decoders:
            decoder.start_utt()
        self._running = True

    def hear(self, pcm: bytes) -> None:
        if pcm:
            for decoder in self._decoders:
                decoder.process_raw(pcm, no_search=False, full_utt=False)

    def text(self) -> str:
        """The hypothesis so far."""
        best = self._best()
        return best.hyp().hypstr if best is not None else ""

    def end(self) -> list[Word]:
        """The words of the utterance, which ends with this."""
        for decoder in self._decoders:
            decoder.end_utt()
        self._running = False
        best = self._best()
        return _words(best) if best is not None else []

    def _best(self) -> Any:
        heard = [decoder for decoder in self._decoders if decoder.hyp() is not None]
        return max(heard, key=lambda decoder: decoder.hyp().best_score, default=None)


def _written(text: str) -> str:
    """Words as they are written: capitals at the start and for the speaker."""
    return re.sub(r"^[a-z]|\bi\b", lambda found: found[0].upper(), text)


def _words(decoder: Any) -> list[Word]:
    return [
        Word(
            text=segment.word.split("(")[0],
            start_s=segment.start_frame / FRAMES_PER_S,
            end_s=(segment.end_frame + 1) / FRAMES_PER_S,
        )
        for segment in decoder.seg()
        if not segment.word.startswith(_FILLERS)
    ]


def _decoder() -> Any:
    try:
        from pocketsphinx import Decoder  # noqa: PLC0415 - only where the engine runs

        return Decoder(samprate=STT_RATE_HZ, loglevel="FATAL")
    except (ImportError, RuntimeError) as error:
        raise EngineError(f"PocketSphinx could not be loaded: {error}") from error


def _domain(said: list[list[str]]) -> tuple[Path | None, dict[str, str]]:
    """The language model file of the documents, and how their unknown words are pronounced."""
    if not any(said):
        return None, {}
    known = _decoder()
    extra: dict[str, str] = {}
    model = domain_model(said)
    for word in model.vocabulary - {"</s>"}:
        if known.lookup_word(word) is None and (phones := pronounce(library(), word)):
            extra[word] = phones
    path = Path(tempfile.mkdtemp(prefix="voice-")) / "domain.lm"
    path.write_text(model.arpa())
    return path, extra
