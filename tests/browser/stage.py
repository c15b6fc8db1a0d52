"""A server, and a person before a browser: Chromium without a window, with a microphone of recordings."""

import asyncio
import io
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr

from tests.conformance.live import scripted
from voice.bundled import samples_path
from voice.cli.hosting import Hosted, hosting
from voice.config import AuthSettings, EngineSettings, SearchSettings, ServerSettings, Settings
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.engines.protocols import STT_RATE_HZ, ListenOptions
from voice.engines.registry import open_engine, open_engines
from voice.server import Server

RATE_HZ = 24_000
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE_MS = 30_000
"""How long a test waits for what must come; nothing is measured by it."""
LOUD = 300
"""A sample beyond this is sound; the fakes' tone has 6,500."""

Sound = npt.NDArray[np.int16]


def recording(name: str) -> Sound:
    pcm, rate_hz = soundfile.read(samples_path() / "questions" / f"{name}.wav", dtype="int16")
    assert rate_hz == RATE_HZ
    return pcm


def microphone(folder: Path, *parts: float | str) -> Path:
    """A file that the browser takes for its microphone: seconds of silence, and recordings."""
    sounds = [
        recording(part) if isinstance(part, str) else np.zeros(round(part * RATE_HZ), np.int16)
        for part in parts
    ]
    path = folder / "microphone.wav"
    soundfile.write(path, np.concatenate(sounds), RATE_HZ)
    return path


@asynccontextmanager
async def serving(
    stt=None,
    llm=None,
    tts=None,
    *,
    keys: Sequence[str] = (),
    port: int = 0,
    embedded: bool = False,
    search: SearchSettings | None = None,
) -> AsyncIterator[Hosted]:
    """A server with these fakes, or with the embedded engines."""
    fakes = (
        stt or FakeSpeechToText("how long"),
        llm or FakeLanguageModel("It closes at four."),
        tts or FakeTextToSpeech(),
    )
    opener = open_engines if embedded else scripted(*fakes)
    settings = Settings(
        server=ServerSettings(port=port),
        auth=AuthSettings(api_keys=tuple(keys)),
        engines=EngineSettings(stt="sphinx", llm="reader", tts="espeak"),
        search=search or SearchSettings(),
    )
    async with hosting(settings, server=Server(settings, opener)) as hosted:
        yield hosted


@dataclass
class Visitor:
    """A person who has opened the page; `page` is Playwright's."""

    page: object
    url: str
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    """The files of the page that came, each as its address."""

    async def sees(self, selector: str, text: str = "", *, count: int = 1) -> None:
        """Wait until that many elements show this text."""
        shown = self.page.locator(selector, has_text=text) if text else self.page.locator(selector)
        await shown.nth(count - 1).wait_for(timeout=PATIENCE_MS)

    async def misses(self, selector: str) -> None:
        await self.page.locator(selector).first.wait_for(state="hidden", timeout=PATIENCE_MS)

    async def text(self, selector: str) -> str:
        return await self.page.locator(selector).inner_text()

    async def prefer(self, **settings: str) -> None:
        """Open the page anew with these settings, as if they had been chosen before."""
        await self.page.evaluate(
            "chosen => localStorage.setItem('inferno-voice', JSON.stringify(chosen))", settings
        )
        await self.page.reload()

    async def start(self) -> None:
        await self.page.click("#orb")
        await self.page.wait_for_selector('body[data-status="live"]', timeout=PATIENCE_MS)

    async def write(self, text: str) -> None:
        await self.page.fill("#say", text)
        await self.page.press("#say", "Enter")

    async def download(self, kind: str) -> bytes:
        await self.page.click("#downloads summary")
        async with self.page.expect_download() as saving:
            await self.page.click(f'[data-download="{kind}"]')
        path = await (await saving.value).path()
        return await asyncio.to_thread(Path(path).read_bytes)

    async def recording(self) -> tuple[Sound, Sound]:
        """What was said so far: the user's side and the voice's."""
        pcm, rate_hz = soundfile.read(io.BytesIO(await self.download("wav")), dtype="int16")
        assert rate_hz == RATE_HZ
        return pcm[:, 0], pcm[:, 1]


@asynccontextmanager
async def visiting(
    url: str, microphone: Path | None = None, *, allowed: bool = True, **context: object
) -> AsyncIterator[Visitor]:
    """Open the page in a browser of its own; skips the test where there is none."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    switches = ["--use-fake-device-for-media-stream", "--disable-gpu"]
    if allowed:
        switches.append("--use-fake-ui-for-media-stream")
    if microphone is not None:
        switches.append(f"--use-file-for-fake-audio-capture={microphone}%noloop")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=switches)
        try:
            page = await (await browser.new_context(**context)).new_page()
            visitor = Visitor(page, url)
            page.on("console", lambda said: _note(visitor, said))
            page.on("pageerror", lambda error: visitor.errors.append(str(error)))
            page.on("request", lambda request: visitor.requests.append(request.url))
            page.on("websocket", lambda socket: visitor.requests.append(socket.url))
            await page.goto(url)
            yield visitor
        finally:
            await browser.close()


def _note(visitor: Visitor, said) -> None:
    if said.type in {"error", "warning"}:
        visitor.errors.append(said.text)


def sounding(x: Sound) -> list[tuple[float, float]]:
    """The stretches of a sound that are not silent, as seconds; gaps below 0.5 s do not count."""
    (loud,) = np.nonzero(np.abs(x.astype(np.int32)) > LOUD)
    if not len(loud):
        return []
    breaks = np.nonzero(np.diff(loud) > RATE_HZ // 2)[0]
    starts = [loud[0], *loud[breaks + 1]]
    ends = [*loud[breaks], loud[-1]]
    return [(start / RATE_HZ, end / RATE_HZ) for start, end in zip(starts, ends, strict=True)]


async def heard_in(pcm: Sound) -> str:
    """What the embedded recognizer makes of a sound."""
    settings = Settings(engines=EngineSettings(stt="sphinx"))
    async with open_engine(settings, "stt", "sphinx") as stt:
        utterance = stt.listen(ListenOptions())
        utterance.feed(soxr.resample(pcm, RATE_HZ, STT_RATE_HZ).tobytes())
        transcript = await utterance.transcript()
        utterance.close()
    return transcript.text.lower()
