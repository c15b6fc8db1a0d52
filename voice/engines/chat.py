"""A language model behind any OpenAI-compatible `/chat/completions` server."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import contextmanager, suppress

import aiohttp
import msgspec

from voice.engines.chat_wire import BadCompletionError, Chunk, CompletionReader, request_body
from voice.engines.protocols import Piece, Prompt, TextDelta
from voice.engines.remote import RemoteServer, error_detail
from voice.engines.sse import EventStream, EventTooLongError, StreamEvent
from voice.engines.thinking import Unthinking

CONTEXT_TOKENS = 32_768
"""What a server that says nothing is taken to hold; too small only forgets a bit sooner."""

DRAIN_S = 0.5
"""How long the end of a finished stream is waited for, so that its connection can be reused."""

HEADERS = {
    "Content-Type": "application/json",
    "Accept": "text/event-stream",
    # A compressing server would hold tokens back to fill a block.
    "Accept-Encoding": "identity",
}


class RemoteChat:
    """Implements `LanguageModel`; `aclose` closes its connections.

    `timeout_s` is the longest silence from the server, not the length of an answer.
    """

    accepts = frozenset(
        {"images", "tools", "tool_choice", "temperature", "top_p", "seed", "json_schema"}
    )

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key: str | None,
        model: str,
        *,
        timeout_s: float = 60.0,
        context_tokens: int = CONTEXT_TOKENS,
    ) -> None:
        self.name = name
        self.context_tokens = context_tokens
        self._model = model
        self._server = RemoteServer(name, base_url, api_key, timeout_s)
        # Only OpenAI itself has dropped `max_tokens`; few others know the name that replaced it.
        openai = self._server.host.endswith("openai.com")
        self._max_tokens_field = "max_completion_tokens" if openai else "max_tokens"
        self._session: aiohttp.ClientSession | None = None

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """Stream an answer; closing the iterator closes the connection. Raises `EngineError`."""
        body = request_body(prompt, self._model, self._max_tokens_field)
        response: aiohttp.ClientResponse | None = None
        try:
            response = await self._post(msgspec.json.encode(body))
            answer = _Answer(self._server, response.content_type)
            async for data in response.content.iter_any():
                for piece in answer.feed(data):
                    yield piece
                if answer.done:
                    break
            for piece in answer.finish():
                yield piece
            await _drain(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._server.failure(error) from error
        finally:
            if response is not None:
                response.close()

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, body: bytes) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = self._server.connect()
        try:
            response = await self._send(self._session, body)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            # The server had closed the idle connection just as it was taken from the pool.
            response = await self._send(self._session, body)
        if response.status == 200:
            return response
        try:
            raise await self._server.refusal(response, self._model)
        finally:
            response.close()

    async def _send(self, session: aiohttp.ClientSession, body: bytes) -> aiohttp.ClientResponse:
        return await session.post(
            f"{self._server.base_url}/chat/completions",
            data=body,
            headers=HEADERS,
            allow_redirects=False,
        )


class _Answer:
    """The body of one response, from bytes to pieces. Raises `EngineError`."""

    def __init__(self, server: RemoteServer, content_type: str) -> None:
        if content_type == "text/html":
            raise server.error("answered with a web page; most base_urls end in /v1")
        self.done = False
        self._server = server
        # Some servers take `stream` for a wish and answer in one piece.
        self._whole = bytearray() if content_type == "application/json" else None
        self._events = EventStream()
        self._reader = CompletionReader()
        self._unthinking = Unthinking()

    def feed(self, data: bytes) -> list[Piece]:
        if self._whole is not None:
            self._whole += data
            return []
        with self._explained():
            return self._pieces(self._events.feed(data))

    def finish(self) -> list[Piece]:
        with self._explained():
            last = self._events.finish()
            if self._whole is not None:
                last = [StreamEvent(self._whole.decode("utf-8", "replace"))]
            pieces = self._pieces(last)
            if not (self.done or self._reader.ended):
                raise self._server.error("broke off in the middle of its answer; try again")
            return [*pieces, *self._without_thoughts(self._reader.finish())]

    def _pieces(self, events: list[StreamEvent]) -> list[Piece]:
        pieces: list[Piece] = []
        for event in events:
            if self.done or event.data == "[DONE]":
                self.done = True
                break
            chunk = msgspec.json.decode(event.data, type=Chunk)
            if chunk.error is not None or event.event == "error":
                detail = error_detail(event.data.encode())
                raise self._server.error(f"failed in the middle of its answer: {detail}")
            pieces += self._without_thoughts(self._reader.feed(chunk))
        return pieces

    def _without_thoughts(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            if isinstance(piece, TextDelta):
                text = self._unthinking.feed(piece.text)
            else:
                text = self._unthinking.finish()
            if text:
                yield TextDelta(text)
            if not isinstance(piece, TextDelta):
                yield piece

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (BadCompletionError, EventTooLongError) as error:
            raise self._server.error(str(error)) from error
        except msgspec.DecodeError as error:
            raise self._server.error(f"sent no chat completion ({error})") from error


async def _drain(response: aiohttp.ClientResponse) -> None:
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(DRAIN_S):
            async for _ in response.content.iter_any():
                pass
