"""Whose web pages may use this server.

A browser lets every page send requests anywhere, also to a server that only its own machine can
reach. Where API keys are asked for, no page can do harm without one, and all are welcome. A server
without keys takes care of itself: it serves its own page and those of the visitor's own machine,
and, while it listens on loopback, answers to no name that a stranger could own and point at it.
Programs are not concerned: they send no `Origin`, and call a loopback server by no such name.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

EVERYBODY, FILES = "*", "null"
PRIVATE_NAMES = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test")
"""Endings that nobody can register."""
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


@dataclass(frozen=True, slots=True)
class OriginPolicy:
    allowed: tuple[str, ...]
    """Origins such as `https://app.example`; `*` for all of them."""
    guards_name: bool = False
    """Whether requests must call the server by a name that no stranger can own."""

    @property
    def is_open(self) -> bool:
        return EVERYBODY in self.allowed

    def admits_page(self, origin: str, host: str) -> bool:
        """Whether a page of this origin may use the server that it called by `host`."""
        # Of pages from files browsers say the one with WebSockets and the other with requests.
        called = FILES if origin == "file://" else origin.lower()
        if self.is_open or called in self.allowed:
            return True
        page = _split(origin)
        if page is None or not page.hostname:
            return False
        own = _split(f"{page.scheme}://{host}")
        return _is_local_page(page) or (own is not None and _place(page) == _place(own))

    def admits_name(self, host: str) -> bool:
        """Whether the server answers to this `Host`."""
        if self.is_open or not self.guards_name or not host:
            return True
        called = _split(f"//{host}")
        name = (called.hostname or "").rstrip(".") if called else ""
        if not name:
            return False
        known = {urlsplit(each).hostname for each in self.allowed}
        return name in known or "." not in name or _is_address(name) or name.endswith(PRIVATE_NAMES)


def origin_policy(
    origins: Sequence[str] | None, *, has_keys: bool, listens_on: str
) -> OriginPolicy:
    """What the settings mean; without `origins`, what is safe."""
    if origins is None:
        origins = (EVERYBODY,) if has_keys else ()
    return OriginPolicy(tuple(origins), guards_name=not has_keys and is_loopback(listens_on))


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_local_page(page: SplitResult) -> bool:
    """Whether the visitor's own machine serves the page: none from outside can say so."""
    name = page.hostname or ""
    return is_loopback(name) or name.endswith(".localhost")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _split(url: str) -> SplitResult | None:
    try:
        found = urlsplit(url)
        _ = found.port
    except ValueError:
        return None
    return found


def _place(url: SplitResult) -> tuple[str | None, int | None]:
    return url.hostname, url.port or _PORTS.get(url.scheme)
