"""Whatever way a call ends, a second later nothing of it is left."""

import asyncio
import gc
import threading
from contextlib import asynccontextmanager

import pytest

from tests.conformance.live import dial, scripted, serving
from tests.eventually import eventually
from tests.rtc.phone import Phone, calling, order, posting
from voice.bench.usage import usage
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.transports import webrtc

pytestmark = pytest.mark.server

CALLS = "/v1/realtime/calls"
LONG = "one two three four five six seven eight nine ten " * 6


def threads() -> int:
    return sum(thread.name.endswith("-decoder") for thread in threading.enumerate())


def state() -> tuple[int, int, int]:
    """The tasks, sockets and decoders that are there."""
    used = usage(0.0)
    return used.tasks, used.sockets, threads()


async def assert_nothing_left(before: tuple[int, int, int]) -> None:
    """Wait until tasks, sockets and decoders are as they were; a second must be enough."""

    def is_all_gone() -> bool:
        return all(a <= b for a, b in zip(state(), before, strict=True))

    try:
        await eventually(is_all_gone, within_s=1)
    except TimeoutError:
        message = f"tasks, sockets, decoders: {state()}, and {before} before"
        raise AssertionError(f"{message}: {asyncio.all_tasks()}") from None


@asynccontextmanager
async def server():
    engines = FakeSpeechToText("hello"), FakeLanguageModel(LONG), FakeTextToSpeech()
    async with serving(scripted(*engines)) as address:
        # The first call makes what stays: threads of the loop, modules, and the tasks of a store.
        sockets = state()[1]
        async with calling(address) as phone:
            await phone.until("session.created")
        await eventually(lambda: state()[1] <= sockets)
        yield address


async def hung_up(phone: Phone, address: str) -> None:
    await order(address, "POST", f"{phone.location}/hangup")


async def deleted(phone: Phone, address: str) -> None:
    await order(address, "DELETE", phone.location)


async def closed_by_its_client(phone: Phone, _address: str) -> None:
    await phone.connection.close()


async def closed_in_the_middle_of_an_answer(phone: Phone, _address: str) -> None:
    phone.send("response.create")
    await phone.until("output_audio_buffer.started")
    await phone.connection.close()


async def hung_up_in_the_middle_of_an_answer(phone: Phone, address: str) -> None:
    phone.send("response.create")
    await phone.until("output_audio_buffer.started")
    await order(address, "POST", f"{phone.location}/hangup")


async def without_its_channel(phone: Phone, _address: str) -> None:
    phone.channel.close()
    await phone.until_state("closed")


async def with_a_sideband(phone: Phone, address: str) -> None:
    call_id = phone.location.rpartition("/")[2]
    url = f"ws://{address}/v1/realtime?call_id={call_id}"
    async with dial(url, in_call=True) as side:
        await side.until("session.created", limit_ms=2000)
        await phone.connection.close()
        await side.transport.socket.wait_closed()


WAYS = [
    hung_up,
    deleted,
    closed_by_its_client,
    closed_in_the_middle_of_an_answer,
    hung_up_in_the_middle_of_an_answer,
    without_its_channel,
    with_a_sideband,
]


@pytest.mark.parametrize("end", WAYS, ids=lambda end: end.__name__)
async def test_nothing_is_left_of_a_call(end):
    async with server() as address:
        before = state()
        async with calling(address) as phone:
            await phone.until("session.created")
            await end(phone, address)
        await assert_nothing_left(before)


async def test_nothing_is_left_of_a_call_whose_client_never_comes(monkeypatch):
    monkeypatch.setattr(webrtc, "CONNECT_S", 0.3)
    async with server() as address:
        before = state()
        phone = Phone()
        async with posting(address, CALLS, await phone.offer()) as response:
            assert response.status == 201
        await phone.hang_up()
        await assert_nothing_left(before)


async def test_nothing_is_left_of_a_call_that_ends_before_it_has_begun():
    async with server() as address:
        before = state()
        phone = Phone()
        async with posting(address, CALLS, await phone.offer()) as response:
            location = response.headers["Location"]
        assert (await order(address, "DELETE", location))[0] == 200
        await phone.hang_up()
        await assert_nothing_left(before)


async def test_nothing_is_left_of_an_offer_that_was_refused():
    async with server() as address:
        before = state()
        phone = Phone()
        offer = await phone.offer()
        for wrong in ("ice-pwd", "fingerprint", "rtcp-mux", "setup"):
            broken = "".join(f"{line}\r\n" for line in offer.splitlines() if wrong not in line)
            async with posting(address, CALLS, broken) as response:
                assert response.status in {201, 400}
                if response.status == 201:
                    await order(address, "DELETE", response.headers["Location"])
        await phone.hang_up()
        await assert_nothing_left(before)


async def test_a_server_that_stops_ends_its_calls():
    before = state()
    async with server() as address:
        phones = [Phone() for _ in range(3)]
        for phone in phones:
            async with posting(address, CALLS, await phone.offer()) as response:
                await phone.take_answer(response)
            await phone.until("session.created")
    for phone in phones:
        await phone.until_state("closed")
        await phone.hang_up()
    await assert_nothing_left(before)


@pytest.mark.slow
async def test_200_calls_leave_tasks_sockets_and_memory_as_they_were():
    async with server() as address:
        await _many_calls(address, 20)
        before, used = state(), usage(0.0).memory_bytes
        await _many_calls(address, 200)
        await assert_nothing_left(before)
        gc.collect()
        assert usage(0.0).memory_bytes - used < 20e6


async def _many_calls(address: str, count: int) -> None:
    for number in range(count):
        async with calling(address) as phone:
            await phone.until("session.created")
            await WAYS[number % len(WAYS)](phone, address)


@pytest.mark.slow
async def test_nothing_is_left_of_calls_whose_network_was_cut():
    """A client that is silent for half a minute has not consented to be sent anything (RFC 7675)."""
    async with server() as address:
        before = state()
        phones = [Phone() for _ in range(5)]
        for phone in phones:
            async with posting(address, CALLS, await phone.offer()) as response:
                await phone.take_answer(response)
            await phone.until("session.created")
        for phone in phones:
            await phone.vanish()
            await phone.hang_up()
        await eventually(lambda: state()[1] <= before[1], within_s=60)
        await assert_nothing_left(before)
