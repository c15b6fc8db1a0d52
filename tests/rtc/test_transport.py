"""The transport of a call by itself, with a stock client at its other end."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiortc import RTCSessionDescription

from tests.eventually import eventually
from tests.rtc.phone import Phone
from voice.config import RtcSettings
from voice.rtc.codecs import OPUS_SILENCE
from voice.transports.transport import Sound
from voice.transports.webrtc import WebRtcTransport

FRAME = "x" * 60_000
"""A fifth of what a channel takes as one message."""


@asynccontextmanager
async def connected():
    phone, transport = Phone(), WebRtcTransport(RtcSettings())
    answer = await transport.answer(await phone.offer())
    await phone.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    assert await transport.opened()
    async with asyncio.timeout(10):
        await phone.opened.wait()
    try:
        yield phone, transport
    finally:
        await transport.hang_up()
        await phone.hang_up()


def stop_reading(phone: Phone) -> None:
    """Acknowledge nothing any more, as a client whose page hangs."""

    async def ignore(_data: bytes) -> None:
        pass

    phone.connection.sctp._handle_data = ignore


async def send_until_it_waits(transport: WebRtcTransport) -> asyncio.Task:
    """Send as much as is taken; gives the sending that waits."""
    for _ in range(200):
        sending = asyncio.ensure_future(transport.send(FRAME))
        done, _ = await asyncio.wait([sending], timeout=0.2)
        if not done:
            return sending
    raise AssertionError("twelve megabytes were taken for a client that reads nothing")


async def test_a_client_that_reads_nothing_holds_the_sender_back():
    async with connected() as (phone, transport):
        stop_reading(phone)
        sending = await send_until_it_waits(transport)
        await transport.hang_up()
        await asyncio.wait_for(sending, 1)
        await transport.send("after the end, quietly")


async def test_sound_comes_without_events_and_in_pieces_of_20_ms():
    async with connected() as (_, transport):
        sounds = [await transport.receive() for _ in range(10)]
        assert all(isinstance(each, Sound) for each in sounds)
        assert {len(each.pcm) for each in sounds} == {960}


async def test_events_come_in_the_order_in_which_they_were_sent():
    async with connected() as (phone, transport):
        for number in range(50):
            phone.channel.send(str(number))
        got = []
        while len(got) < 50:
            frame = await transport.receive()
            got += [] if isinstance(frame, Sound) else [frame]
        assert got == [str(number) for number in range(50)]


async def test_a_client_that_sends_more_than_can_be_taken_is_let_go(monkeypatch):
    monkeypatch.setattr("voice.rtc.inbox.MAX_EVENT_BYTES", 100_000)
    async with connected() as (phone, transport):
        for _ in range(4):
            phone.channel.send("x" * 50_000)
        await eventually(lambda: transport._peer.is_gone)
        assert await transport.receive() is None


async def test_what_is_sent_last_arrives_before_the_connection_closes():
    async with connected() as (phone, transport):
        await transport.send('{"type": "error", "event_id": "e"}')
        await transport.close(1001, "session expired")
        await phone.until("error")
        await phone.until_state("closed")


async def test_a_video_in_the_offer_is_declined_and_the_call_goes_on():
    phone, transport = Phone(), WebRtcTransport(RtcSettings())
    phone.connection.addTransceiver("video")
    answer = await transport.answer(await phone.offer())
    video = answer[answer.index("m=video") :].partition("\nm=")[0]
    assert "a=inactive" in video
    await phone.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    assert await transport.opened()
    assert isinstance(await transport.receive(), Sound)
    await transport.hang_up()
    await phone.hang_up()


async def test_lost_packets_of_the_client_do_not_delay_what_follows():
    """The buffer of aiortc would hold back sixteen packets from then on."""
    async with connected() as (phone, transport):
        sender = phone.connection.getSenders()[0].transport
        send, sent = sender._send_rtp, 0

        async def lossy(data: bytes) -> None:
            nonlocal sent
            sent += 1
            if sent % 10:
                await send(data)

        sender._send_rtp = lossy
        got = 0
        for _ in range(60):
            frame = await transport.receive()
            got += len(frame.pcm) // 960
        # Each loss is filled with silence, so as much is heard as was said, but for what waits now.
        assert got == pytest.approx(sent, abs=8)


def test_the_silence_of_opus_is_what_the_standard_calls_so():
    assert OPUS_SILENCE[0] >> 3 == 31  # CELT, full band, 20 ms
    assert OPUS_SILENCE[0] & 0b111 == 0  # mono, one frame
