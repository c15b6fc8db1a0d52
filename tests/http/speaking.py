"""A server on fake or real engines, and requests for speech to it."""

import io
from contextlib import asynccontextmanager

import aiohttp
import av

from tests.conformance.live import scripted
from voice.cli.hosting import hosting
from voice.config import load_settings
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText
from voice.server import Server


class Mouth:
    """A client of `/v1/audio`."""

    def __init__(self, http: aiohttp.ClientSession, hosted) -> None:
        self.http = http
        self.hosted = hosted

    def post(self, **fields):
        return self.http.post("/v1/audio/speech", json={"input": "Hello there.", **fields})

    async def say(self, **fields) -> tuple[bytes, str]:
        """The audio and its type."""
        async with self.post(**fields) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.read(), answer.headers["content-type"]

    async def refused(self, **fields) -> tuple[int, dict]:
        """The status and the error."""
        async with self.post(**fields) as answer:
            assert answer.status != 200
            return answer.status, (await answer.json())["error"]


@asynccontextmanager
async def mouth(tmp_path, tts=None, **flags):
    """A server that speaks with `tts`, else with the engines of the settings."""
    opener = scripted(FakeSpeechToText(), FakeLanguageModel(), tts) if tts else None
    flags = {"engines__stt": "fake", "engines__llm": "fake", "engines__tts": "espeak"} | flags
    settings = load_settings(environment={}, env_file=tmp_path / ".env", server__port=0, **flags)
    async with (
        hosting(settings, server=Server(settings, opener)) as hosted,
        aiohttp.ClientSession(hosted.url) as http,
    ):
        yield Mouth(http, hosted)


def decoded(data: bytes, rate_hz: int) -> bytes:
    """The audio of a file, as int16 mono PCM at `rate_hz`."""
    with av.open(io.BytesIO(data)) as container:
        convert = av.AudioResampler(format="s16", layout="mono", rate=rate_hz)
        frames = [part for frame in container.decode(audio=0) for part in convert.resample(frame)]
        frames += convert.resample(None)
    return b"".join(frame.to_ndarray().tobytes() for frame in frames)
