"""A model of the registry as a language model for conversations."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from voice.engines.chat_answer import ChatAnswer
from voice.engines.chat_wire import REQUEST_FIELDS, request_body
from voice.engines.protocols import EngineError, Piece, Prompt
from voice.gateway.errors import ApiError
from voice.routing.router import Router

CONTEXT_TOKENS = 32_768
"""What a model that nobody described is taken to hold; too small only forgets a bit sooner."""


class RoutedLanguageModel:
    """Implements `LanguageModel` over a router; each answer is a request of its own."""

    accepts = REQUEST_FIELDS

    def __init__(self, router: Router, name: str) -> None:
        self.name = name
        self.context_tokens = router.registry.context_tokens(name) or CONTEXT_TOKENS
        self._router = router

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """Stream an answer; closing the iterator drops the request. Raises `EngineError`."""
        body = request_body(prompt, self.name)
        answer = ChatAnswer(self._failure)
        try:
            routed = await self._router.stream(self.name, "chat/completions", body, own=True)
            async with aclosing(routed.value) as blocks:
                async for block in blocks:
                    for piece in answer.feed(block):
                        yield piece
        except ApiError as error:
            raise EngineError(error.message) from error
        for piece in answer.finish():
            yield piece

    def _failure(self, words: str) -> EngineError:
        return EngineError(f"{self.name} {words}")
