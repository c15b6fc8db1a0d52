"""Offers that were damaged on the way get an answer or an error, and leave nothing behind."""

import asyncio
import random

from tests.eventually import eventually
from tests.rtc.phone import Phone
from voice.config import RtcSettings
from voice.gateway.errors import ApiError
from voice.transports.webrtc import WebRtcTransport


def damaged(offer: str, rng: random.Random) -> str:
    """The offer with a line lost, doubled, moved, cut, or with a character of another kind."""
    lines = offer.splitlines()
    for _ in range(rng.randint(1, 4)):
        at, line = rng.randrange(len(lines)), rng.choice(lines)
        match rng.randrange(5):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, line)
            case 2:
                lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
            case 3:
                lines[at] = lines[at].replace(rng.choice(lines[at] or " "), rng.choice("0:é/ -9"))
            case 4:
                lines[at] = lines[at] + " 99999999999999999999"
    return "\r\n".join(lines)


async def outcome(offer: str) -> tuple[object, object]:
    transport = WebRtcTransport(RtcSettings())
    try:
        assert (await transport.answer(offer)).startswith("v=0")
    except ApiError as error:
        return error.status, error.param
    finally:
        await transport.hang_up()
    return "answered", None


async def test_whatever_is_offered_is_answered_or_refused():
    phone = Phone()
    offer = await phone.offer()
    before = len(asyncio.all_tasks())
    rng = random.Random(7)
    outcomes = [await outcome(damaged(offer, rng)) for _ in range(100)]
    await phone.hang_up()
    assert {("answered", None), (400, "sdp")} == set(outcomes)
    await eventually(lambda: len(asyncio.all_tasks()) <= before, within_s=1)
