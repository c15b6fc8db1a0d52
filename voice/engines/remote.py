"""A server that others run: its address, its key, and plain words for each way it can fail.

Where it is stands in the log and not in these words, which may reach anybody's clients. Knows nothing of what is asked of it; shared by the adapters of every kind.
"""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp
import msgspec
import structlog

from voice.engines.protocols import EngineError

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 10.0
DETAIL_CHARS = 300


class RemoteServer:
    """An OpenAI-compatible server. Raises `ValueError` for an address that cannot be one."""

    def __init__(self, name: str, base_url: str, api_key: str | None, timeout_s: float) -> None:
        parts = urlsplit(base_url)
        if parts.username is not None or parts.password is not None:
            raise ValueError(f"{name}: base_url holds a password; give it as the API key instead")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{name}: base_url must be like https://host/v1, not {base_url!r}")
        self.base_url = base_url.rstrip("/")
        self.host = parts.hostname
        self.key = (api_key or "").strip()
        self.timeout_s = timeout_s
        self.name = name
        self._address = f"{parts.scheme}://{parts.netloc}"

    def connect(
        self, headers: Mapping[str, str] | None = None, *, connections: int = 100
    ) -> aiohttp.ClientSession:
        """A pool of at most `connections` (0: any number) that outlive the pause between two turns.

        `headers` are sent with every request; without any, the key is shown as OpenAI wants it.
        """
        if headers is None:
            headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(keepalive_timeout=60.0, limit=connections),
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=None,
                # With the wait for a place in the pool.
                connect=self.timeout_s,
                sock_connect=CONNECT_TIMEOUT_S,
                sock_read=self.timeout_s,
            ),
        )

    async def refusal(self, response: aiohttp.ClientResponse, model: str) -> EngineError:
        """What an answer with an error status means, and what to do about it."""
        body = await response.content.read(65_536)
        status, detail = response.status, error_detail(body)
        told = f" ({status}): {detail}" if detail else f" ({status})"
        if 300 <= status < 400:
            return self.error(redirect_words(response))
        if status in {401, 403}:
            return self.error(f"{self.key_words()}{told}")
        if status == 404:
            return self.error(f"{missing_words(response, model)}{told}")
        if status == 429:
            wait = response.headers.get("Retry-After")
            when = f"; try again {_moment(wait)}" if wait else "; try again later"
            return self.error(f"is over its limit for this key{told}{when}")
        if status >= 500:
            return self.error(f"failed{told}; try again, and see its log if that goes on")
        return self.error(f"rejected the request{told}")

    def failure(self, error: Exception) -> EngineError:
        """What an exception of the connection means, and what to do about it."""
        return EngineError(self.named(self.failure_words(error), error))

    def error(self, words: str) -> EngineError:
        return EngineError(self.named(words))

    def named(self, words: str, cause: Exception | None = None) -> str:
        """A message that names the server, for anybody: where it is goes to the log alone, and the
        key nowhere, even if the server echoed them.
        """
        words = words.replace(self.key, "***") if self.key else words
        why = str(cause) if cause and str(cause) else None
        log.info("remote trouble", server=self.name, at=self._address, reason=words, cause=why)
        return f"{self.name} {words.replace(self._address, 'it')}"

    def failure_words(self, error: Exception) -> str:
        """What became of the connection, to follow the server's name."""
        match error:
            case aiohttp.ConnectionTimeoutError():
                return f"did not accept a connection within {CONNECT_TIMEOUT_S:g} s; is it running?"
            case TimeoutError():
                return (
                    f"sent nothing for {self.timeout_s:g} s; it may be overloaded or still "
                    "loading the model: raise the timeout or choose a smaller model"
                )
            case aiohttp.ClientConnectorDNSError():
                return "cannot be found: its name has no address; check the base_url"
            case aiohttp.ClientSSLError():
                return "has no secure connection to offer; the log of this server says why"
            case aiohttp.ClientConnectorError():
                # The words of the error itself hold the address.
                reason = os.strerror(error.errno) if error.errno else "no connection"
                return f"cannot be reached ({reason}); is it running, and the base_url right?"
            case _:
                return f"broke off the connection ({type(error).__name__}); try again"

    def key_words(self) -> str:
        """Whose key was refused, and where the right one belongs."""
        if self.key:
            return f"refused the API key; set the right one for {self.name}"
        return f"wants an API key; set one for {self.name}"


def redirect_words(response: aiohttp.ClientResponse) -> str:
    log.info("redirected", goal=response.headers.get("Location"))
    return "redirects elsewhere; set the base_url to where it ends, which the log says"


def missing_words(response: aiohttp.ClientResponse, model: str) -> str:
    return f"has no model {model!r}, or nothing is served at {response.url.path}"


def error_detail(body: bytes) -> str:
    """The reason in an error body of any of the usual shapes; empty when there is none for eyes."""
    try:
        found: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        text = body.decode("utf-8", "replace").strip()
        found = "" if text.startswith("<") else text
    while isinstance(found, dict):
        keys = (key for key in ("error", "message", "detail") if found.get(key))
        found = found.get(next(keys, ""))
    words = " ".join(str(found or "").split())
    return words if len(words) <= DETAIL_CHARS else f"{words[:DETAIL_CHARS]}..."


def _moment(retry_after: str) -> str:
    """`Retry-After` holds seconds or a date."""
    return f"in {retry_after} s" if retry_after[:1].isdigit() else f"after {retry_after}"
