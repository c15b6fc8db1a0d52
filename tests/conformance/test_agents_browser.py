"""The Agents SDK for JavaScript, unmodified, in a browser that calls a real server over WebRTC.

`npm install --no-save @openai/agents-realtime` in the root of the checkout makes these run, where
there are Chromium and playwright.
"""

import base64
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from aiohttp import web

from tests.browser.stage import (
    PATIENCE_MS,
    Sound,
    Visitor,
    heard_in,
    microphone,
    sounding,
    visiting,
)
from tests.conformance.live import KEY, serving
from tests.conformance.person import LONG, librarian
from tests.conformance.stage import HEARD, words
from tests.rtc.phone import order
from voice.config import EngineSettings

PAGE = Path(__file__).parent / "agents_page"
BUNDLE = Path("node_modules/@openai/agents-realtime/dist/bundle")
EMBEDDED = EngineSettings(stt="sphinx", llm="reader", tts="espeak")
STRETCH_S = 0.5
"""By how much a browser may draw out what it plays on a machine that is busy."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.conformance,
    pytest.mark.server,
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def sdk() -> Path:
    """The folder of the client as it is made for browsers, found where Node would find it."""
    for folder in PAGE.parents:
        if (folder / BUNDLE).is_dir():
            return folder / BUNDLE
    pytest.skip("@openai/agents-realtime is not installed")


@dataclass
class Report:
    """What the page knows in the end."""

    history: list[list[str]]
    sound: Sound
    told: list[dict]
    asked: list[str]

    def event(self, kind: str, count: int = 1) -> dict:
        return [event for event in self.told if event["type"] == kind][count - 1]


@dataclass
class Caller:
    visitor: Visitor
    url: str
    call_id: str = ""

    async def call(self, secret: str, *, tools: bool = False) -> None:
        script = "([url, secret, tools]) => caller.call(url, secret, tools)"
        self.call_id = await self.visitor.page.evaluate(script, [self.url, secret, tools])

    async def until(self, condition: str) -> None:
        await self.visitor.page.wait_for_function(f"() => {condition}", timeout=PATIENCE_MS)

    async def heard_all(self, answers: int = 1) -> None:
        """Wait until so many answers have come to their end, and have left the speaker, too."""
        await self.until(f"caller.count('output_audio_buffer.stopped') >= {answers}")
        await self.visitor.page.wait_for_timeout(500)

    async def report(self) -> Report:
        told = await self.visitor.page.evaluate("() => caller.report()")
        assert told.pop("errors") == self.visitor.errors == []
        sound = np.frombuffer(base64.b64decode(told.pop("sound")), np.int16)
        return Report(sound=sound, **told)


@asynccontextmanager
async def site(sdk: Path):
    """A web site on this machine with the page; to the browser it is another one than the server."""
    app = web.Application()
    app.router.add_static("/sdk", sdk)
    app.router.add_static("/", PAGE)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def calling(address: str, sdk: Path, spoken: Path, *, tools: bool = False):
    """Open a page in a browser, and let it call the server with a secret that was made for it."""
    async with site(sdk) as origin, visiting(f"{origin}/index.html", spoken) as visitor:
        await visitor.page.wait_for_function("() => window.caller", timeout=PATIENCE_MS)
        caller = Caller(visitor, f"http://{address}/v1/realtime/calls")
        await caller.call(await mint(address), tools=tools)
        yield caller


async def mint(address: str) -> str:
    """What the back end of a page does for it."""
    asked = {"session": {"type": "realtime", "model": "gpt-realtime"}}
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as http,
        http.post(f"http://{address}/v1/realtime/client_secrets", json=asked) as response,
    ):
        secret = json.loads(await response.read())["value"]
    assert secret.startswith("ek_")
    return secret


async def test_77_agents_browser_a_spoken_turn(serve, sdk, tmp_path):
    spoken = microphone(tmp_path, 2, "winter", 60)
    async with serve(HEARD) as live, calling(live.address, sdk, spoken) as caller:
        assert caller.call_id.startswith("rtc_")
        await caller.heard_all()
        report = await caller.report()
    assert report.history == [["user", HEARD], ["assistant", "It closes at four."]]
    ((begun_s, ended_s),) = sounding(report.sound)
    assert ended_s - begun_s == pytest.approx(18 * 0.06, abs=STRETCH_S)
    assert report.event("session.updated")["session"]["instructions"] == "Answer about the library."


async def test_77_agents_browser_a_barge_in(serve, sdk, tmp_path):
    def answer(prompt):
        return "Dogs are welcome." if "Wait" in prompt.messages[-1].content else LONG

    spoken = microphone(tmp_path, 2, "winter", 4, "interrupt", 60)
    async with (
        serve([HEARD, words("interrupt")], answer) as live,
        calling(live.address, sdk, spoken) as caller,
    ):
        await caller.heard_all()
        report = await caller.report()
    check_cut(live, report, report.event("input_audio_buffer.speech_started", 2))
    assert report.history[2:] == [["user", words("interrupt")], ["assistant", "Dogs are welcome."]]
    assert len(sounding(report.sound)) == 2


async def test_77_agents_browser_a_stop_by_hand(serve, sdk, tmp_path):
    spoken = microphone(tmp_path, 2, "winter", 60)
    async with serve(HEARD, LONG) as live, calling(live.address, sdk, spoken) as caller:
        await caller.until("caller.count('output_audio_buffer.started') > 0")
        await caller.visitor.page.wait_for_timeout(2000)
        await caller.visitor.page.evaluate("() => caller.session.interrupt()")
        await caller.until("caller.count('conversation.item.retrieved') > 1")
        await caller.visitor.page.wait_for_timeout(1000)
        report = await caller.report()
    check_cut(live, report, report.event("output_audio_buffer.cleared"))
    assert len(report.history) == len(sounding(report.sound)) + 1 == 2


def check_cut(live, report: Report, cause: dict) -> None:
    """The long answer fell silent at `cause`, and what is left of it is what was heard."""
    begun_s, ended_s = sounding(report.sound)[0]
    assert ended_s - cause["heard_s"] < 0.5
    truncated = report.event("conversation.item.truncated")
    assert truncated["audio_end_ms"] / 1000 == pytest.approx(ended_s - begun_s, abs=STRETCH_S)
    (_, asked), (role, cut) = report.history[:2]
    assert (asked, role) == (HEARD, "assistant")
    assert LONG.startswith(cut)
    assert len(cut) * 0.06 == pytest.approx(ended_s - begun_s, abs=0.6)
    if len(live.llm.prompts) > 1:
        said = [m.content for m in live.llm.prompts[-1].messages if m.role == "assistant"]
        assert said == [cut]


async def test_77_agents_browser_a_tool_call(serve, sdk, tmp_path):
    spoken = microphone(tmp_path, 2, "winter", 60)
    async with (
        serve(HEARD, librarian) as live,
        calling(live.address, sdk, spoken, tools=True) as caller,
    ):
        await caller.heard_all()
        report = await caller.report()
    assert report.asked == ["winter"]
    assert report.history == [["user", HEARD], ["assistant", "In winter it closes at three."]]
    ((begun_s, ended_s),) = sounding(report.sound)
    assert ended_s - begun_s == pytest.approx(29 * 0.06, abs=STRETCH_S)


HAND_OVER = """async () => {
  const { RealtimeAgent } = await import('./sdk/openai-realtime-agents.mjs');
  await caller.session.updateAgent(new RealtimeAgent({ name: 'B', instructions: 'Be kind.' }));
}"""


async def test_77_agents_browser_writes_and_hands_over_and_edits_the_past(serve, sdk, tmp_path):
    def answer(prompt):
        return f"{prompt.messages[0].content} {len(prompt.messages)}"

    spoken = microphone(tmp_path, 60)
    async with serve("", answer) as live, calling(live.address, sdk, spoken) as caller:
        run = caller.visitor.page.evaluate
        await run("() => caller.session.sendMessage('Hello')")
        await caller.heard_all()
        await run(HAND_OVER)
        await run("() => caller.session.updateHistory((items) => items.slice(0, 1))")
        await caller.until("caller.history().length === 1")
        await run("() => caller.session.sendMessage('And now?')")
        await caller.heard_all(2)
        report = await caller.report()
    assert len(sounding(report.sound)) == 2
    assert report.history == [
        ["user", "Hello"],
        ["user", "And now?"],
        ["assistant", "Be kind. 3"],
    ]


async def test_77_agents_browser_hangs_up_and_calls_again(serve, sdk, tmp_path):
    spoken = microphone(tmp_path, 60)
    async with serve() as live, calling(live.address, sdk, spoken) as caller:
        first = caller.call_id
        await caller.visitor.page.evaluate("() => caller.session.close()")
        await caller.call(await mint(live.address))
        status, _ = await order(live.address, "POST", f"/v1/realtime/calls/{first}/hangup")
        assert status == 404
        assert (await caller.report()).history == []


async def test_77_agents_browser_is_told_why_a_secret_is_refused(serve, sdk, tmp_path):
    spoken = microphone(tmp_path, 60)
    async with serve() as live, calling(live.address, sdk, spoken) as caller:
        with pytest.raises(Exception, match="status 401: The client secret is unknown"):
            await caller.call("ek_of_another_server")


@pytest.mark.engine
async def test_77_agents_browser_with_real_engines(sdk, tmp_path):
    spoken = microphone(tmp_path, 2, "bread", 60)
    async with serving(engines=EMBEDDED) as address, calling(address, sdk, spoken) as caller:
        await caller.heard_all()
        report = await caller.report()
    (_, asked), (_, answer) = report.history
    assert "bake the bread" in asked.lower()
    expected = {word.strip(".,") for word in answer.lower().split() if len(word) > 3}
    found = expected & set((await heard_in(report.sound)).split())
    assert len(found) >= len(expected) / 2, (answer, found)
