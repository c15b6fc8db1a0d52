"""What Whisper decoded, as a transcript: its text, words, segments and tokens."""

import math
from collections.abc import Iterator
from typing import Any

from voice.engines.protocols import STT_RATE_HZ, Segment, TokenLogprob, Transcript, Word


class WhisperText:
    """Texts and tokens of one model, by its tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._specials: int = tokenizer.token_to_id("<|endoftext|>")
        """The first token that is no text."""

    def tokens(self, text: str) -> list[int]:
        if not text.strip():
            return []
        encoding = self._tokenizer.encode(f" {text.strip()}", add_special_tokens=False)
        ids: list[int] = encoding.ids
        return ids

    def first_tokens(self, text: str, limit: int) -> str:
        """The text that the first tokens of a text make."""
        return str(self._tokenizer.decode(self.tokens(text)[:limit]))

    def transcript(
        self,
        language: str | None,
        n_samples: int,
        segments: list[Any],
        aligned: list[tuple[int, float]],
    ) -> Transcript:
        """A transcript of the library's segments; `aligned` are tokens and their probabilities."""
        words = [word for segment in segments for word in segment.words if word.word.strip()]
        tokens = [token for segment in segments for token in self._spoken(segment)]
        return Transcript(
            text="".join(segment.text for segment in segments).strip(),
            language=language,
            words=tuple(
                Word(text=word.word.strip(), start_s=float(word.start), end_s=float(word.end))
                for word in words
            ),
            logprobs=tuple(
                TokenLogprob(
                    token=str(self._tokenizer.decode([token])),
                    logprob=math.log(max(found, 1e-10)),
                    raw=self._bytes(token),
                )
                for token, found in token_probabilities(aligned, tokens)
            ),
            duration_s=n_samples / STT_RATE_HZ,
            segments=tuple(map(self._segment, segments)),
        )

    def _segment(self, segment: Any) -> Segment:
        return Segment(
            text=segment.text.strip(),
            start_s=float(segment.start),
            end_s=float(segment.end),
            tokens=tuple(self._spoken(segment)),
            temperature=float(segment.temperature),
            avg_logprob=float(segment.avg_logprob),
            compression_ratio=float(segment.compression_ratio),
            no_speech_prob=float(segment.no_speech_prob),
        )

    def _spoken(self, segment: Any) -> list[int]:
        return [token for token in segment.tokens if token < self._specials]

    def _bytes(self, token: int) -> bytes:
        """A token's own bytes, each of which is spelled as a printable letter."""
        return bytes(_BYTES[letter] for letter in self._tokenizer.id_to_token(token))


def token_probabilities(
    aligned: list[tuple[int, float]], tokens: list[int]
) -> Iterator[tuple[int, float]]:
    """The probabilities of `tokens`, which stand in `aligned` in this order, with others between."""
    rest = iter(aligned)
    for token in tokens:
        probability = next((found for other, found in rest if other == token), None)
        if probability is not None:
            yield token, probability


def _byte_letters() -> Iterator[tuple[str, int]]:
    """Byte-level vocabularies write a byte that is no printable letter as one from 256 on."""
    others = iter(range(256, 512))
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    for byte in range(256):
        yield chr(byte if byte in printable else next(others)), byte


_BYTES = dict(_byte_letters())
