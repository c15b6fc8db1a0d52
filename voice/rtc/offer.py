"""The SDP offer of a client: what must be in it, and what is of no use here."""

import re
import sys

from voice.gateway.errors import ApiError
from voice.rtc.codecs import CODECS, Codec

_MEDIA = re.compile(r"^m=(\w+)", re.MULTILINE)
_CODEC = re.compile(r"^a=rtpmap:(\d+) ([\w.-]+)/(\d+)", re.MULTILINE)
_BUNDLE = re.compile(r"^a=group:BUNDLE ?(.*)", re.MULTILINE)
_MID = re.compile(r"^a=mid:(\S+)", re.MULTILINE)
_STATIC = {"0": ("PCMU", "8000"), "8": ("PCMA", "8000")}
"""Payload types that need no `rtpmap` (RFC 3551)."""


def trimmed(offer: str) -> str:
    """The offer as it is answered, with the line ends that SDP has.

    Without the names of addresses that browsers hide: to look them up takes a second, and the
    client's own checks tell its address. And without the word that no candidate follows, after
    which such an address would come too late.
    """
    kept = [line for line in offer.splitlines() if line.strip() and not _useless(line)]
    return "".join(f"{line.strip()}\r\n" for line in kept)


def _useless(line: str) -> bool:
    words = line.split()
    hidden = line.startswith("a=candidate:") and len(words) > 4 and words[4].endswith(".local")
    return hidden or line.startswith("a=end-of-candidates")


def chosen_codec(offer: str) -> Codec:
    """What to speak with the client. Raises `ApiError` for an offer that is none."""
    if not offer.startswith("v=0"):
        raise sdp_error("The offer is not SDP: it must begin with 'v=0'.")
    bundled = {name for group in _BUNDLE.findall(offer) for name in group.split()}
    if strange := bundled.difference(_MID.findall(offer)):
        raise sdp_error(f"The offer bundles '{strange.pop()}', and has no media of that name.")
    kinds = _MEDIA.findall(offer)
    if "audio" not in kinds:
        raise sdp_error(
            "The offer has no audio: add a track, or a transceiver of audio, before it is made."
        )
    names = _codecs_of(offer)
    for codec in CODECS:
        if (codec.name.lower(), codec.clock_hz) in names:
            return codec
    offered = ", ".join(sorted({name for name, _ in names})) or "none"
    ours = ", ".join(codec.name for codec in CODECS)
    raise sdp_error(f"The offer has no codec that is spoken here: it has {offered}; send {ours}.")


def _codecs_of(offer: str) -> set[tuple[str, int]]:
    """The codecs of the first audio line, by lower-case names and clock rates."""
    audio = offer[offer.index("m=audio") :]
    section, _, _ = audio.partition("\nm=")
    mapped = {number: (name, hz) for number, name, hz in _CODEC.findall(section)}
    types = section.splitlines()[0].split()[3:]
    known = [mapped.get(number) or _STATIC.get(number) for number in types]
    return {(each[0].lower(), int(each[1])) for each in known if each}


def largest_message(offer: str) -> int:
    """How many bytes the client takes as one message of a data channel (RFC 8841)."""
    found = re.search(r"^a=max-message-size:(\d+)", offer, re.MULTILINE)
    return (int(found[1]) or sys.maxsize) if found else 65536


def sdp_error(message: str) -> ApiError:
    return ApiError(message, code="invalid_sdp", param="sdp")
