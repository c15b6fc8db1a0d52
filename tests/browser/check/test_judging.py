"""What the check page makes of sounds, levels and addresses, computed in the browser itself."""

import numpy as np
import pytest
import soundfile

from voice.bundled import samples_path

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

RATE_HZ = 24_000
FIND = """async ({heard, start}) => {
  const { findEcho } = await import("/web/check/chirp.js");
  return findEcho(Int16Array.from(heard), start);
}"""
PATTERN = """async () => {
  const { pattern } = await import("/web/check/chirp.js");
  return Array.from(pattern());
}"""


def question(name: str, samples: int) -> np.ndarray:
    """A spoken question over and over, int16 (samples,)."""
    x, rate_hz = soundfile.read(samples_path() / "questions" / f"{name}.wav", dtype="int16")
    assert rate_hz == RATE_HZ
    return np.resize(x, samples)


async def found(page, heard: np.ndarray, start: int):
    return await page.evaluate(FIND, {"heard": heard.astype(np.int16).tolist(), "start": start})


@pytest.mark.parametrize(("delay_ms", "db"), [(12, -6), (83, -30), (410, -20), (140, -45)])
async def test_an_echo_is_found_with_its_delay_and_level(check_page, delay_ms, db):
    played = np.array(await check_page.evaluate(PATTERN), dtype=float)  # (n_samples,)
    start = 1234
    heard = np.random.default_rng(2).normal(0, 8, start + len(played) + RATE_HZ)
    at = start + delay_ms * RATE_HZ // 1000
    heard[at : at + len(played)] -= played * 10 ** (db / 20)  # some speakers turn the phase
    echo = await found(check_page, heard, start)
    assert echo["delayMs"] == pytest.approx(delay_ms, abs=0.2)
    assert echo["db"] == pytest.approx(db, abs=0.5)


async def test_an_echo_is_found_under_speech(check_page):
    played = np.array(await check_page.evaluate(PATTERN), dtype=float)
    heard = question("garden", len(played) + RATE_HZ) * 0.1  # somebody speaks, softly
    at = 100 * RATE_HZ // 1000
    heard[at : at + len(played)] += played * 10 ** (-15 / 20)
    echo = await found(check_page, heard, 0)
    assert echo["delayMs"] == pytest.approx(100, abs=0.2)
    assert echo["db"] == pytest.approx(-15, abs=1)


@pytest.mark.parametrize(
    "name", ["bread", "coffee", "garden", "interrupt", "library", "trail", "winter"]
)
async def test_speech_is_no_echo(check_page, name):
    assert await found(check_page, question(name, 3 * RATE_HZ), 0) is None


async def test_noise_and_silence_and_a_recording_that_ends_early_are_no_echo(check_page):
    noise = np.random.default_rng(3).normal(0, 3000, 3 * RATE_HZ)
    assert await found(check_page, noise, 0) is None
    assert await found(check_page, np.zeros(3 * RATE_HZ), 0) is None
    assert await found(check_page, np.zeros(RATE_HZ), 0) is None


JUDGE_ECHO = """async ([bare, left]) => {
  const { judgeEcho } = await import("/web/check/echo.js");
  return judgeEcho(bare, left);
}"""


@pytest.mark.parametrize(
    ("bare", "left", "state", "words"),
    [
        (None, None, "good", "does not hear the speaker"),
        ((-20, 40), None, "good", "cancelled in full"),
        ((-20, 40), (-50, 40), "good", "echo −50 dB after cancellation"),
        ((-20, 40), (-30, 40), "doubtful", "echo −30 dB after cancellation"),
        ((-5, 40), (-10, 40), "bad", "echo −10 dB after cancellation, 40 ms"),
        ((-20, 420), None, "doubtful", "420 ms from speaker to microphone"),
    ],
)
async def test_an_echo_is_judged_by_what_cancellation_leaves(check_page, bare, left, state, words):
    echoes = [each and {"db": each[0], "delayMs": each[1], "likeness": 1} for each in (bare, left)]
    judged = await check_page.evaluate(JUDGE_ECHO, echoes)
    assert judged["state"] == state
    assert words in judged["figure"]
    assert bool(judged["remedy"]) == (state != "good")


JUDGE_LEVELS = """async (samples) => {
  const { Levels, judgeLevels } = await import("/web/check/device.js");
  const heard = new Levels();
  for (let at = 0; at < samples.length; at += 480) heard.add(Int16Array.from(samples.slice(at, at + 480)));
  return { speechMs: heard.speechMs, ...judgeLevels(heard) };
}"""


def spoken(gain: float, noise: float) -> np.ndarray:
    """Speech after a second of nothing, int16 (n_samples,)."""
    x = np.concatenate([np.zeros(RATE_HZ), question("bread", 2 * RATE_HZ) / 32768.0]) * gain
    x += np.random.default_rng(4).normal(0, noise, len(x)) if noise else 0
    return np.clip(np.round(x * 32767), -32768, 32767)


@pytest.mark.parametrize(
    ("gain", "noise", "state", "words"),
    [
        (0.5, 0.0005, "good", "speech −"),
        (0.012, 0.00002, "doubtful", "too quiet"),
        (6.0, 0.0005, "doubtful", "too loud"),
        (0.0, 0.01, "bad", "no speech heard"),
        (0.5, 0.03, "doubtful", "noisy"),
        (0.0, 0.0, "bad", "nothing at all"),
    ],
)
async def test_a_level_is_judged_by_speech_and_room(check_page, gain, noise, state, words):
    judged = await check_page.evaluate(JUDGE_LEVELS, spoken(gain, noise).tolist())
    assert words in judged["figure"]
    assert judged["state"] == state
    assert bool(judged["remedy"]) == (state != "good")


async def test_speech_is_heard_as_such_and_noise_is_not(check_page):
    speech = await check_page.evaluate(JUDGE_LEVELS, spoken(0.5, 0.0005).tolist())
    noise = await check_page.evaluate(JUDGE_LEVELS, spoken(0.0, 0.01).tolist())
    assert speech["speechMs"] >= 1000
    assert noise["speechMs"] == 0


WHY = """async ([ours, theirs, host]) => {
  const { candidates, whyNoWay } = await import("/web/check/ice.js");
  const sdp = (addresses) => addresses.map((each) => `a=candidate:1 1 udp 99 ${each} 4000 typ host`).join("\\r\\n");
  return whyNoWay(candidates(sdp(ours)), candidates(sdp(theirs)), host);
}"""


@pytest.mark.parametrize(
    ("ours", "theirs", "host", "words"),
    [
        ([], ["192.0.2.1"], "voice.example", "may forbid WebRTC"),
        (["192.168.1.9"], [], "voice.example", "offered no address"),
        (["192.168.1.9"], ["10.0.0.4"], "voice.example", "RTC__PUBLIC_ADDRESS"),
        (["127.0.0.1"], ["172.17.0.2"], "localhost", "RTC__PUBLIC_ADDRESS"),
        (["192.168.1.9"], ["192.168.1.5"], "192.168.1.5", "a firewall stops it"),
        (["192.168.1.9"], ["192.168.1.5"], "nas.local", "a firewall stops it"),
        (["9f.local"], ["192.168.1.5"], "192.168.1.5", "allow it"),
        (["192.168.1.9"], ["192.0.2.1", "10.0.0.4"], "voice.example", "a firewall stops it"),
    ],
)
async def test_a_way_that_was_not_found_has_its_remedy(check_page, ours, theirs, host, words):
    assert words in await check_page.evaluate(WHY, [ours, theirs, host])


JUDGE_AUDIO = """async ([ms, stages]) => {
  const { judgeFirstAudio } = await import("/web/check/link.js");
  return judgeFirstAudio(ms, stages);
}"""


@pytest.mark.parametrize(
    ("ms", "stages", "state", "words"),
    [
        (300, {"llm_ms": 200, "tts_ms": 50}, "good", ""),
        (4000, {"llm_ms": 3500, "tts_ms": 50}, "doubtful", "smaller model"),
        (4000, {"llm_ms": 50, "tts_ms": 3500}, "doubtful", "faster voice"),
        (4000, {}, "doubtful", "busy server"),
    ],
)
async def test_a_late_first_sound_names_who_is_slow(check_page, ms, stages, state, words):
    judged = await check_page.evaluate(JUDGE_AUDIO, [ms, stages])
    assert judged["state"] == state
    assert words in judged["remedy"]


JUDGE_TRIPS = """async (took) => {
  const { judgeRoundTrips } = await import("/web/check/link.js");
  return judgeRoundTrips(took);
}"""


@pytest.mark.parametrize(
    ("took", "state", "words"),
    [
        ([2, 3, 4], "good", "3.0 ms there and back, 4.0 ms at worst"),
        ([200, 210, 220], "doubtful", "210 ms"),
        ([20, 21, 900], "doubtful", "900 ms at worst"),
    ],
)
async def test_round_trips_are_judged_by_their_middle_and_their_worst(
    check_page, took, state, words
):
    judged = await check_page.evaluate(JUDGE_TRIPS, took)
    assert judged["state"] == state
    assert words in judged["figure"]


async def test_the_page_is_small_and_asks_nobody_else(check_page):
    files = await check_page.evaluate(
        "performance.getEntriesByType('resource').map(({name, encodedBodySize}) => [name, encodedBodySize])"
    )
    here = await check_page.evaluate("location.origin")
    assert all(name.startswith(f"{here}/web/") for name, _ in files)
    own = sum(size for name, size in files if "/web/check/" in name)
    assert 0 < own < 30_000
    assert sum(size for _, size in files) < 60_000


@pytest.mark.parametrize("width", [320, 390, 1200])
async def test_the_page_fits_every_width(check_page, width):
    await check_page.set_viewport_size({"width": width, "height": 800})
    assert await check_page.evaluate("document.documentElement.scrollWidth") == width


async def test_the_page_can_be_read_aloud_and_used_by_keyboard(check_page):
    assert await check_page.get_by_role("heading", level=1).count() == 1
    assert await check_page.get_by_role("list", name="Steps of the check").count() == 1
    titles = await check_page.get_by_role("listitem").get_by_role("heading").all_inner_texts()
    assert titles[0] == "Secure page"
    assert len(titles) == 10
    assert await check_page.get_by_role("status").count() >= 1
    await check_page.focus("body")
    for _ in range(12):
        await check_page.keyboard.press("Tab")
        if await check_page.evaluate("document.activeElement.id") == "start":
            break
    else:
        pytest.fail("the button cannot be reached with the keyboard")
