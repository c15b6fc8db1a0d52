"""Speech and transcription over a socket, by the engines that are installed."""

import io
from itertools import cycle
from time import perf_counter
from typing import get_args

import msgspec
import numpy as np
import soundfile

from voice.audio.decoding import Decoder, DecodingError
from voice.audio.pcm import SAMPLE_BYTES, samples, silence
from voice.bench.connection import ExchangeError, Reply
from voice.bench.figures import percentiles
from voice.bench.http_messages import AudioFormat, Spoken, Transcribed
from voice.bench.http_ways import Load
from voice.bench.orders import DONE, WrongAnswerError
from voice.bench.script import RATE_HZ, recordings
from voice.turns.words import plain

PATIENCE_S = 600.0

CHARACTERS = 2000
MOST_TIMES = 10
FASTEST_PER_S = 40
"""No voice says more characters than this in a second."""

RECORDING_S = 120.0
PAUSE_MS = 700
LEAST_RECALL = 0.3
"""Who understands less than this has not listened."""
BOUNDARY = "voice-bench-boundary"


class _Event(msgspec.Struct):
    type: str
    delta: str = ""
    text: str = ""


class _Transcript(msgspec.Struct):
    text: str


# ---------------------------------------------------------------- speech


async def speak(load: Load) -> None:
    """Have a long text spoken in each format, as often as the plan's time allows."""
    text = long_text(CHARACTERS)
    for name in get_args(AudioFormat):
        try:
            await _speak(load, text, name)
        except (ExchangeError, WrongAnswerError) as error:
            load.blame(f"speech as {name}", error)


async def _speak(load: Load, text: str, name: AudioFormat) -> None:
    door = load.measured.door
    body = msgspec.json.encode({"input": text, "voice": "alloy", "response_format": name})
    request = door.request("/audio/speech", body)
    reply = await door.send(request, patience_s=PATIENCE_S)  # it may open what others need not
    audio_s = audio_duration_s(bytes(reply.body), name)
    if audio_s < len(text) / FASTEST_PER_S:
        raise WrongAnswerError(f"{len(text)} characters took only {audio_s:.1f} s")
    replies: list[Reply] = []
    until_s = perf_counter() + load.plan.seconds
    while not replies or (perf_counter() < until_s and len(replies) < MOST_TIMES):
        replies.append(await door.send(request, patience_s=PATIENCE_S))
    first = percentiles(reply.first_ms for reply in replies)
    whole = percentiles(reply.whole_ms for reply in replies)
    assert first is not None and whole is not None  # noqa: S101, PT018 - there is one at least
    load.spoken.append(
        Spoken(
            format=name,
            characters=len(text),
            audio_s=round(audio_s, 1),
            first_ms=first,
            whole_ms=whole,
        )
    )


def long_text(characters: int) -> str:
    """Sentences of about this length together."""
    text = ""
    for recording in cycle(recordings()):
        text += f"{recording.words} "
        if len(text) >= characters:
            return text[:characters].strip()
    raise AssertionError


def audio_duration_s(audio: bytes, name: AudioFormat) -> float:
    """How long the audio is. Raises `WrongAnswerError` for what is none in this format."""
    if name == "pcm":
        return len(audio) / SAMPLE_BYTES / RATE_HZ
    try:
        with Decoder(io.BytesIO(audio), RATE_HZ) as decoder:
            for _ in decoder.blocks():
                pass
            if decoder.trouble:
                raise WrongAnswerError(decoder.trouble)
            return decoder.decoded_s
    except DecodingError as error:
        raise WrongAnswerError(f"the file {error}") from error


# ---------------------------------------------------------------- transcription


async def transcribe(load: Load) -> None:
    """Have the sample questions transcribed, whole and as a stream."""
    audio, audio_s, said = long_recording(RECORDING_S)
    await load.mark("before transcription")
    texts = []
    for streamed in (False, True):
        try:
            texts.append(await _transcribe(load, audio, audio_s, said, streamed=streamed))
        except (ExchangeError, WrongAnswerError) as error:
            load.blame("streamed transcription" if streamed else "transcription", error)
        await load.mark("streamed transcription" if streamed else "transcription")
    if len(set(texts)) > 1:
        load.blame("transcription", WrongAnswerError("the stream says another text than the whole"))


async def _transcribe(
    load: Load, audio: bytes, audio_s: float, said: str, *, streamed: bool
) -> str:
    door = load.measured.door
    fields = {"model": "whisper-1", "response_format": "json"}
    body = multipart(fields | ({"stream": "true"} if streamed else {}), audio)
    media_type = f"multipart/form-data; boundary={BOUNDARY}"
    request = door.request("/audio/transcriptions", body, media_type)
    reply = await door.send(request, patience_s=PATIENCE_S)
    text = streamed_text(bytes(reply.body)) if streamed else whole_text(bytes(reply.body))
    share = recall(text, said)
    if share < LEAST_RECALL:
        raise WrongAnswerError(f"{share:.0%} of the words were understood: {text[:100]!r}")
    load.transcribed.append(
        Transcribed(
            streamed=streamed,
            audio_s=round(audio_s, 1),
            first_ms=round(reply.first_ms, 1),
            took_s=round(reply.whole_ms / 1000, 2),
            recall=round(share, 3),
        )
    )
    return text


def long_recording(seconds: float) -> tuple[bytes, float, str]:
    """A WAV of the sample questions with pauses between, its length in seconds, and its words."""
    pcm, words = b"", ""
    for recording in cycle(recordings()):
        if len(pcm) >= seconds * RATE_HZ * SAMPLE_BYTES:
            break
        pcm += recording.pcm + silence(PAUSE_MS, RATE_HZ)
        words += f"{recording.words} "
    file = io.BytesIO()
    soundfile.write(file, samples(pcm).astype(np.int16), RATE_HZ, subtype="PCM_16", format="WAV")
    return file.getvalue(), len(pcm) / SAMPLE_BYTES / RATE_HZ, words


def multipart(fields: dict[str, str], audio: bytes) -> bytes:
    """A form with a file in it."""
    head = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    file = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="sample.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    )
    return (head + file).encode() + audio + f"\r\n--{BOUNDARY}--\r\n".encode()


def recall(heard: str, said: str) -> float:
    """The share of the words that were said, each counted once, that were heard."""
    wanted = {plain(word) for word in said.split()}
    return len(wanted & {plain(word) for word in heard.split()}) / len(wanted)


def whole_text(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Transcript).text.strip()
    except msgspec.DecodeError as error:
        raise WrongAnswerError(f"the answer is no transcript ({error}): {body[:200]!r}") from None


def streamed_text(body: bytes) -> str:
    events = [event for event in body.split(b"\n\n") if event and not event.startswith(b":")]
    if not events or events[-1] != DONE:
        raise WrongAnswerError(f"the stream ends without [DONE]: {body[-200:]!r}")
    try:
        told = [
            msgspec.json.decode(event.removeprefix(b"data: "), type=_Event) for event in events[:-1]
        ]
    except msgspec.DecodeError as error:
        raise WrongAnswerError(f"an event is no transcript ({error})") from None
    parts = "".join(event.delta for event in told if event.type == "transcript.text.delta")
    whole = "".join(event.text for event in told if event.type == "transcript.text.done")
    if parts.strip() != whole.strip():
        raise WrongAnswerError("the parts of the stream are not its whole")
    return whole.strip()
