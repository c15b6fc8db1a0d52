"""The server's end of one WebRTC connection: the only place that knows aiortc.

aiortc negotiates, encrypts and carries. What it would do to the sound is done here instead. Its own
way in keeps 80 ms for an even pace, which only a player needs, and 320 ms from the first lost packet
on; so packets are taken from it where its jitter buffer would have them. Its way out is given packets
that are encoded already.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction

import structlog
from aioice import Connection
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidStateError
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.rtp import RtpPacket
from av import Packet as EncodedPacket
from av.stream import Stream

from voice.config import RtcSettings
from voice.gateway.errors import ApiError
from voice.rtc.clock import FRAME_S, FrameClock
from voice.rtc.codecs import Codec, Voice
from voice.rtc.ice import NoPortError, gather_as_set
from voice.rtc.inbox import Inbox
from voice.rtc.line import SpeechLine
from voice.rtc.offer import chosen_codec, largest_message, sdp_error, trimmed
from voice.rtc.order import Hearing, Packet

log = structlog.get_logger()

MAX_MESSAGE_BYTES = 256 * 1024
"""What browsers take as one message of a data channel; aiortc says the same of itself."""
BUFFERED_BYTES = 64 * 1024
"""So much may wait inside of the data channel before senders wait outside."""
CLOSE_S = 0.8

_GONE = {"failed", "closed"}
_JITTER_BUFFER = "_RTCRtpReceiver__jitter_buffer"
"""A private name of aiortc's, for which there is no public one."""


class Peer:
    """Answers one offer, opens or does not, and is gone in the end."""

    def __init__(self, settings: RtcSettings, line: SpeechLine, inbox: Inbox) -> None:
        self.is_open = self.is_gone = False
        """Open is the channel of events; or the connection, where the offer had no channel."""
        self.settled = asyncio.Event()
        """One of both is the case."""
        self.max_message_bytes = MAX_MESSAGE_BYTES
        """What the client takes as one message."""
        self.clock = FrameClock()
        self._settings = settings
        self._line = line
        self._inbox = inbox
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=_servers(settings)))
        self._channel: RTCDataChannel | None = None
        self._expects_channel = True
        self._drained = asyncio.Event()
        self._ice: list[Connection] = []

    async def answer(self, offer: str) -> str:
        """The answer to an offer, with all addresses of this end. Raises `ApiError`."""
        offer = trimmed(offer)
        codec = chosen_codec(offer)
        self._expects_channel = "\nm=application" in offer
        self.max_message_bytes = min(MAX_MESSAGE_BYTES, largest_message(offer))
        self._connection.on("connectionstatechange", self._note_state)
        self._connection.on("datachannel", self._open_channel)
        transceiver = self._connection.addTransceiver(_SpeechTrack(self._line, codec, self.clock))
        transceiver.setCodecPreferences(_capabilities(codec))
        self._listen(transceiver, codec)
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            await self._gather(transceiver)
        except NoPortError:
            message = "All UDP ports that this server may use for calls are taken; try again later."
            raise ApiError(message, status=503, kind="server_error") from None
        except Exception as error:  # noqa: BLE001 - of a parser that was made for those who mean well
            log.info("offer refused", error=repr(error))
            raise sdp_error(
                f"The offer cannot be used: {str(error) or 'it is broken SDP'}."
            ) from None
        self._line.unplugged = transceiver.currentDirection not in {"sendonly", "sendrecv"}
        return self._connection.localDescription.sdp

    async def send(self, text: str) -> None:
        """Send an event; waits while the channel is full, returns quietly once it is closed."""
        channel = self._channel
        while channel and channel.bufferedAmount > BUFFERED_BYTES and not self.is_gone:
            self._drained.clear()
            await self._drained.wait()
        if channel and not self.is_gone:
            with suppress(InvalidStateError):
                channel.send(text)

    async def close(self) -> None:
        """Let go of all that belongs to the connection, which takes no time that matters."""
        self._leave()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._connection.close()
        except Exception as error:  # noqa: BLE001 - of what a strange offer has left half done
            log.warning("connection did not close by itself", error=repr(error))
            for ice in self._ice:
                await ice.close()

    def _listen(self, speaking: RTCRtpTransceiver, codec: Codec) -> None:
        """Take the packets of the client's microphone."""
        receiver = speaking.receiver
        if not hasattr(receiver, _JITTER_BUFFER):
            raise RuntimeError("this version of aiortc keeps its jitter buffer elsewhere; use 1.16")
        setattr(receiver, _JITTER_BUFFER, _Tap(codec, self._inbox.hear))

    async def _gather(self, speaking: RTCRtpTransceiver) -> None:
        """Decline what is not the first audio of the offer, and find this end's addresses."""
        for transceiver in self._connection.getTransceivers():
            if transceiver is not speaking:
                transceiver.direction = "inactive"
        transports = {each.receiver.transport for each in self._connection.getTransceivers()}
        if self._connection.sctp is not None:
            transports.add(self._connection.sctp.transport)
        self._ice = [transport.transport._connection for transport in transports]  # noqa: SLF001
        for ice in self._ice:
            gather_as_set(ice, self._settings)
        await self._connection.setLocalDescription()

    def _note_state(self) -> None:
        state = self._connection.connectionState
        if state in _GONE:
            self._leave()
        elif state == "connected" and not self._expects_channel:
            self._open()

    def _open_channel(self, channel: RTCDataChannel) -> None:
        if self._channel is not None:
            return
        self._channel = channel
        channel.bufferedAmountLowThreshold = BUFFERED_BYTES // 2
        channel.on("bufferedamountlow", self._drained.set)
        channel.on("close", self._leave)
        channel.on("message", self.take)
        self._open()

    def take(self, message: str | bytes) -> None:
        """Put an event into the inbox; a call that has too many of them ends."""
        if not self._inbox.take(message):
            log.warning("call dropped", reason="the client sends more than can be taken")
            self._leave()

    def _open(self) -> None:
        self.is_open = True
        self.settled.set()

    def _leave(self) -> None:
        self.is_open, self.is_gone = False, True
        self.settled.set()
        self._drained.set()
        self._inbox.close()


class _SpeechTrack(MediaStreamTrack):
    """What is played on a line, 20 ms at a time, as packets that are encoded already."""

    kind = "audio"

    def __init__(self, line: SpeechLine, codec: Codec, clock: FrameClock) -> None:
        super().__init__()
        self._line = line
        self._voice = Voice(codec)
        self._clock = clock
        self._time_base = Fraction(1, codec.clock_hz)
        self._frame_ticks = round(codec.clock_hz * FRAME_S)

    async def recv(self) -> "EncodedPacket[Stream]":
        if self.readyState != "live":
            raise MediaStreamError
        number = await self._clock.tick()
        packet = EncodedPacket(self._voice.payload(self._line.take()))
        packet.pts, packet.time_base = number * self._frame_ticks, self._time_base
        return packet


class _Tap:
    """Stands where a receiver has its jitter buffer, and takes all packets to itself."""

    def __init__(self, codec: Codec, hear: Callable[[bytes], None]) -> None:
        self._hearing = Hearing(codec)
        self._hear = hear

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        pcm = self._hearing.push(
            Packet(packet.ssrc, packet.sequence_number, packet.timestamp, packet.payload)
        )
        if pcm:
            self._hear(pcm)
        return False, None


def _servers(settings: RtcSettings) -> list[RTCIceServer]:
    return [
        RTCIceServer(
            urls=list(server.urls),
            username=server.username,
            credential=server.credential.get_secret_value() if server.credential else None,
        )
        for server in settings.ice_servers
    ]


def _capabilities(codec: Codec) -> list[RTCRtpCodecCapability]:
    known = RTCRtpSender.getCapabilities("audio").codecs
    return [each for each in known if each.mimeType.lower() == f"audio/{codec.name.lower()}"]
