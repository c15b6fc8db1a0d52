"""A language model in a GGUF file, run by llama.cpp."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voice.engines import gbnf
from voice.engines.call_schema import call_schema
from voice.engines.likelihood import likelihood
from voice.engines.llama_answer import Answer, Reason
from voice.engines.llama_grammar import compiled, constraint, schema_gbnf
from voice.engines.llama_library import LlamaModel, threads
from voice.engines.llama_sampler import LlamaSampler
from voice.engines.llama_sequence import LlamaSequence, OutOfContextError
from voice.engines.protocols import EngineError, Finished, Piece, Prompt, TokenLogprob, Tool
from voice.engines.thinking import thought_over
from voice.engines.tool_dialects import ENDS, MARKERS

if TYPE_CHECKING:
    from voice.engines.chat_template import ChatTemplate

ROOM_TOKENS = 16
"""A prompt that leaves less of the context than this, or than it asks for, cannot be answered."""

ACCEPTS = frozenset(
    {"text", "tools", "tool_choice", "json_schema", "regex", "choices", "grammar", "logprobs"}
    | {"temperature", "seed", "top_k", "top_p", "min_p", "logit_bias"}
    | {"presence_penalty", "frequency_penalty", "repetition_penalty"}
)


class Llama:
    """Implements `Generator`; answers one prompt at a time.

    What a prompt begins with like the one before it is not read again. `n_ctx` 0 takes the context
    that the model was trained for, which is never exceeded; `n_threads` 0 takes all cores of a
    small machine and half of a large one's. Raises `EngineError` when the file is no model.
    """

    def __init__(
        self, model: str, n_ctx: int = 4096, n_threads: int = 0, n_gpu_layers: int = 0
    ) -> None:
        self._model = LlamaModel(Path(model).expanduser(), n_gpu_layers)
        trained = self._model.trained_context
        self.context_tokens = min(n_ctx, trained) if n_ctx else trained
        self._sequence = LlamaSequence(self._model, self.context_tokens, n_threads or threads())
        self._controls = self._model.controls()
        self._infill = self._model.infill_tokens()
        self.accepts = ACCEPTS | ({"suffix"} if self._infill else set())
        plain = self._model.metadata("tokenizer.chat_template")
        for_tools = self._model.metadata("tokenizer.chat_template.tool_use")
        self._template = self._compiled(plain)
        self._tool_template = self._compiled(for_tools) if for_tools else self._template

    def generate(self, prompt: Prompt, cancelled: Callable[[], bool]) -> Iterator[Piece]:
        """Stream an answer; a cancelled one just ends. Raises `EngineError`."""
        task = self._chat(prompt) if prompt.text is None else self._completion(prompt)
        self._check_length(prompt, task.tokens)
        yield from self._run(prompt, task, cancelled)

    # ------------------------------------------------------------ what to do

    def _chat(self, prompt: Prompt) -> "_Task":
        if any(message.images for message in prompt.messages):
            message = "this model takes no images; send text, or choose another model"
            raise EngineError(message, "unsupported_parameter", "images")
        template = self._tool_template if prompt.tools else self._template
        tools = _callable_tools(prompt)
        forced = bool(tools) and prompt.tool_choice != "auto"
        grammar = constraint(prompt)
        asked = template.render(prompt)
        if forced or grammar:
            asked = thought_over(asked)
        if forced:
            asked += template.call_marker
        if tools and (forced or grammar):
            call = schema_gbnf(call_schema(tools, template.arguments_key), "tools")
            marked = gbnf.after(template.call_marker, call)
            grammar = (call, "tools") if forced else _or_called(grammar, marked)
        answer = Answer(prompt, tools, forced=forced, asked=asked)
        return _Task(self._model.tokens(asked), answer, grammar)

    def _completion(self, prompt: Prompt) -> "_Task":
        tokens = self._infilled(prompt) if prompt.suffix else self._read(prompt.text or "")
        return _Task(tokens or [self._model.first()], Answer(prompt), constraint(prompt))

    def _read(self, text: str | tuple[int, ...]) -> list[int]:
        if isinstance(text, str):
            return self._model.tokens(text)
        return self._model.checked(text, "text")

    def _infilled(self, prompt: Prompt) -> list[int]:
        """The tokens of a text with a gap, before which the model is asked to write it."""
        if self._infill is None:
            message = "this model has no tokens to fill in a text with, so it takes no suffix"
            raise EngineError(message, "unsupported_parameter", "suffix")
        before, after, gap = self._infill
        model, text = self._model, prompt.text or ""
        prefix = model.tokenized(text) if isinstance(text, str) else model.checked(text, "text")
        suffix = model.tokenized(prompt.suffix or "")
        return [*model.begin(), before, *prefix, after, *suffix, gap]

    def _check_length(self, prompt: Prompt, tokens: list[int]) -> None:
        room = self.context_tokens - len(tokens)
        wanted = ROOM_TOKENS if prompt.max_tokens is None else min(ROOM_TOKENS, prompt.max_tokens)
        if room < min(wanted, self.context_tokens // 4):
            what = "conversation" if prompt.text is None else "prompt"
            raise EngineError(
                f"the {what} has {len(tokens)} tokens and the model's context holds "
                f"{self.context_tokens}: {self._model.advice(self.context_tokens)}",
                "context_length_exceeded",
                "messages" if prompt.text is None else "text",
            )

    # ------------------------------------------------------------ doing it

    def _run(self, prompt: Prompt, task: "_Task", cancelled: Callable[[], bool]) -> Iterator[Piece]:
        limit = prompt.max_tokens if prompt.max_tokens is not None else self.context_tokens
        written = 0
        answer = task.answer
        with self._sampler(prompt, task) as sampler:
            if not self._sequence.read(task.tokens, cancelled):
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
                yield from answer.feed(self._piece(token), self._likelihood(prompt, token))
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
        yield Finished(reason, len(task.tokens), written)

    def _sampler(self, prompt: Prompt, task: "_Task") -> LlamaSampler:
        if not task.grammar:
            return LlamaSampler(self._model, prompt, task.tokens)
        # Their names are letters to a grammar, and nothing in the answer.
        silent = [token for token, name in self._controls.items() if name not in _MARKUP]
        banned = [token for token in silent if not self._model.is_end(token)]
        grammar = compiled(self._model, *task.grammar)
        return LlamaSampler(self._model, prompt, task.tokens, grammar, banned)

    def _likelihood(self, prompt: Prompt, token: int) -> TokenLogprob | None:
        if prompt.logprobs is None:
            return None
        return likelihood(self._sequence.logits(), token, prompt.logprobs, self._spelled)

    def _piece(self, token: int) -> bytes:
        """The bytes of a token; of control tokens only those that mark calls and thoughts."""
        text = self._controls.get(token)
        if text is None:
            return self._model.piece(token)
        return text.encode() if text in _MARKUP else b""

    def _spelled(self, token: int) -> bytes:
        return self._model.piece(token, special=True)

    def _compiled(self, source: str | None) -> "ChatTemplate":
        from voice.engines.chat_template import ChatTemplate  # noqa: PLC0415 - its Jinja is an extra

        return ChatTemplate(
            source, bos=self._model.bos, eos=self._model.eos, controls=self._controls.values()
        )


_MARKUP = frozenset({*MARKERS, *ENDS, "<think>", "</think>", "[ARGS]", "[CALL_ID]"})


@dataclass(frozen=True, slots=True)
class _Task:
    """The tokens to go on from, what becomes of those that follow, and what binds them."""

    tokens: list[int]
    answer: Answer
    grammar: tuple[str, str] | None
    """In GBNF, and the field of the prompt that asks for it."""


def _callable_tools(prompt: Prompt) -> tuple[Tool, ...]:
    """The tools that may be called; one or none where the choice says so."""
    if prompt.tool_choice == "none":
        return ()
    if prompt.tool_choice in {"auto", "required"}:
        return prompt.tools
    named = tuple(tool for tool in prompt.tools if tool.name == prompt.tool_choice)
    if not named:
        raise EngineError(
            f"tool_choice names {prompt.tool_choice!r}, which is not among the tools",
            "invalid_value",
            "tool_choice",
        )
    return named


def _or_called(grammar: tuple[str, str] | None, call: str) -> tuple[str, str] | None:
    return grammar and (gbnf.either(call, grammar[0]), grammar[1])
