"""A provider behind any server that speaks OpenAI's HTTP."""

from collections.abc import AsyncGenerator

from voice.engines.remote import RemoteServer
from voice.gateway.errors import ApiError
from voice.providers.answers import as_stream, check_answer, wants_usage
from voice.providers.audio import audio_reply, voice_refusal
from voice.providers.dialects import Dialect, dialect_of
from voice.providers.protocol import Call, Reply
from voice.providers.reasoning import ReasoningField, naming
from voice.providers.relay import Relay
from voice.providers.troubles import OPENAI
from voice.providers.upstream import Upstream


class OpenAIProvider:
    """Implements `Provider` and `AudioProvider`. Raises `ValueError` for an address that cannot be one.

    `timeout_s` is the longest silence from the server, not the length of an answer. Without a
    `dialect` the host decides. `reasoning` is the one name under which thinking text is passed on;
    without it answers are relayed as they are. `connections` bounds the pool; 0 does not.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key: str | None,
        *,
        dialect: Dialect | None = None,
        timeout_s: float = 60.0,
        connections: int = 0,
        reasoning: ReasoningField | None = None,
    ) -> None:
        server = RemoteServer(name, base_url, api_key, timeout_s)
        self.name = name
        self.dialect = dialect or dialect_of(server.host)
        self._upstream = Upstream(server, OPENAI, connections=connections)
        self._rewrite = naming(reasoning) if reasoning else None

    def refusal(self, call: Call) -> ApiError | None:
        return self.dialect.refusal(call) or voice_refusal(call)

    async def answer(self, call: Call) -> bytes:
        body = self.dialect.body(call)
        body.pop("stream", None)
        body.pop("stream_options", None)
        answer = await self._upstream.whole(call.operation, body)
        return self._whole(call, answer)

    def stream(self, call: Call) -> AsyncGenerator[bytes, None]:
        body = self.dialect.body(call) | {"stream": True}
        relay = Relay(wants_usage=wants_usage(call), rewrite=self._rewrite)
        return self._upstream.streamed(
            call.operation, body, relay, lambda answer: as_stream(call, self._whole(call, answer))
        )

    async def reply(self, call: Call) -> tuple[bytes, Reply]:
        return await audio_reply(self._upstream, call, self.dialect.body(call))

    async def aclose(self) -> None:
        await self._upstream.aclose()

    def _whole(self, call: Call, answer: bytes) -> bytes:
        with self._upstream.explained():
            check_answer(call, answer)
        return self._rewrite(answer) if self._rewrite else answer
