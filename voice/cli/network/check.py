"""What `voice doctor --network` looks at, from the port to the first sound of an answer."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from voice.cli.checks import Check
from voice.cli.network.call import Call, NoWayError, calling
from voice.cli.network.target import Target, reach
from voice.cli.network.wire import ProbeError, RoundTrips, Wire
from voice.config import RtcSettings
from voice.engines.names import ROLES
from voice.gateway.secrets import PREFIX
from voice.groups import ungrouped

HTTP_S = 15.0
OPEN_S = 10.0
SLOW_MS = 1500
FAR_MS = 150
FIRST_AUDIO = "first audio"
LOG = "the log of the server says more"
PROXY = (
    "a proxy in between must pass WebSockets on: HTTP/1.1 with the headers Upgrade and "
    "Connection, and long timeouts"
)


async def network(target: Target, rtc: RtcSettings | None = None) -> AsyncIterator[Check]:
    """All checks of the way to a server; `rtc` are its settings, where it is that of this machine.

    A way that does not work is a `problem` only where there is no other.
    """
    async for check in reach(target):
        yield check
        if check.verdict == "problem":
            return
    timeout = aiohttp.ClientTimeout(total=HTTP_S)
    connector = aiohttp.TCPConnector(ssl=target.tls or True)
    async with aiohttp.ClientSession(
        headers=target.headers, timeout=timeout, connector=connector
    ) as http:
        async for check in _server(target, http):
            yield check
            if check.verdict == "problem":
                return
        async for check in _conversations(target, http):
            yield check
    for check in _udp_ports(rtc) if rtc else ():
        yield check


# ---------------------------------------------------------------- what the server says


async def _server(target: Target, http: aiohttp.ClientSession) -> AsyncIterator[Check]:
    try:
        async with http.get(f"{target.url}/health") as answered:
            health = await answered.json()
            status, version, engines = health["status"], health["version"], health["engines"]
        async with http.get(f"{target.url}/v1/models") as listed:
            let_in = listed.status
    except (aiohttp.ClientError, TimeoutError, KeyError, TypeError, ValueError):
        other = target.url.replace("http", "https", 1) if not target.secure else target.url
        remedy = f"see what listens there, or try --url {other}"
        yield Check("problem", "server", "what answers there is no such server", remedy)
        return
    yield _status(status, version, health.get("reason", ""))
    for engine in engines:
        if engine["hint"]:
            yield Check(
                "note",
                ROLES[engine["kind"]],
                f"{engine['name']}; a better one can be had",
                engine["hint"],
            )
    # Client secrets open conversations alone.
    if let_in == 401 and not (target.key or "").startswith(PREFIX):
        yield _key(target)


def _status(status: str, version: str, reason: str) -> Check:
    text = f"version {version}, {status}"
    if status == "failed":
        return Check("problem", "server", f"{text}: {reason}", "voice doctor says what is missing")
    if status == "warming":
        return Check("note", "server", text, "its engines are still loading; wait a minute")
    if status == "degraded":
        return Check("note", "server", text, "an engine is being restarted; its log says why")
    return Check("ok", "server", text)


def _key(target: Target) -> Check:
    if target.key:
        return Check(
            "problem", "key", "the server does not know it", "compare it with AUTH__API_KEYS"
        )
    remedy = "give one of its AUTH__API_KEYS with --key, or as VOICE_API_KEY"
    return Check("problem", "key", "the server wants one", remedy)


# ---------------------------------------------------------------- conversations


async def _conversations(target: Target, http: aiohttp.ClientSession) -> AsyncIterator[Check]:
    sounded = 0
    for way in (_over_websocket(target), _over_webrtc(target, http)):
        for check in await way:
            sounded += check.subject == FIRST_AUDIO
            yield check
    if not sounded:
        text = "neither way gives an answer that sounds"
        yield Check("problem", "conversation", text, "follow the notes above")


async def _over_websocket(target: Target) -> list[Check]:
    found = []
    try:
        async with _socket(target) as wire:
            trips = await wire.round_trips()
            found.append(_judged("WebSocket", str(trips), trips.middle_ms))
            found.append(_first_audio("the WebSocket", await wire.first_audio_ms()))
    except InvalidStatus as error:
        status = error.response.status_code
        remedy = "all its seats are taken; try again later" if status == 503 else PROXY
        found.append(Check("note", "WebSocket", f"refused with HTTP {status}", remedy))
    except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError) as error:
        found.append(Check("note", "WebSocket", f"does not get through: {error}", PROXY))
    except ProbeError as error:
        found.append(Check("note", "WebSocket", str(error), LOG))
    return found


@asynccontextmanager
async def _socket(target: Target) -> AsyncIterator[Wire]:
    address = f"{target.url.replace('http', 'ws', 1)}/v1/realtime"
    async with connect(
        address,
        additional_headers=target.headers,
        ssl=target.tls,
        max_size=None,
        compression=None,
        open_timeout=OPEN_S,
        proxy=None,
    ) as socket_:
        wire = Wire(socket_.send)

        async def read() -> None:
            with suppress(ConnectionClosed):
                async for frame in socket_:
                    wire.take(frame)
            wire.end()

        with ungrouped():
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(read())
                try:
                    await wire.next("session.created", seconds=OPEN_S)
                    yield wire
                finally:
                    reading.cancel()


async def _over_webrtc(target: Target, http: aiohttp.ClientSession) -> list[Check]:
    found = []
    try:
        async with calling(target, http) as call:
            found.append(_path(call, await call.wire.round_trips()))
            found.append(_first_audio("WebRTC", await call.wire.first_audio_ms()))
    except NoWayError as error:
        found.append(Check("note", "WebRTC", str(error), error.remedy))
    except (ProbeError, aiohttp.ClientError, TimeoutError) as error:
        found.append(Check("note", "WebRTC", str(error), LOG))
    return found


def _path(call: Call, trips: RoundTrips) -> Check:
    times = f"ICE in {call.ice_ms:.0f} ms, connected in {call.connected_ms:.0f} ms"
    text = f"{call.path}; {times}; {trips}"
    if call.relayed:
        remedy = "let UDP through to the server itself: a relay adds to every answer"
        return Check("note", "WebRTC", text, remedy)
    return _judged("WebRTC", text, trips.middle_ms)


def _judged(subject: str, text: str, middle_ms: float) -> Check:
    if middle_ms > FAR_MS:
        remedy = "the server is far away: every answer comes that much later"
        return Check("note", subject, text, remedy)
    return Check("ok", subject, text)


def _first_audio(way: str, ms: float) -> Check:
    text = f"after {ms:.0f} ms over {way}"
    if ms > SLOW_MS:
        remedy = "a smaller model, a faster voice or a GPU shortens every answer"
        return Check("note", FIRST_AUDIO, text, remedy)
    return Check("ok", FIRST_AUDIO, text)


# ---------------------------------------------------------------- the ports of calls


def _udp_ports(rtc: RtcSettings) -> Iterator[Check]:
    ports = rtc.udp_range
    if ports is None:
        inside = Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()
        remedy = "in a container, set RTC__UDP_PORTS=40000-40100 and publish these UDP ports"
        yield Check("note" if inside else "ok", "UDP ports", "any that is free", inside * remedy)
        return
    free = sum(map(_is_free, ports))
    text = f"{ports[0]}-{ports[-1]}, {free} of {len(ports)} free"
    remedy = "each call takes one for every address of the machine: widen RTC__UDP_PORTS"
    yield Check("ok", "UDP ports", text) if free > 1 else Check("note", "UDP ports", text, remedy)


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
