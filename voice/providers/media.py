"""Which addresses of images a request may hold: what a server fetches for a stranger must not be
its own files, nor its neighbours.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from voice.gateway.errors import ApiError, unsupported_parameter

_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\]")
"""What some readers of an address take for its end, and others for a part of it."""
_PRIVATE_ENDINGS = (".localhost", ".local", ".internal", ".localdomain", ".home.arpa")
_CARRIES_IPV4 = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))


def image_refusal(body: Mapping[str, object], *, urls: bool = True) -> ApiError | None:
    """What is wrong with the images of a chat's messages; without `urls` they must be data."""
    for param, url in _images(body.get("messages")):
        if wrong := _wrong(url, urls=urls):
            return ApiError(f"{param} {wrong}", param=param, code="invalid_image_url")
    return None


def _images(messages: object) -> Iterator[tuple[str, str]]:
    for place, message in enumerate(messages if isinstance(messages, list) else ()):
        content = message.get("content") if isinstance(message, dict) else None
        for number, part in enumerate(content if isinstance(content, list) else ()):
            image = part.get("image_url") if isinstance(part, dict) else None
            url = image.get("url") if isinstance(image, dict) else image
            if isinstance(url, str):
                yield f"messages[{place}].content[{number}].image_url.url", url


def sound_refusal(body: Mapping[str, object], who: str) -> ApiError | None:
    """What of a chat must be heard or spoken, for those who do neither."""
    modalities = body.get("modalities")
    if isinstance(modalities, list) and "audio" in modalities:
        return unsupported_parameter("modalities", f"with audio is not supported by {who}.")
    for place, message in enumerate(_messages(body)):
        if message.get("audio"):
            return unsupported_parameter(f"messages[{place}].audio", f"is not supported by {who}.")
        for number, part in enumerate(_parts(message)):
            if isinstance(part, dict) and part.get("type") == "input_audio":
                param = f"messages[{place}].content[{number}]"
                return unsupported_parameter(param, f"is audio, which {who} cannot hear.")
    return None


def _messages(body: Mapping[str, object]) -> list[dict[str, object]]:
    messages = body.get("messages")
    found = messages if isinstance(messages, list) else []
    return [each for each in found if isinstance(each, dict)]


def _parts(message: Mapping[str, object]) -> list[object]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _wrong(url: str, *, urls: bool) -> str | None:
    if url[:5].lower() == "data:":
        return None
    if not urls:
        return "must be a data: URL (data:image/png;base64,...): this server fetches no images"
    host = _host(url)
    if host is None:
        return "must be an https: or data: URL"
    return "must not point into a private network" if _is_private(host) else None


def _host(url: str) -> str | None:
    """The host of an address that all who read it read alike; None for any other."""
    if _AMBIGUOUS.search(url):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    return host if parts.scheme in {"http", "https"} else None


def _is_private(host: str) -> bool:
    """Whether a host is, by its name, no public one.

    Names that a resolver leads to private addresses cannot be known here: a server that fetches
    images for strangers must refuse those itself.
    """
    # Readers of addresses fold such letters and dots into plain ones, and drop the last dot.
    name = unicodedata.normalize("NFKC", host).replace("\u3002", ".").lower().rstrip(".")
    try:
        return not _is_public(ip_address(name))
    except ValueError:
        # Resolvers take 127.1, 0x7f000001 and the like for addresses; no name ends in a number.
        is_address = name.rpartition(".")[2][:1].isdigit()
        return is_address or "." not in name or name.endswith(_PRIVATE_ENDINGS)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        within = address.sixtofour or address.ipv4_mapped
        low = IPv4Address(int(address) & 0xFFFFFFFF)
        if within is None and any(address in network for network in _CARRIES_IPV4):
            within = low
        if within is not None:
            return within.is_global
    return address.is_global
