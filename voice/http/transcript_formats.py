"""Transcripts as they are sent: plain text, subtitles, JSON, and the events of a stream."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from voice.engines.languages import language_name
from voice.engines.protocols import Segment, TokenLogprob
from voice.http.transcription_types import Asked, Format
from voice.transcribing.listening import Part
from voice.transcribing.segments import LONGEST_CHARS, LONGEST_S, grouped, separator

MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "verbose_json": "application/json",
    "text": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
}
SEEKS_PER_S = 100
SHORTEST_CUE_S = 0.1
VTT_HEAD = "WEBVTT\n\n"

Fields = dict[str, object]


@dataclass(frozen=True, slots=True)
class Heard:
    """All of a recording, and how long it is."""

    parts: Sequence[Part]
    duration_s: float

    @property
    def text(self) -> str:
        return "".join(deltas(self.parts))

    @property
    def languages(self) -> list[str]:
        """Those that were heard, in their order."""
        found = (part.transcript.language for part in self.parts)
        return list(dict.fromkeys(filter(None, found)))


def write(heard: Heard, asked: Asked) -> bytes:
    """The body of an answer."""
    writer = Writer(asked)
    parts = [writer.push(part) for part in heard.parts]
    return b"".join([*parts, writer.finish(heard.duration_s)])


class Writer:
    """Writes a transcript while it is heard; JSON is not written before its end."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._begun = False
        self._cues = 0
        self._kept: list[Part] = []

    def push(self, part: Part) -> bytes:
        """What a further part adds."""
        first, self._begun = not self._begun, True
        match self._asked.format:
            case "text":
                return delta(part, first=first).encode()
            case "srt":
                return self._numbered(part).encode()
            case "vtt":
                return ((VTT_HEAD if first else "") + "".join(_vtt(part))).encode()
            case "json" | "verbose_json":
                self._kept.append(part)
                return b""

    def finish(self, duration_s: float) -> bytes:
        """The rest, of a recording that was so long."""
        heard = Heard(self._kept, duration_s)
        match self._asked.format:
            case "text":
                return b"\n"
            case "srt":
                return b""
            case "vtt":
                return b"" if self._begun else VTT_HEAD.encode()
            case "verbose_json":
                return msgspec.json.encode(verbose_fields(heard, self._asked))
            case "json":
                return msgspec.json.encode(json_fields(heard, self._asked))

    def _numbered(self, part: Part) -> str:
        before, cues = self._cues, list(_srt(part))
        self._cues += len(cues)
        return "".join(f"{number}\n{cue}" for number, cue in enumerate(cues, before + 1))


# ---------------------------------------------------------------- JSON


def json_fields(heard: Heard, asked: Asked) -> Fields:
    fields: Fields = {"text": heard.text}
    if heard.languages and not asked.options.translate:
        fields["languages"] = [{"code": code} for code in heard.languages]
    if asked.logprobs and (logprobs := logprob_fields(heard.parts)):
        fields["logprobs"] = logprobs
    return fields | {"usage": usage(heard.duration_s)}


def verbose_fields(heard: Heard, asked: Asked) -> Fields:
    """What no engine knows is left out."""
    translated = asked.options.translate
    languages = ["en"] if translated else heard.languages
    fields: Fields = {"task": "translate" if translated else "transcribe"}
    if languages:
        fields["language"] = language_name(languages[0])
    fields |= {"duration": seconds(heard.duration_s), "text": heard.text}
    if "segment" in asked.granularities:
        fields["segments"] = list(segment_fields(heard))
    if "word" in asked.granularities:
        fields["words"] = [
            {"word": word.text, "start": seconds(word.start_s), "end": seconds(word.end_s)}
            for part in heard.parts
            for word in part.transcript.words
        ]
    return fields | {"usage": usage(heard.duration_s)}


def segment_fields(heard: Heard) -> Iterator[Fields]:
    """Their texts begin with the space that stands before them, so that they can be joined."""
    number = 0
    for part in heard.parts:
        space = separator(part.transcript.language)
        for segment in part.segments:
            known: Fields = {
                "tokens": list(segment.tokens) or None,
                "temperature": segment.temperature,
                "avg_logprob": segment.avg_logprob,
                "compression_ratio": segment.compression_ratio,
                "no_speech_prob": segment.no_speech_prob,
            }
            yield {
                "id": number,
                "seek": round(part.start_s * SEEKS_PER_S),
                "start": seconds(segment.start_s),
                "end": seconds(segment.end_s),
                "text": space + segment.text,
            } | {name: value for name, value in known.items() if value is not None}
            number += 1


def logprob_fields(parts: Sequence[Part]) -> list[Fields]:
    return [_logprob(token) for part in parts for token in part.transcript.logprobs]


def _logprob(token: TokenLogprob) -> Fields:
    raw = token.raw or token.token.encode()
    return {"token": token.token, "logprob": token.logprob, "bytes": list(raw)}


def usage(duration_s: float) -> Fields:
    return {"type": "duration", "seconds": seconds(duration_s)}


def seconds(value: float) -> float:
    return round(value, 3)


# ---------------------------------------------------------------- events


def deltas(parts: Sequence[Part]) -> Iterator[str]:
    """What each part adds to the text."""
    for number, part in enumerate(parts):
        yield delta(part, first=number == 0)


def delta(part: Part, *, first: bool) -> str:
    text = part.transcript.text
    return text if first else separator(part.transcript.language) + text


def delta_event(part: Part, asked: Asked, *, first: bool) -> bytes:
    fields: Fields = {"type": "transcript.text.delta", "delta": delta(part, first=first)}
    if asked.logprobs and part.transcript.logprobs:
        fields["logprobs"] = logprob_fields([part])
    return _event(fields)


def done_event(heard: Heard, asked: Asked, warning: str) -> bytes:
    """The end of a stream; a verbose one tells there what a verbose answer would."""
    written = verbose_fields if asked.format == "verbose_json" else json_fields
    fields: Fields = {"type": "transcript.text.done"} | written(heard, asked)
    return _event(fields | {"warning": warning} if warning else fields)


def _event(fields: Fields) -> bytes:
    return b"data: " + msgspec.json.encode(fields) + b"\n\n"


# ---------------------------------------------------------------- subtitles


def _srt(part: Part) -> Iterator[str]:
    for cue in cues(part):
        yield f"{_clock(cue.start_s, ',')} --> {_clock(cue.end_s, ',')}\n{cue.text}\n\n"


def _vtt(part: Part) -> Iterator[str]:
    for cue in cues(part):
        # An arrow in a text would begin a new cue.
        text = cue.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        yield f"{_clock(cue.start_s, '.')} --> {_clock(cue.end_s, '.')}\n{text}\n\n"


def cues(part: Part) -> Iterator[Segment]:
    """Segments that can be read in their time: long ones are cut, where the words have times."""
    space = separator(part.transcript.language)
    for segment in part.segments:
        words = tuple(
            word
            for word in part.transcript.words
            if segment.start_s <= word.start_s and word.end_s <= segment.end_s
        )
        if not words or not _is_long(segment):
            yield _cue(segment.text, segment.start_s, segment.end_s)
            continue
        for group in grouped(words):
            text = space.join(word.text for word in group)
            yield _cue(text, group[0].start_s, group[-1].end_s)


def _is_long(segment: Segment) -> bool:
    return segment.end_s - segment.start_s > LONGEST_S or len(segment.text) > LONGEST_CHARS


def _cue(text: str, start_s: float, end_s: float) -> Segment:
    """A blank line would end the cue; no time to read is no cue."""
    end_s = max(end_s, start_s + SHORTEST_CUE_S)
    return Segment(text=" ".join(text.split()), start_s=start_s, end_s=end_s)


def _clock(at_s: float, point: str) -> str:
    """Hours, minutes, seconds and milliseconds."""
    whole_s, ms = divmod(round(at_s * 1000), 1000)
    minutes, s = divmod(whole_s, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{s:02}{point}{ms:03}"
