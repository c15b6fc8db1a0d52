"""The Agents SDK for JavaScript, unmodified, against a real server.

`npm install --no-save @openai/agents-realtime` in the root of the checkout makes these run.
"""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conformance.live import KEY
from tests.conformance.person import LONG, librarian
from tests.conformance.stage import HEARD, recording, words

HERE = Path(__file__).parent
NODE = shutil.which("node")


def installed() -> bool:
    if NODE is None:
        return False
    command = [NODE, "--input-type=module", "--eval", "await import('@openai/agents-realtime')"]
    return subprocess.run(command, check=False, cwd=HERE, capture_output=True).returncode == 0


pytestmark = [pytest.mark.conformance, pytest.mark.server]


@pytest.fixture(scope="module", autouse=True)
def _client():
    if not installed():
        pytest.skip("@openai/agents-realtime is not installed")


async def play(live, scene: str, tmp_path: Path) -> dict:
    """Run one scene in Node; gives what the client reports in the end."""
    for name in ("winter", "interrupt"):
        (tmp_path / name).write_bytes(recording(name))
    url = f"{live.ws_url}?model=gpt-realtime"
    node = await asyncio.create_subprocess_exec(
        NODE,
        HERE / "agents.mjs",
        *(url, KEY, scene, tmp_path / "winter", tmp_path / "interrupt"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, trouble = await node.communicate()
    assert node.returncode == 0, trouble.decode()
    report = json.loads(output.splitlines()[-1])
    assert report["errors"] == []
    return report


async def test_77_agents_js_a_spoken_turn(serve, tmp_path):
    async with serve(HEARD) as live:
        report = await play(live, "turn", tmp_path)
    assert report["history"] == [["user", HEARD], ["assistant", "It closes at four."]]
    assert report["audioBytes"] == 1080 * 48


async def test_77_agents_js_a_barge_in(serve, tmp_path):
    def answer(prompt):
        return "Dogs are welcome." if "Wait" in prompt.messages[-1].content else LONG

    async with serve([HEARD, words("interrupt")], answer) as live:
        report = await play(live, "interrupt", tmp_path)
    (_, first), (role, cut), (_, second), (_, answered) = report["history"]
    assert (first, second, answered) == (HEARD, words("interrupt"), "Dogs are welcome.")
    assert role == "assistant"
    assert LONG.startswith(cut)
    assert 0 < len(cut) < len(LONG) / 2
    said = [m.content for m in live.llm.prompts[-1].messages if m.role == "assistant"]
    assert said == [cut]


async def test_77_agents_js_a_tool_call(serve, tmp_path):
    async with serve(HEARD, librarian) as live:
        report = await play(live, "tool", tmp_path)
    assert report["asked"] == ["winter"]
    assert report["history"] == [["user", HEARD], ["assistant", "In winter it closes at three."]]
