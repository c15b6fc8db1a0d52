"""Each format of a transcript, to the letter."""

import re

import msgspec
import pytest

from voice.engines.fakes import spread
from voice.engines.protocols import ListenOptions, Segment, TokenLogprob, Transcript, Word
from voice.http.transcript_formats import (
    MEDIA_TYPES,
    Heard,
    Writer,
    delta_event,
    done_event,
    write,
)
from voice.http.transcription_types import Asked
from voice.transcribing.listening import Part

KNOWN = Segment(
    text="How are you?",
    start_s=3661.5,
    end_s=3662.25,
    tokens=(4, 5),
    temperature=0.0,
    avg_logprob=-0.25,
    compression_ratio=1.5,
    no_speech_prob=0.01,
)
TOKENS = (
    TokenLogprob(token=" H", logprob=-0.1),
    TokenLogprob(token="\ufffd", logprob=-1, raw=b"\xc3"),
)


def part(segment: Segment, language: str | None = "en", **fields) -> Part:
    transcript = Transcript(text=segment.text, language=language, **fields)
    return Part(
        start_s=segment.start_s - 0.5,
        end_s=segment.end_s,
        transcript=transcript,
        segments=(segment,),
    )


HELLO = part(
    Segment(text="Hello.", start_s=0.5, end_s=1.0004),
    words=(Word(text="Hello.", start_s=0.5, end_s=1.0004),),
)
HEARD = Heard([HELLO, part(KNOWN, logprobs=TOKENS)], 3663.0)


def asked(form: str, **more) -> Asked:
    return Asked(model="", options=ListenOptions(), format=form, **more)


def written(form: str, heard: Heard = HEARD, **more) -> dict:
    return msgspec.json.decode(write(heard, asked(form, **more)))


def test_text_ends_its_line():
    assert write(HEARD, asked("text")) == b"Hello. How are you?\n"


def test_srt():
    assert write(HEARD, asked("srt")).decode() == (
        "1\n00:00:00,500 --> 00:00:01,000\nHello.\n\n"
        "2\n01:01:01,500 --> 01:01:02,250\nHow are you?\n\n"
    )


def test_vtt():
    assert write(HEARD, asked("vtt")).decode() == (
        "WEBVTT\n\n"
        "00:00:00.500 --> 00:00:01.000\nHello.\n\n"
        "01:01:01.500 --> 01:01:02.250\nHow are you?\n\n"
    )


def test_json_has_what_was_asked_for():
    assert written("json") == {
        "text": "Hello. How are you?",
        "languages": [{"code": "en"}],
        "usage": {"type": "duration", "seconds": 3663.0},
    }
    assert written("json", logprobs=True)["logprobs"] == [
        {"token": " H", "logprob": -0.1, "bytes": [32, 72]},
        {"token": "\ufffd", "logprob": -1.0, "bytes": [0xC3]},
    ]


def test_verbose_json_has_segments_with_what_is_known_of_them():
    assert written("verbose_json") == {
        "task": "transcribe",
        "language": "english",
        "duration": 3663.0,
        "text": "Hello. How are you?",
        "segments": [
            {"id": 0, "seek": 0, "start": 0.5, "end": 1.0, "text": " Hello."},
            {
                "id": 1,
                "seek": 366100,
                "start": 3661.5,
                "end": 3662.25,
                "text": " How are you?",
                "tokens": [4, 5],
                "temperature": 0.0,
                "avg_logprob": -0.25,
                "compression_ratio": 1.5,
                "no_speech_prob": 0.01,
            },
        ],
        "usage": {"type": "duration", "seconds": 3663.0},
    }


def test_verbose_json_has_words_instead_or_as_well():
    words = [{"word": "Hello.", "start": 0.5, "end": 1.0}]
    only = written("verbose_json", granularities=frozenset({"word"}))
    assert only["words"] == words
    assert "segments" not in only
    both = written("verbose_json", granularities=frozenset({"word", "segment"}))
    assert both["words"] == words
    assert len(both["segments"]) == 2


def test_a_translation_is_english_whatever_was_spoken():
    german = Heard([part(KNOWN, language="de")], 1.0)
    options = ListenOptions(translate=True)
    fields = msgspec.json.decode(write(german, Asked("", options, "verbose_json")))
    assert (fields["task"], fields["language"]) == ("translate", "english")
    assert "languages" not in msgspec.json.decode(write(german, Asked("", options, "json")))


def test_a_language_that_nobody_knows_is_left_out():
    unknown = Heard([part(KNOWN, language=None)], 1.0)
    assert "language" not in written("verbose_json", unknown)
    assert "languages" not in written("json", unknown)


def test_silence_has_an_answer_in_every_format():
    silent = Heard([], 2.5)
    assert write(silent, asked("text")) == b"\n"
    assert write(silent, asked("srt")) == b""
    assert write(silent, asked("vtt")) == b"WEBVTT\n\n"
    assert written("json", silent)["text"] == ""
    assert written("verbose_json", silent)["segments"] == []


def test_long_segments_are_cut_into_cues_at_their_words():
    text = " ".join(f"number{n}" for n in range(40)) + "."
    long = Segment(text=text, start_s=0, end_s=20)
    heard = Heard([part(long, words=spread(text.split(), 20))], 20)
    blocks = write(heard, asked("srt")).decode().strip().split("\n\n")
    lines = [block.split("\n")[2] for block in blocks]
    assert " ".join(lines) == text
    assert max(map(len, lines)) <= 84


def test_what_would_break_a_subtitle_is_written_otherwise():
    odd = Segment(text="a --> b\n\n<c> & d", start_s=1, end_s=1)
    heard = Heard([part(odd)], 2)
    assert write(heard, asked("srt")).decode() == (
        "1\n00:00:01,000 --> 00:00:01,100\na --> b <c> & d\n\n"
    )
    assert "a --&gt; b &lt;c&gt; &amp; d\n" in write(heard, asked("vtt")).decode()


def test_japanese_parts_are_joined_without_spaces():
    first, second = (Segment(text=text, start_s=1, end_s=2) for text in ("今日は。", "いい天気。"))
    heard = Heard([part(first, "ja"), part(second, "ja")], 3)
    assert heard.text == "今日は。いい天気。"


def test_the_text_of_the_end_is_that_of_all_events():
    events = [delta_event(each, asked("json"), first=n == 0) for n, each in enumerate(HEARD.parts)]
    events.append(done_event(HEARD, asked("json"), ""))
    fields = [msgspec.json.decode(re.fullmatch(rb"data: (.*)\n\n", each)[1]) for each in events]
    assert [each["type"] for each in fields] == ["transcript.text.delta"] * 2 + [
        "transcript.text.done"
    ]
    assert fields[-1]["text"] == "".join(each["delta"] for each in fields[:-1])
    assert fields[-1]["usage"] == {"type": "duration", "seconds": 3663.0}
    assert "warning" not in fields[-1]


@pytest.mark.parametrize(
    ("form", "media_type"),
    [
        ("json", "application/json"),
        ("verbose_json", "application/json"),
        ("text", "text/plain; charset=utf-8"),
        ("srt", "application/x-subrip; charset=utf-8"),
        ("vtt", "text/vtt; charset=utf-8"),
    ],
)
def test_the_media_types(form, media_type):
    assert MEDIA_TYPES[form] == media_type


@pytest.mark.parametrize(
    ("form", "pieces"),
    [
        ("text", [b"Hello.", b" How are you?", b"\n"]),
        ("srt", [b"1\n00:00:00,500 --> 00:00:01,000\nHello.\n\n",
                 b"2\n01:01:01,500 --> 01:01:02,250\nHow are you?\n\n", b""]),
        ("vtt", [b"WEBVTT\n\n00:00:00.500 --> 00:00:01.000\nHello.\n\n",
                 b"01:01:01.500 --> 01:01:02.250\nHow are you?\n\n", b""]),
    ],
)  # fmt: skip
def test_what_needs_no_end_is_written_part_by_part(form, pieces):
    writer = Writer(asked(form))
    found = [*map(writer.push, HEARD.parts), writer.finish(HEARD.duration_s)]
    assert found == pieces


@pytest.mark.parametrize(("form", "text"), [("text", b"\n"), ("srt", b""), ("vtt", b"WEBVTT\n\n")])
def test_of_a_recording_without_words_there_is_the_frame(form, text):
    assert write(Heard([], 3.0), asked(form)) == text
