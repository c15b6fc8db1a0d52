"""How calls find their way: the ports, addresses and helpers that the settings name."""

import asyncio
from contextlib import asynccontextmanager

import aioice.ice
import pytest
from aioice import Connection, stun

from voice.config import RtcSettings
from voice.rtc import ice
from voice.rtc.ice import NoPortError, gather_as_set

PUBLIC = "203.0.113.7"


@asynccontextmanager
async def gathered(settings: RtcSettings, **options):
    """A connection that has gathered by the settings, and its candidates."""
    connection = Connection(ice_controlling=False, **options)
    gather_as_set(connection, settings)
    try:
        await connection.gather_candidates()
        yield connection.local_candidates
    finally:
        await connection.close()


async def test_without_settings_nothing_is_done_to_a_connection():
    connection = Connection(ice_controlling=False)
    gather_as_set(connection, RtcSettings())
    assert "get_component_candidates" not in vars(connection)


async def test_ports_are_taken_from_the_range():
    async with gathered(RtcSettings(udp_ports="41300-41320")) as candidates:
        assert candidates
        assert all(41300 <= each.port <= 41320 for each in candidates)
        assert {each.type for each in candidates} == {"host"}


async def test_a_range_that_is_used_up_is_said_to_be():
    settings = RtcSettings(udp_ports="41330-41330")
    async with gathered(settings):
        with pytest.raises(NoPortError):
            async with gathered(settings):
                pass
    async with gathered(settings) as again:
        assert {each.port for each in again} == {41330}


async def test_the_public_address_is_offered_with_the_ports_of_this_machine():
    async with gathered(RtcSettings(public_address=PUBLIC)) as candidates:
        hosts = {(each.host, each.port) for each in candidates if each.type == "host"}
        public = [each for each in candidates if each.type == "srflx"]
        assert public
        assert {each.host for each in public} == {PUBLIC}
        assert {(each.related_address, each.port) for each in public} <= hosts
        assert all(":" not in each.related_address for each in public)


async def test_a_machine_without_a_network_is_reached_by_itself(monkeypatch):
    for module in (ice, aioice.ice):
        monkeypatch.setattr(module, "get_host_addresses", lambda **_: [])
    async with gathered(RtcSettings()) as candidates:
        assert [each.host for each in candidates] == ["127.0.0.1"]


class StunServer(asyncio.DatagramProtocol):
    """Tells everybody the same address."""

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address) -> None:
        asked = stun.parse_message(data)
        told = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.RESPONSE,
            transaction_id=asked.transaction_id,
        )
        told.attributes["XOR-MAPPED-ADDRESS"] = (PUBLIC, 40_001)
        self.transport.sendto(bytes(told), address)


async def test_a_stun_server_is_asked_within_the_range_of_ports_too():
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(StunServer, local_addr=("0.0.0.0", 0))
    server = ("127.0.0.1", transport.get_extra_info("sockname")[1])
    settings = RtcSettings(udp_ports="41340-41350")
    async with gathered(settings, stun_server=server) as candidates:
        assert (PUBLIC, 40_001, "srflx") in {(c.host, c.port, c.type) for c in candidates}
    transport.close()


async def test_a_stun_server_that_is_silent_keeps_nobody_waiting_for_long(monkeypatch):
    monkeypatch.setattr(ice, "STUN_S", 0.1)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("0.0.0.0", 0)
    )
    server = ("127.0.0.1", transport.get_extra_info("sockname")[1])
    settings = RtcSettings(udp_ports="41360-41370")
    async with asyncio.timeout(3), gathered(settings, stun_server=server) as candidates:
        assert {each.type for each in candidates} == {"host"}
    transport.close()
