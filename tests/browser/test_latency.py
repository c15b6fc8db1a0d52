"""When a browser hears what the server speaks, and when it falls silent; see with `pytest -s`."""

from pathlib import Path

import numpy as np
import pytest

from tests.browser.stage import microphone, serving, visiting
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

SCRIPT = Path(__file__).with_name("latency.js")
LONG = "It closes at four on every day but Sunday, and in winter at five. " * 4
TURNS = 12
INTERRUPTIONS = 4


async def measured(call: str, sound: Path | None = None) -> dict[str, list[float]]:
    """What a function of the script saw, printed as well."""
    engines = FakeSpeechToText("wait stop"), FakeLanguageModel(LONG)
    async with (
        serving(*engines) as server,
        visiting(server.url, sound, bypass_csp=True) as visitor,
    ):
        await visitor.page.add_script_tag(path=SCRIPT)
        seen = await visitor.page.evaluate(call)
        assert visitor.errors == []
    for name, values in seen.items():
        p50, p95 = np.percentile(values, (50, 95))
        print(f"{name:>20} p50 {p50:6.1f}  p95 {p95:6.1f}  of {len(values)}")  # noqa: T201 - what it is for
    return seen


async def test_a_call_is_heard_a_little_after_a_websocket_brings_its_sound():
    seen = await measured(f"compared({TURNS})")
    assert len(seen["websocket_ms"]) == len(seen["heard_ms"]) == TURNS
    assert len(seen["silent_ms"]) == TURNS
    assert np.median(seen["heard_ms"]) > np.median(seen["websocket_ms"]) > 0


async def test_who_speaks_into_a_call_is_given_silence(tmp_path):
    sound = microphone(
        tmp_path, 6, *[part for _ in range(INTERRUPTIONS) for part in ("interrupt", 5)], 30
    )
    seen = await measured(f"interrupted({INTERRUPTIONS})", sound)
    assert len(seen["after_onset_ms"]) == INTERRUPTIONS
    assert min(seen["after_onset_ms"]) > 0  # the sound did not end by itself before
