"""How a call finds its way through the network: the ports, addresses and helpers of ICE.

aioice takes any free port and knows the machine's own addresses. Where the settings say more, or
the machine has no address but its own, the host candidates of a connection are gathered here.
"""

import asyncio
import ipaddress
import random
from contextlib import suppress
from functools import partial
from socket import SO_RCVBUF, SOL_SOCKET

from aioice import Candidate, Connection
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol, get_host_addresses, server_reflexive_candidate
from aioice.stun import TransactionError

from voice.config import RtcSettings

STUN_S = 5.0
RECEIVE_BYTES = 256 * 1024
"""The buffer of a socket, large enough for what a data channel sends at once."""
LOOPBACK = "127.0.0.1"


class NoPortError(Exception):
    """All UDP ports of the range are taken."""


def gather_as_set(connection: Connection, settings: RtcSettings) -> None:
    """Let a connection gather its candidates by the settings, where these say anything about it."""
    own = get_host_addresses(use_ipv4=True, use_ipv6=True)
    if settings.udp_ports or settings.public_address or not own:
        gather = partial(_candidates, connection, settings)
        connection.get_component_candidates = gather  # type: ignore[method-assign]


async def _candidates(
    connection: Connection, settings: RtcSettings, component: int, addresses: list[str]
) -> list[Candidate]:
    bound = [
        await _listen(connection, component, address, settings.udp_range)
        for address in addresses or [LOOPBACK]
    ]
    protocols = [protocol for protocol in bound if protocol is not None]
    if not protocols:
        raise NoPortError
    connection._protocols += protocols  # noqa: SLF001 - aioice closes what it finds there
    candidates = [protocol.local_candidate for protocol in protocols]
    if settings.public_address is not None:
        candidates += _public(candidates, settings.public_address)
    if connection.stun_server is not None:
        candidates += await _reflexive(protocols, connection.stun_server)
    # Relayed ones come from aioice itself, which is given no address of this machine.
    return candidates + await Connection.get_component_candidates(connection, component, [])


async def _listen(
    connection: Connection, component: int, address: str, ports: range | None
) -> StunProtocol | None:
    """Open a socket at an address of this machine; None where it has no port left."""
    loop = asyncio.get_running_loop()
    for port in random.sample(ports, len(ports)) if ports else [0]:  # no order to be guessed
        try:
            transport, protocol = await loop.create_datagram_endpoint(
                partial(StunProtocol, connection), local_addr=(address, port)
            )
        except OSError:
            continue
        transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_RCVBUF, RECEIVE_BYTES)
        bound_to = transport.get_extra_info("sockname")
        protocol.local_candidate = _candidate("host", component, bound_to[0], bound_to[1])
        return protocol
    return None


def _public(candidates: list[Candidate], address: str) -> list[Candidate]:
    """The same ports, as they are seen from outside where they are mapped one to one."""
    version = ipaddress.ip_address(address).version
    return [
        _candidate("srflx", each.component, address, each.port, base=each)
        for each in candidates
        if ipaddress.ip_address(each.host).version == version
    ]


async def _reflexive(protocols: list[StunProtocol], server: tuple[str, int]) -> list[Candidate]:
    """How a STUN server sees the sockets; those for which it does not answer are left out."""

    async def ask(protocol: StunProtocol) -> list[Candidate]:
        with suppress(OSError, TransactionError, TimeoutError):
            async with asyncio.timeout(STUN_S):
                candidate, _ = await server_reflexive_candidate(protocol, server)
                return [candidate]
        return []

    # The servers of this kind are asked over IPv4, as aioice does.
    asked = [ask(each) for each in protocols if ":" not in each.local_candidate.host]
    return [candidate for found in await asyncio.gather(*asked) for candidate in found]


def _candidate(
    kind: str, component: int, host: str, port: int, *, base: Candidate | None = None
) -> Candidate:
    return Candidate(
        foundation=candidate_foundation(kind, "udp", base.host if base else host),
        component=component,
        transport="udp",
        priority=candidate_priority(component, kind),
        host=host,
        port=port,
        type=kind,
        related_address=base.host if base else None,
        related_port=base.port if base else None,
    )
