"""Which addresses of images a request may hold: what a server fetches for a stranger must not be
its own files, nor its neighbours.
"""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from voice.gateway.errors import ApiError


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


def _wrong(url: str, *, urls: bool) -> str | None:
    if url[:5].lower() == "data:":
        return None
    if not urls:
        return "must be a data: URL (data:image/png;base64,...): this server fetches no images"
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"}:
        return "must be an https: or data: URL"
    return "must not point into a private network" if _is_private(host) else None


def _is_private(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        # Resolvers take 127.1, 0x7f000001 and the like for addresses; no name ends in a number.
        is_address = host.rpartition(".")[2][:1].isdigit()
        return is_address or f".{host}".endswith((".localhost", ".local", ".internal"))
