"""A language model in a GGUF file, run by llama.cpp."""

import codecs
import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from voice.engines.call_schema import call_schema, complete_schema
from voice.engines.llama_library import (
    LlamaModel,
    LlamaSampler,
    LlamaSequence,
    OutOfContextError,
)
from voice.engines.protocols import EngineError, Finished, Piece, Prompt, TextDelta, Tool
from voice.engines.stop_strings import StopStrings
from voice.engines.thinking import Unthinking
from voice.engines.tool_dialects import ENDS, MARKERS, BadToolCallError, ToolCallReader

if TYPE_CHECKING:
    from voice.engines.chat_template import ChatTemplate

TEMPERATURE, TOP_P = 0.7, 0.95
"""What a prompt leaves open: some variety, no nonsense."""

ROOM_TOKENS = 16
"""A prompt that leaves less of the context than this cannot be answered."""

Reason = Literal["stop", "length", "tool_calls"]


class Llama:
    """Implements `Generator`; answers one prompt at a time.

    What a prompt begins with like the one before it is not read again. `n_ctx` 0 takes the context
    that the model was trained for, which is never exceeded; `n_threads` 0 takes all cores of a
    small machine and half of a large one's. Raises `EngineError` when the file is no model.
    """

    accepts = frozenset({"tools", "tool_choice", "temperature", "top_p", "seed", "json_schema"})

    def __init__(
        self, model: str, n_ctx: int = 4096, n_threads: int = 0, n_gpu_layers: int = 0
    ) -> None:
        self._model = LlamaModel(Path(model).expanduser(), n_gpu_layers)
        trained = self._model.trained_context
        self.context_tokens = min(n_ctx, trained) if n_ctx else trained
        self._sequence = LlamaSequence(self._model, self.context_tokens, n_threads or _threads())
        self._controls = self._model.controls()
        plain = self._model.metadata("tokenizer.chat_template")
        for_tools = self._model.metadata("tokenizer.chat_template.tool_use")
        self._template = self._compiled(plain)
        self._tool_template = self._compiled(for_tools) if for_tools else self._template

    def generate(self, prompt: Prompt, cancelled: Callable[[], bool]) -> Iterator[Piece]:
        """Stream an answer; a cancelled one just ends. Raises `EngineError`."""
        if any(message.images for message in prompt.messages):
            raise EngineError("this model takes no images; send text, or choose another model")
        template = self._tool_template if prompt.tools else self._template
        callable_tools = _callable_tools(prompt)
        forced = bool(callable_tools) and prompt.tool_choice != "auto"
        text = template.render(prompt) + (template.call_marker if forced else "")
        tokens = self._fitting(self._model.tokens(text))
        gbnf = None
        if forced:
            gbnf = _gbnf(call_schema(callable_tools, template.arguments_key))
        elif prompt.json_schema is not None and not callable_tools:
            gbnf = _gbnf(complete_schema(prompt.json_schema))
        answer = _Answer(prompt, callable_tools, forced=forced, text=text)
        yield from self._run(prompt, tokens, gbnf, answer, cancelled)

    def _run(
        self,
        prompt: Prompt,
        tokens: list[int],
        gbnf: str | None,
        answer: "_Answer",
        cancelled: Callable[[], bool],
    ) -> Iterator[Piece]:
        limit = prompt.max_tokens if prompt.max_tokens is not None else self.context_tokens
        written = 0
        with self._sampler(prompt, gbnf) as sampler:
            if not self._sequence.read(tokens, cancelled):
                return
            reason: Reason = "length"
            while written < limit:
                if cancelled():
                    return
                token = sampler.sample(self._sequence)
                if self._model.is_end(token):
                    reason = "stop"
                    break
                written += 1
                yield from answer.feed(self._piece(token))
                if answer.is_complete:
                    reason = "stop"
                    break
                try:
                    self._sequence.append(token)
                except OutOfContextError:
                    break
        yield from answer.finish(reason)
        if reason == "stop" and answer.calls:
            reason = "tool_calls"
        yield Finished(reason, len(tokens), written)

    def _fitting(self, tokens: list[int]) -> list[int]:
        room = self.context_tokens - len(tokens)
        if room < min(ROOM_TOKENS, self.context_tokens // 4):
            raise EngineError(
                f"the conversation has {len(tokens)} tokens and the model's context holds "
                f"{self.context_tokens}: shorten it, or raise n_ctx "
                f"(the model allows {self._model.trained_context})"
            )
        return tokens

    def _sampler(self, prompt: Prompt, gbnf: str | None) -> LlamaSampler:
        temperature = TEMPERATURE if prompt.temperature is None else prompt.temperature
        top_p = TOP_P if prompt.top_p is None else prompt.top_p
        seed = secrets.randbits(32) if prompt.seed is None else prompt.seed
        return LlamaSampler(self._model, temperature, top_p, seed, gbnf)

    def _piece(self, token: int) -> bytes:
        """The bytes of a token; of control tokens only those that mark calls and thoughts."""
        text = self._controls.get(token)
        if text is None:
            return self._model.piece(token)
        return text.encode() if text in _MARKUP else b""

    def _compiled(self, source: str | None) -> "ChatTemplate":
        from voice.engines.chat_template import ChatTemplate  # noqa: PLC0415 - its Jinja is an extra

        return ChatTemplate(
            source, bos=self._model.bos, eos=self._model.eos, controls=self._controls.values()
        )


_MARKUP = frozenset({*MARKERS, *ENDS, "<think>", "</think>", "[ARGS]", "[CALL_ID]"})


class _Answer:
    """What a model writes, from bytes to pieces: thoughts out, calls apart, stops obeyed."""

    def __init__(self, prompt: Prompt, tools: tuple[Tool, ...], *, forced: bool, text: str) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._unthinking = Unthinking(inside=text.rstrip().endswith("<think>"))
        names = {tool.name for tool in tools}
        self._reader = ToolCallReader(names, forced=forced) if tools else None
        self._stops = StopStrings(prompt.stop)
        self._forced = forced
        self.is_complete = False

    @property
    def calls(self) -> int:
        return self._reader.calls if self._reader else 0

    def feed(self, data: bytes) -> Iterator[Piece]:
        text = self._unthinking.feed(self._decoder.decode(data))
        yield from self._passed_on(text)
        self.is_complete = self._stops.stopped or (self._forced and self._is_called())

    def finish(self, reason: Reason) -> Iterator[Piece]:
        """What was held back."""
        if not self._stops.stopped:
            rest = self._decoder.decode(b"", final=True)
            yield from self._passed_on(self._unthinking.feed(rest) + self._unthinking.finish())
            try:
                yield from self._obeying_stops(self._reader.finish() if self._reader else [])
            except BadToolCallError as error:
                if reason != "length":
                    raise EngineError(f"the model {error}") from error
            if held := self._stops.finish():
                yield TextDelta(held)

    def _passed_on(self, text: str) -> Iterator[Piece]:
        if not text:
            return
        try:
            pieces: list[Piece] = self._reader.feed(text) if self._reader else [TextDelta(text)]
        except BadToolCallError as error:
            raise EngineError(f"the model {error}") from error
        yield from self._obeying_stops(pieces)

    def _obeying_stops(self, pieces: list[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            if not isinstance(piece, TextDelta):
                yield piece
            elif text := self._stops.feed(piece.text):
                yield TextDelta(text)

    def _is_called(self) -> bool:
        return self._reader is not None and self._reader.is_between_calls and self.calls > 0


def _callable_tools(prompt: Prompt) -> tuple[Tool, ...]:
    """The tools that may be called; one or none where the choice says so."""
    if prompt.tool_choice == "none":
        return ()
    if prompt.tool_choice in {"auto", "required"}:
        return prompt.tools
    named = tuple(tool for tool in prompt.tools if tool.name == prompt.tool_choice)
    if not named:
        raise EngineError(f"tool_choice names {prompt.tool_choice!r}, which is not among the tools")
    return named


def _gbnf(schema: dict[str, object]) -> str:
    from llama_cpp.llama_grammar import json_schema_to_gbnf  # noqa: PLC0415 - slow to import

    try:
        return str(json_schema_to_gbnf(json.dumps(schema)))
    except (
        AssertionError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise EngineError(f"no grammar can be made of the JSON schema: {error}") from error


def _threads() -> int:
    cores = len(os.sched_getaffinity(0))
    return cores if cores <= 4 else cores // 2
