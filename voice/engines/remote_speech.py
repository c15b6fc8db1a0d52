"""A voice behind any OpenAI-compatible `/audio/speech` server."""

from collections.abc import AsyncGenerator, Sequence

import aiohttp
import msgspec

from voice.engines.protocols import SpeakOptions, Speech
from voice.engines.remote import RemoteServer

RATE_HZ = 24_000
"""Of the PCM that OpenAI sends, and servers after it."""

# In conversations OpenAI has ten of them, reading aloud all.
VOICES = (
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage",
    "shimmer", "verse",
)  # fmt: skip

NO_PCM = ("text/", "application/json", "audio/mpeg", "audio/wav", "audio/x-wav", "audio/ogg")
"""What is sent for errors, and by servers that cannot do PCM."""

HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}


class RemoteTextToSpeech:
    """Implements `TextToSpeech`; `aclose` closes its connections.

    `voices` are those the server knows, the first its usual one; none means as OpenAI's.
    `timeout_s` is the longest silence from the server, `rate_hz` that of its PCM.
    """

    accepts = frozenset({"instructions"})

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key: str | None,
        model: str,
        *,
        timeout_s: float = 60.0,
        voices: Sequence[str] = (),
        rate_hz: int = RATE_HZ,
    ) -> None:
        self.name = name
        self.rate_hz = rate_hz
        self.voices = tuple(voices) or VOICES
        self._model = model
        self._server = RemoteServer(name, base_url, api_key, timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def speak(
        self, text: str, options: SpeakOptions, *, first: bool
    ) -> AsyncGenerator[Speech, None]:
        """Synthesize one chunk; closing the iterator closes the connection.

        Raises `EngineError`. The server decides what goes first, and tells no times of words.
        """
        del first
        response: aiohttp.ClientResponse | None = None
        try:
            response = await self._post(self._body(text, options))
            rest, empty = b"", True
            async for data in response.content.iter_any():
                pcm = rest + data
                whole = len(pcm) // 2 * 2
                rest = pcm[whole:]
                if whole:
                    empty = False
                    yield Speech(pcm=pcm[:whole])
            if empty:
                raise self._server.error("sent no audio for this text")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._server.failure(error) from error
        finally:
            if response is not None:
                response.close()

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _body(self, text: str, options: SpeakOptions) -> bytes:
        """The request; what nobody asked for is left to the server."""
        fields: dict[str, object] = {
            "model": self._model,
            "input": text,
            "voice": options.voice or self.voices[0],
            "response_format": "pcm",
        }
        if options.speed != 1.0:
            fields["speed"] = options.speed
        if options.instructions:
            fields["instructions"] = options.instructions
        return msgspec.json.encode(fields)

    async def _post(self, body: bytes) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = self._server.connect()
        response = await self._server.post(self._session, "audio/speech", lambda: body, HEADERS)
        try:
            await self._check(response)
        except BaseException:
            response.close()
            raise
        return response

    async def _check(self, response: aiohttp.ClientResponse) -> None:
        if response.status != 200:
            raise await self._server.refusal(response, self._model)
        if response.content_type.startswith(NO_PCM):
            raise self._server.error(
                f"sent {response.content_type} where PCM was asked for; most base_urls end in /v1, "
                "and a server without response_format=pcm cannot be used"
            )
