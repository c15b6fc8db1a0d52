"""A connection pool to one server that others run: requests out, answers in, failures as
`ProviderError`.
"""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterator,
    Mapping,
)
from contextlib import asynccontextmanager, contextmanager, suppress

import aiohttp
import msgspec

from voice.engines.remote import RemoteServer, missing_words, redirect_words
from voice.providers.answers import BadAnswerError, InBandError, StreamReader
from voice.providers.connecting import TRACE, Connecting
from voice.providers.form import Form
from voice.providers.protocol import ProviderError
from voice.providers.troubles import (
    BROKEN,
    BUSY,
    MISSING,
    TIMEOUT,
    WORDS,
    Ruling,
    Rulings,
    WireError,
    provider_error,
    retry_after_s,
)

MAX_ERROR_BYTES = 65_536
MAX_ANSWER_BYTES = 256 * 1024 * 1024
"""More than the vectors of the largest request for embeddings, written as text."""

DRAIN_S = 0.5
"""How long the end of a finished stream is waited for, so that its connection can be reused."""

Posted = Mapping[str, object] | Form
"""The fields of a request, as JSON or with a file."""

Data = bytes | AsyncIterable[bytes]

_CLOSED = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
"""How a connection ends that the server closed just as it was taken from the pool."""

JSON = {"Accept": "application/json"}
# A compressing server would hold tokens back to fill a block.
STREAM = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}


class Upstream:
    """One server. `headers` go with every request; without any, the key goes as OpenAI wants it."""

    def __init__(
        self,
        server: RemoteServer,
        rulings: Rulings,
        *,
        headers: Mapping[str, str] | None = None,
        connections: int = 0,
    ) -> None:
        self._server = server
        self._rulings = rulings
        self._headers = headers
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def whole(self, path: str, body: Posted) -> bytes:
        """The body of the answer to a POST. Raises `ProviderError`."""
        async with self.posted(path, body, JSON) as response:
            return await self.read(response)

    async def streamed(
        self,
        path: str,
        body: Posted,
        reader: StreamReader,
        in_one_piece: Callable[[bytes], bytes],
    ) -> AsyncGenerator[bytes, None]:
        """The blocks that `reader` makes of the answer to a POST. Raises `ProviderError`.

        Some servers take `stream` for a wish; `in_one_piece` makes a stream of their answer.
        """
        async with self.posted(path, body, STREAM) as response:
            if response.content_type == "application/json":
                yield in_one_piece(await self.read(response))
                return
            async for data in response.content.iter_any():
                with self.explained():
                    block = reader.feed(data)
                if block:
                    yield block
                if reader.done:
                    break
            else:
                with self.explained():
                    block = reader.finish()
                yield block
            await _drain(response)

    async def aclose(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Makes a `ProviderError` of what is wrong with an answer."""
        try:
            yield
        except BadAnswerError as error:
            raise self._error(BROKEN, str(error)) from error
        except InBandError as error:
            raise self._failed(error.body) from error

    async def read(self, response: aiohttp.ClientResponse) -> bytes:
        """All of an answer, unless it is too much. Raises `ProviderError`."""
        answer = bytearray()
        async for data in response.content.iter_any():
            answer += data
            if len(answer) > MAX_ANSWER_BYTES:
                raise self._error(BROKEN, f"sent an answer of more than {MAX_ANSWER_BYTES} bytes")
        return bytes(answer)

    def _failed(self, body: bytes) -> ProviderError:
        wire = WireError.read(body)
        ruling = self._rulings.of(wire, None)
        words = WORDS.get(ruling.trouble, "failed")
        return self._error(ruling, f"{words}: {wire.message or 'it gave no reason'}", wire=wire)

    @asynccontextmanager
    async def posted(
        self, path: str, body: Posted, headers: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to a POST, whose failures, while it is read too, are `ProviderError`s."""
        fields = body.fields if isinstance(body, Form) else body
        connecting = Connecting(self._server.name)
        response: aiohttp.ClientResponse | None = None
        try:
            response = await self._post(path, *_written(body, headers), connecting)
            if response.status >= 300:
                raise await self._refused(response, str(fields.get("model")))
            if response.content_type == "text/html":
                raise self._error(BROKEN, "answered with a web page; most base_urls end in /v1")
            yield response
        except (aiohttp.ClientError, TimeoutError) as error:
            unheard = response is None and self._unheard(error, connecting)
            raise unheard or self._failure(error) from error
        finally:
            if response is not None:
                response.close()

    async def _post(
        self, path: str, data: Data, headers: Mapping[str, str], connecting: Connecting
    ) -> aiohttp.ClientResponse:
        """Send it once: to send it again is the router's decision."""
        if self._session is None:
            self._session = self._server.connect(self._headers, connections=self._connections)
            self._session.trace_configs.append(TRACE)
        return await self._session.post(
            f"{self._server.base_url}/{path}",
            data=data,
            headers=headers,
            allow_redirects=False,
            trace_request_ctx=connecting,
        )

    async def _refused(self, response: aiohttp.ClientResponse, model: str) -> ProviderError:
        """What an answer with an error status means, and what to do about it."""
        status = response.status
        detail = await response.content.read(MAX_ERROR_BYTES)
        wire = WireError.read(detail)
        ruling = self._rulings.of(wire, status)
        told = f" ({status}): {wire.message}" if wire.message else f" ({status})"
        words = f"{WORDS.get(ruling.trouble, 'failed')}{told}"
        if 300 <= status < 400:
            words = redirect_words(response)
        elif ruling.trouble == "auth":
            words = f"{self._server.key_words()}{told}; this is the key of the server, not yours"
        elif ruling is MISSING:
            words = f"{missing_words(response, model)}{told}"
        return self._error(ruling, words, wire=wire, wait_s=retry_after_s(response.headers))

    def _unheard(self, error: Exception, connecting: Connecting) -> ProviderError | None:
        """What failed before the server had to do with it, if that is so."""
        if connecting.waits:
            words = (
                f"is asked too much at a time: all {self._connections} connections are in use, and "
                f"none came free within {self._server.timeout_s:g} s (max_connections)"
            )
            return self._error(BUSY, words, blameless=True)
        if connecting.reused and isinstance(error, _CLOSED):
            return self._error(BROKEN, "had closed the connection; try again", blameless=True)
        return None

    def _failure(self, error: Exception) -> ProviderError:
        ruling = BROKEN
        if isinstance(error, TimeoutError):
            ruling = TIMEOUT
        elif isinstance(error, aiohttp.ClientConnectorError):
            ruling = BUSY
        return self._error(ruling, self._server.failure_words(error), cause=error)

    def _error(
        self,
        ruling: Ruling,
        words: str,
        *,
        wire: WireError | None = None,
        wait_s: float | None = None,
        cause: Exception | None = None,
        blameless: bool = False,
    ) -> ProviderError:
        message = self._server.named(words, cause)
        return provider_error(ruling, message, wire=wire, retry_after_s=wait_s, blameless=blameless)


def _written(body: Posted, headers: Mapping[str, str]) -> tuple[Data, dict[str, str]]:
    if isinstance(body, Form):
        return body.blocks(), {**headers, **body.headers}
    return msgspec.json.encode(body), {**headers, "Content-Type": "application/json"}


async def _drain(response: aiohttp.ClientResponse) -> None:
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(DRAIN_S):
            async for _ in response.content.iter_any():
                pass
