"""`voice doctor --network`, against servers that work and servers that do not."""

import asyncio
import re
import socket
import ssl
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession, web

from tests.conformance.live import KEY, dial, scripted, serving
from voice.cli.checks import Check
from voice.cli.hosting import hosting
from voice.cli.network import call
from voice.cli.network.check import network
from voice.cli.network.target import Target
from voice.cli.tls import Tls
from voice.config import AuthSettings, RtcSettings, ServerSettings, Settings
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.engines.protocols import EngineError
from voice.engines.registry import Choice, EngineSet
from voice.gateway.certificates import read_certificate, self_signed
from voice.server import Server

pytestmark = pytest.mark.server


def engines(answer="It is noon."):
    return scripted(FakeSpeechToText(), FakeLanguageModel(answer), FakeTextToSpeech())


async def checked(url: str, key: str | None = KEY, rtc=None, **options) -> list[Check]:
    options.setdefault("accept_self_signed", False)
    return [check async for check in network(Target.of_url(url, key, **options), rtc)]


def problems(found: list[Check]) -> list[str]:
    return [check.subject for check in found if check.verdict == "problem"]


def the(found: list[Check], subject: str) -> Check:
    (one,) = [check for check in found if check.subject == subject]
    return one


async def test_with_a_server_that_works_everything_is_well():
    async with serving(engines()) as address:
        found = await checked(f"http://{address}", rtc=RtcSettings())
    assert [(check.subject, check.verdict) for check in found if check.subject != "UDP ports"] == [
        ("address", "ok"),
        ("server", "ok"),
        ("WebSocket", "ok"),
        ("first audio", "ok"),
        ("WebRTC", "ok"),
        ("first audio", "ok"),
    ]
    assert re.search(r"host here, host there, UDP; ICE in \d+ ms", the(found, "WebRTC").text)


@pytest.mark.parametrize(
    ("key", "text"), [(None, "the server wants one"), ("wrong", "the server does not know it")]
)
async def test_a_key_that_is_missing_or_wrong_is_the_problem(key, text):
    async with serving(engines()) as address:
        found = await checked(f"http://{address}", key)
    assert problems(found) == ["key"]
    assert the(found, "key").text == text
    assert "AUTH__API_KEYS" in the(found, "key").remedy


async def test_where_nobody_listens_that_is_said_and_nothing_else():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (check,) = await checked(f"http://127.0.0.1:{port}")
    assert check.verdict == "problem"
    assert check.text == f"nobody listens at 127.0.0.1:{port}"
    assert "voice serve" in check.remedy


async def test_a_server_that_speaks_no_tls_is_told_from_one_that_is_not_there():
    async with serving(engines()) as address:
        found = await checked(f"https://{address}")
    assert problems(found) == ["certificate"]
    assert the(found, "certificate").remedy.endswith(f"--url http://{address}")


@asynccontextmanager
async def serving_tls(folder):
    pem = self_signed(["localhost", "127.0.0.1"], datetime.now(UTC))
    path = folder / "own.pem"
    path.write_bytes(pem)
    settings = Settings(server=ServerSettings(port=0), auth=AuthSettings(api_keys=(KEY,)))
    tls = Tls(path, path, read_certificate(pem))
    async with hosting(settings, server=Server(settings, engines()), tls=tls) as hosted:
        yield hosted.url


async def test_a_certificate_of_its_own_making_is_a_problem_until_it_is_accepted(tmp_path):
    async with serving_tls(tmp_path) as url:
        refused = await checked(url)
        accepted = await checked(url, accept_self_signed=True)
        spoken_to_in_clear = await checked(url.replace("https", "http"))
    assert problems(refused) == ["certificate"]
    assert the(refused, "certificate").remedy.startswith("--accept-self-signed")
    assert problems(accepted) == []
    assert [check.subject for check in accepted].count("first audio") == 2
    assert the(spoken_to_in_clear, "server").remedy.endswith(f"--url {url}")


async def test_a_trusted_certificate_says_how_long_it_is_valid(tmp_path, monkeypatch):
    async with serving_tls(tmp_path) as url:
        trusting = ssl.create_default_context(cafile=tmp_path / "own.pem")
        monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
        found = await checked(url)
        other = await checked(url.replace("127.0.0.1", "127.0.0.2"))
    assert problems(found) == []
    assert the(found, "certificate").text.startswith("valid until 2")
    assert the(other, "address").verdict == "problem"


async def test_what_is_no_voice_server_is_told():
    async def nothing(_request):
        return web.Response(text="hello")

    async with proxy({"/health": nothing}) as url:
        found = await checked(url)
    assert the(found, "server").text == "what answers there is no such server"


async def test_a_proxy_that_passes_pages_alone_is_told_and_no_conversation_works():
    async def health(_request):
        return web.json_response({"status": "ready", "version": "1", "engines": []})

    async def models(_request):
        return web.json_response({"data": []})

    async with proxy({"/health": health, "/v1/models": models}) as url:
        found = await checked(url)
    assert the(found, "WebSocket").text == "refused with HTTP 404"
    assert "Upgrade" in the(found, "WebSocket").remedy
    assert the(found, "WebRTC").text == "the server offers none"
    assert problems(found) == ["conversation"]


@asynccontextmanager
async def proxy(routes):
    """Something on a port that answers these paths and no others."""
    app = web.Application()
    app.add_routes([web.get(path, handler) for path, handler in routes.items()])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    try:
        await site.start()
        yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    finally:
        await runner.cleanup()


async def test_a_server_that_is_full_is_told():
    async with (
        serving(engines(), max_sessions=1) as address,
        dial(f"ws://{address}/v1/realtime") as talking,
    ):
        await talking.until("session.created")
        found = await checked(f"http://{address}")
    assert "seats are taken" in the(found, "WebSocket").remedy
    assert problems(found) == ["conversation"]


async def test_an_answer_that_fails_is_told_with_its_reason():
    broken = [EngineError("the model is broken")]
    async with serving(engines(broken)) as address:
        found = await checked(f"http://{address}")
    notes = [check.text for check in found if check.verdict == "note"]
    assert len(notes) == 2
    assert all("the answer failed" in text for text in notes)
    assert problems(found) == ["conversation"]


@pytest.mark.parametrize(
    ("offered", "reached_at", "remedy"),
    [
        ("10.255.255.1", "192.168.1.5", call.BLOCKED),
        ("192.88.99.1", "192.88.99.1", call.BLOCKED),
        ("192.168.1.5", "192.88.99.1", call.CONTAINER),
        ("172.17.0.2", "127.0.0.1", call.CONTAINER),
        ("172.17.0.2", "172.17.0.2", call.BLOCKED),
    ],
)
async def test_a_call_that_finds_no_way_has_its_remedy_and_the_socket_remains(
    monkeypatch, offered, reached_at, remedy
):
    offer = call._offer

    async def elsewhere(target, http, sdp):
        """Neither side is told where the other is."""
        kept = "".join(line for line in sdp.splitlines(keepends=True) if "candidate" not in line)
        location, answer = await offer(target, http, kept)
        return location, re.sub(r"(a=candidate:\S+ \d udp \d+) \S+", rf"\1 {offered}", answer)

    monkeypatch.setattr(call, "_offer", elsewhere)
    monkeypatch.setattr(call, "_address_of", lambda _target: reached_at)
    monkeypatch.setattr(call, "CONNECT_S", 0.3)
    async with serving(engines()) as served:
        found = await checked(f"http://{served}")
    assert the(found, "WebRTC").verdict == "note"
    assert offered in the(found, "WebRTC").text
    assert the(found, "WebRTC").remedy == remedy
    assert the(found, "first audio").text.endswith("over the WebSocket")
    assert problems(found) == []


async def test_better_engines_are_worth_a_note():
    @asynccontextmanager
    async def opener(_settings):
        choices = (Choice("tts", "espeak", "embedded", "voice pull kokoro"),)
        yield EngineSet(FakeSpeechToText(), FakeLanguageModel(), FakeTextToSpeech(), choices, ())

    async with serving(opener) as address:
        found = await checked(f"http://{address}")
    assert the(found, "text-to-speech").text == "espeak; a better one can be had"
    assert the(found, "text-to-speech").remedy == "voice pull kokoro"
    assert problems(found) == []


async def test_a_client_secret_opens_conversations_and_is_no_wrong_key():
    async with serving(engines()) as address, ClientSession(f"http://{address}") as http:
        headers = {"Authorization": f"Bearer {KEY}"}
        async with http.post("/v1/realtime/client_secrets", headers=headers) as minted:
            secret = (await minted.json())["value"]
        found = await checked(f"http://{address}", secret)
    assert problems(found) == []
    assert [check.subject for check in found].count("first audio") == 2


class Pondering(FakeLanguageModel):
    """Tells that it was asked, and never answers."""

    def __init__(self) -> None:
        super().__init__(delay_s=600)
        self.asked = asyncio.Event()

    async def generate(self, prompt):
        self.asked.set()
        async for piece in super().generate(prompt):
            yield piece


async def test_a_server_that_goes_away_in_the_middle_is_told():
    llm = Pondering()
    async with AsyncExitStack() as stack:
        opener = scripted(FakeSpeechToText(), llm, FakeTextToSpeech())
        address = await stack.enter_async_context(serving(opener))
        async with asyncio.TaskGroup() as group:
            checking = group.create_task(checked(f"http://{address}"))
            await llm.asked.wait()
            await stack.aclose()
    found = checking.result()
    assert "the server ended the conversation" in [check.text for check in found]
    assert the(found, "WebRTC").verdict == "note"
    assert problems(found) == ["conversation"]


async def test_a_range_of_ports_that_is_used_up_is_worth_a_note():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("", 0))
        port = taken.getsockname()[1]
        async with serving(engines()) as address:
            found = await checked(f"http://{address}", rtc=RtcSettings(udp_ports=(port, port)))
    assert the(found, "UDP ports").text == f"{port}-{port}, 0 of 1 free"
    assert the(found, "UDP ports").remedy.endswith("widen RTC__UDP_PORTS")


async def test_the_command_says_it_in_plain_lines_and_by_its_exit_status(run):
    async with serving(engines()) as address:
        arguments = ("doctor", "--network", "--url", f"http://{address}")
        well = await asyncio.to_thread(run, *arguments, "--key", KEY)
        barred = await asyncio.to_thread(run, *arguments)
    assert well.exit_code == 0
    assert well.output.startswith(f"ok       address: {address} answers in ")
    assert well.output.endswith("A conversation can be held\n")
    assert barred.exit_code == 1
    assert "problem  key: the server wants one  ->  give one of its AUTH__API_KEYS" in barred.output
    assert "A conversation cannot be held: 1 problem." in barred.output


def test_without_an_address_the_server_of_the_settings_is_checked(run):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    result = run("doctor", "--network", SERVER__HOST="0.0.0.0", SERVER__PORT=port)
    assert result.exit_code == 1
    assert f"problem  address: nobody listens at 127.0.0.1:{port}" in result.output


def test_an_address_that_is_none_is_refused(run):
    assert "must be an address like" in run("doctor", "--network", "--url", "voice.example").output
    assert "go with --network" in run("doctor", "--url", "http://voice.example").output
