"""The check page in a Chromium, and what it has found."""

from dataclasses import dataclass

import numpy as np
import soundfile

from tests.conformance.live import scripted
from voice.bundled import samples_path
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech

REPORT_MS = 90_000


def engines(answer="It is noon."):
    """An opener of fakes that answer this."""
    return scripted(FakeSpeechToText(), FakeLanguageModel(answer), FakeTextToSpeech())


@dataclass(frozen=True)
class Row:
    state: str
    figure: str
    remedy: str
    facts: list[str]


ROWS = """() => Object.fromEntries([...document.querySelectorAll(".step")].map((step) => [
  step.id.replace("step-", ""),
  {
    state: step.dataset.state,
    figure: step.querySelector(".figure").textContent,
    remedy: step.querySelector(".remedy").textContent,
    facts: [...step.querySelectorAll("li")].map((fact) => fact.textContent),
  },
]))"""


async def go_through(page, address: str) -> dict[str, Row]:
    """Open the page, press its button, and wait for the report."""
    if not page.url.endswith("/check"):
        await page.goto(f"http://{address}/check")
    await page.click("#start")
    return await finished(page)


async def finished(page) -> dict[str, Row]:
    await page.wait_for_selector("#report:not([hidden])", timeout=REPORT_MS)
    return await rows(page)


async def rows(page) -> dict[str, Row]:
    return {name: Row(**row) for name, row in (await page.evaluate(ROWS)).items()}


def states(found: dict[str, Row]) -> dict[str, str]:
    return {name: row.state for name, row in found.items()}


def write_speech(path, *, gain: float = 0.5, noise: float = 1e-3) -> None:
    """A question with pauses around it, as a microphone would hear it."""
    speech, rate_hz = soundfile.read(samples_path() / "questions" / "bread.wav")  # (n_samples,)
    pause = np.zeros(rate_hz)
    heard = np.concatenate([pause, speech * gain, pause])
    heard += np.random.default_rng(1).normal(0, noise, len(heard))
    soundfile.write(path, np.clip(heard, -1, 1), rate_hz, subtype="PCM_16")
