"""The check page, against servers and devices that work and that do not."""

import re

import pytest

from tests.browser.check.checking import engines, finished, go_through, states
from tests.browser.stage import visiting
from tests.conformance.live import scripted, serving
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.engines.protocols import EngineError

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STEPS = [
    "page",
    "microphone",
    "level",
    "echo",
    "server",
    "engines",
    "socket",
    "socket-audio",
    "call",
    "call-audio",
]
SECRET = "sk-never-in-a-report"


async def test_with_all_in_order_every_step_is_good(page, address):
    found = await go_through(page, address)
    assert states(found) == dict.fromkeys(STEPS, "good")
    assert "echo cancellation: on" in found["microphone"].facts
    assert re.fullmatch(r"speech −\d+ dB, room −\d+ dB of full scale", found["level"].figure)
    assert "does not hear the speaker" in found["echo"].figure
    assert re.search(r"ms there and back, .* at worst over UDP", found["call"].figure)
    assert any("UDP is reachable" in fact for fact in found["call"].facts)
    assert await page.inner_text("#verdict-title") == "You can talk"


async def test_the_report_has_every_step_and_no_secret(page):
    async with serving(engines(), keys=(SECRET,)) as address:
        found = await go_through(page, address)
        assert states(found)["server"] == "bad"
        assert "wants a key" in found["server"].figure
        await page.fill("#key", SECRET)
        await page.click("#start")
        await page.wait_for_selector("#report", state="hidden")
        found = await finished(page)
    assert states(found) == dict.fromkeys(STEPS, "good")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.click("#copy")
    await page.wait_for_selector("#copied:text-is('Copied.')")
    report = await page.evaluate("navigator.clipboard.readText()")
    assert report.startswith("Inferno Voice check, 20")
    assert len(re.findall(r"^good ", report, re.MULTILINE)) == len(STEPS)
    assert SECRET not in report
    assert "deviceId" not in report


async def test_a_microphone_that_is_not_allowed_spares_the_rest(address):
    async with visiting("about:blank", allowed=False) as visitor:
        found = await go_through(visitor.page, address)
        title = await visitor.page.inner_text("#verdict-title")
    assert found["microphone"].figure == "The microphone is not allowed"
    assert "address bar" in found["microphone"].remedy
    assert [found[step].state for step in ("level", "echo")] == ["skipped", "skipped"]
    assert [found[step].state for step in ("socket-audio", "call-audio")] == ["good", "good"]
    # The browser hides its addresses from pages that may not listen.
    assert any("hidden (mDNS)" in fact for fact in found["call"].facts)
    assert "not speak" in title


async def test_no_microphone_at_all_has_another_remedy(page, address):
    await broken_microphone(page, "NotFoundError")
    found = await go_through(page, address)
    assert found["microphone"].figure == "No microphone was found"
    assert "Plug one in" in found["microphone"].remedy


async def broken_microphone(page, error):
    await page.add_init_script(
        "navigator.mediaDevices.getUserMedia = "
        f"() => Promise.reject(new DOMException('as a test wants', '{error}'))"
    )


async def test_a_server_that_goes_away_in_the_middle_is_told(page):
    async with serving(engines(), keys=()) as address:
        await page.goto(f"http://{address}/check")
        await page.click("#start")
        await page.wait_for_selector("#step-level[data-state=running]")
    found = await finished(page)
    assert found["microphone"].state == "good"
    for step in ("server", "socket", "call"):
        assert found[step].state == "bad"
        assert found[step].figure == "The server does not answer"
        assert "voice serve" in found[step].remedy
    assert await page.inner_text("#verdict-title") == "A conversation does not work yet"


async def test_a_server_that_goes_away_in_the_middle_of_its_answer_is_told(page):
    thinking = scripted(FakeSpeechToText(), FakeLanguageModel(delay_s=600), FakeTextToSpeech())
    async with serving(thinking, keys=()) as address:
        await broken_microphone(page, "NotFoundError")
        await page.goto(f"http://{address}/check")
        await page.click("#start")
        await page.wait_for_selector("#step-socket-audio[data-state=running]")
    found = await finished(page)
    assert found["server"].state == found["socket"].state == "good"
    assert found["socket-audio"].figure == "The server does not answer"
    assert found["call"].figure == "The server does not answer"


async def test_a_call_that_finds_no_way_says_why_and_the_socket_remains(page, address):
    async def elsewhere(route):
        """Neither side is told where the other is."""
        lines = route.request.post_data.splitlines(keepends=True)
        kept = "".join(line for line in lines if "candidate" not in line)
        answered = await route.fetch(post_data=kept)
        answer = re.sub(
            r"(a=candidate:\S+ \d udp \d+) \S+", r"\1 10.255.255.1", await answered.text()
        )
        await route.fulfill(response=answered, body=answer)

    await page.route("**/v1/realtime/calls", elsewhere)
    found = await go_through(page, address)
    assert found["call"].state == "bad"
    assert found["call"].figure == "no way to the server over UDP"
    assert "UDP does not get through to 10.255.255.1" in found["call"].remedy
    assert found["call-audio"].state == "skipped"
    assert found["socket-audio"].state == "good"
    assert await page.inner_text("#verdict-title") == "You can talk, over the WebSocket"


async def test_an_answer_that_fails_is_told_with_its_reason(page):
    async with serving(engines([EngineError("the model is broken")]), keys=()) as address:
        found = await go_through(page, address)
    for step in ("socket-audio", "call-audio"):
        assert found[step].state == "bad"
        assert found[step].figure == "the answer failed"
        assert "the model is broken" in found[step].facts[0]
    assert found["socket"].state == found["call"].state == "good"


HEARS_ITSELF = """(() => {
  const connect = AudioNode.prototype.connect;
  let room;
  navigator.mediaDevices.getUserMedia = async ({ audio }) => {
    room ??= new AudioContext({ sampleRate: 48000 });
    const microphone = room.createMediaStreamDestination();
    const loud = room.createGain();
    loud.gain.value = audio.echoCancellation ? CANCELLED : 0.2;
    const air = room.createDelay(1);
    air.delayTime.value = 0.1;
    for (const stream of speakers) connect.call(room.createMediaStreamSource(stream), air);
    connect.call(air, loud);
    connect.call(loud, microphone);
    return microphone.stream;
  };
  const speakers = [];
  AudioNode.prototype.connect = function (target, ...more) {
    if (target instanceof AudioDestinationNode) {
      const tap = this.context.createMediaStreamDestination();
      connect.call(this, tap);
      speakers.push(tap.stream);
    }
    return connect.call(this, target, ...more);
  };
})()"""


@pytest.mark.parametrize(("cancelled", "state"), [(0, "good"), (0.06, "doubtful"), (0.5, "bad")])
async def test_a_microphone_that_hears_the_speaker_is_told_how_much(
    page, address, cancelled, state
):
    await page.add_init_script(HEARS_ITSELF.replace("CANCELLED", str(cancelled)))
    found = await go_through(page, address)
    assert found["echo"].state == state
    (bare,) = found["echo"].facts
    heard = re.fullmatch(
        r"without cancellation −(\d+) dB, (\d+) ms from speaker to microphone", bare
    )
    assert heard, bare
    # A machine that is busy loses some of it on the way.
    assert 13 <= int(heard[1]) <= 25
    assert 100 <= int(heard[2]) <= 500
    assert bool(found["echo"].remedy) == (state != "good")


async def test_an_address_without_https_is_told_to_be_the_reason(page, address):
    async def served(route):
        url = route.request.url.replace("voice.test", address)
        headers = {**route.request.headers, "host": "voice.test"}
        await route.fulfill(response=await route.fetch(url=url, headers=headers))

    await page.route("http://voice.test/**", served)
    found = await go_through(page, "voice.test")
    assert found["page"].state == "bad"
    assert "https://" in found["page"].remedy
    assert found["server"].state == "good"
    for step in ("microphone", "level", "echo", "socket-audio", "call-audio"):
        assert found[step].state == "skipped"
