import io
from email import message_from_bytes

import msgspec
import pytest
import soundfile

from voice.audio.encoding import encoder
from voice.bench import http_audio
from voice.bench.http_audio import (
    BOUNDARY,
    audio_duration_s,
    long_recording,
    long_text,
    multipart,
    recall,
    streamed_text,
    whole_text,
)
from voice.bench.orders import WrongAnswerError


def events(*told):
    lines = (b"data: " + msgspec.json.encode(each) + b"\n\n" for each in told)
    return b"".join(lines) + b"data: [DONE]\n\n"


def delta(text):
    return {"type": "transcript.text.delta", "delta": text}


def done(text):
    return {"type": "transcript.text.done", "text": text, "usage": {}}


def test_the_text_is_as_long_as_was_asked_for():
    text = long_text(2000)
    assert 1995 <= len(text) <= 2000
    assert text.startswith(http_audio.recordings()[0].words)


def test_the_recording_holds_all_questions_with_pauses():
    wav, seconds, said = long_recording(30)
    pcm, rate_hz = soundfile.read(io.BytesIO(wav), dtype="int16")
    assert seconds >= 30
    assert len(pcm) / rate_hz == pytest.approx(seconds, abs=0.001)
    assert all(recording.words in said for recording in http_audio.recordings())


def test_a_form_can_be_read():
    head = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n".encode()
    model, file = message_from_bytes(head + multipart({"model": "m"}, b"RIFF\0")).get_payload()
    assert (model.get_param("name", header="content-disposition"), model.get_payload()) == (
        "model",
        "m",
    )
    assert file.get_filename() == "sample.wav"
    assert file.get_payload(decode=True) == b"RIFF\0"


def test_recall_counts_each_word_once():
    assert recall("the THE trail!", "The long trail, the trail") == pytest.approx(2 / 3)


def test_a_transcript_is_read_whole_and_in_parts():
    assert whole_text(b'{"text": " Hello there. ", "usage": {}}') == "Hello there."
    assert streamed_text(events(delta("Hello"), delta(" there."), done("Hello there."))) == (
        "Hello there."
    )


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (events(delta("Hello"), done("Hello there.")), "not its whole"),
        (events(delta("Hello")), "not its whole"),
        (events(delta("Hello"), done("Hello"))[:-16], r"without \[DONE\]"),
        (events({"error": {}}), "no transcript"),
        (b"", r"without \[DONE\]"),
    ],
)
def test_a_stream_that_is_no_transcript_is_wrong(body, complaint):
    with pytest.raises(WrongAnswerError, match=complaint):
        streamed_text(body)


@pytest.mark.parametrize("name", ["pcm", "wav", "mp3", "opus"])
def test_audio_of_each_format_has_its_duration(name):
    encoding = encoder(name, 24_000)
    audio = encoding.push(bytes(24_000 * 2 * 3)) + encoding.finish()
    assert audio_duration_s(audio, name) == pytest.approx(3, abs=0.1)


def test_what_is_no_audio_is_wrong():
    with pytest.raises(WrongAnswerError, match="the file"):
        audio_duration_s(b'{"error": {}}', "mp3")
