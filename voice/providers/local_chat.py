"""A language model of this server as a provider of chat and text completions."""

import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol, cast

import msgspec

from voice.engines.protocols import EngineError, Finished, LanguageModel, Piece, Prompt, TextDelta
from voice.gateway.errors import ApiError, api_error, unsupported_parameter
from voice.providers.completion_wire import ChatChoice, Envelope, Json, TextChoice
from voice.providers.local_fields import field_for, refusal
from voice.providers.local_prompt import chat_prompt, completion_prompts, is_text, wrapped
from voice.providers.protocol import Call, ProviderError, Trouble

WRAPPED = "This model knows only chats: the prompt was put to it as the message of a user."


class Choice(Protocol):
    """An answer while it is made."""

    def opening(self) -> Json | None: ...

    def feed(self, piece: Piece) -> Iterator[Json]: ...

    def whole(self) -> Json: ...


@dataclass(frozen=True, slots=True)
class _Answer:
    """One choice to be made: from which prompt, and whether that one was counted before."""

    choice: Choice
    prompt: Prompt
    prompt_again: bool


@dataclass(frozen=True, slots=True)
class _Job:
    """A request as what is to be done: answers in the order of their indices."""

    fields: Mapping[str, object]
    """As the client sent them."""
    envelope: Envelope
    answers: list[_Answer]
    candidates: int = 1
    """How many answers are made to each prompt, of which the best `wanted` are kept."""
    wanted: int = 1
    silent: bool = False
    """Whether nothing is to be said, and only the prompt counted."""


class LocalChat:
    """A `Provider` for `chat/completions` and `completions` over a local `LanguageModel`."""

    def __init__(self, model: LanguageModel, now: Callable[[], float] = time.time) -> None:
        self.name = "local"
        self._model = model
        self._now = now

    def refusal(self, call: Call) -> ApiError | None:
        who = f"the local model '{self._model.name}'"
        if self._wraps(call) and not is_text(call.body.get("prompt")):
            return unsupported_parameter("prompt", f"must be text, or texts, for {who}.")
        accepts = self._model.accepts | ({"text"} if self._wraps(call) else set())
        return refusal(call.operation, call.body, accepts, who)

    def _wraps(self, call: Call) -> bool:
        """Whether a text must be put as the message of a user, as the model knows only chats."""
        return call.operation == "completions" and "text" not in self._model.accepts

    async def answer(self, call: Call) -> bytes:
        job = self._job(call)
        for answer in job.answers:
            async for _ in self._choices(job, answer):
                pass
        return job.envelope.whole([choice.whole() for choice in _kept(job)])

    async def stream(self, call: Call) -> AsyncGenerator[bytes, None]:
        job = self._job(call)
        for answer in job.answers:
            opening = answer.choice.opening()
            async with aclosing(self._choices(job, answer)) as choices:
                async for choice in choices:
                    # The role comes with the first words, so that a failure can still be told apart.
                    head = job.envelope.chunk(opening) if opening else b""
                    opening = None
                    yield head + job.envelope.chunk(choice)
        yield job.envelope.last()

    async def aclose(self) -> None:
        """The engine belongs to the server."""

    async def _choices(self, job: _Job, answer: _Answer) -> AsyncGenerator[Json, None]:
        try:
            async with aclosing(self._model.generate(answer.prompt)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    if job.silent:
                        piece = _unsaid(piece)  # noqa: PLW2901 - as it is told from here on
                    if isinstance(piece, Finished):
                        job.envelope.count(piece, prompt_again=answer.prompt_again)
                    for choice in answer.choice.feed(piece):
                        yield choice
        except EngineError as error:
            raise failure(error, job.fields) from error

    def _job(self, call: Call) -> _Job:
        return self._chat(call) if call.operation == "chat/completions" else self._text(call)

    def _chat(self, call: Call) -> _Job:
        request, prompt = chat_prompt(call.body)
        options = request.stream_options
        envelope = Envelope(
            "chat.completion",
            call.model,
            int(self._now()),
            usage=bool(options and options.include_usage),
        )
        legacy = bool(request.functions)
        calls = 1 if legacy or request.parallel_tool_calls is False else None
        answers = [
            _Answer(
                ChatChoice(index, logprobs=prompt.logprobs is not None, calls=calls, legacy=legacy),
                _varied(prompt, index),
                prompt_again=index > 0,
            )
            for index in range(request.n or 1)
        ]
        return _Job(call.body, envelope, answers)

    def _text(self, call: Call) -> _Job:
        request, prompts = completion_prompts(call.body)
        texts = [str(prompt.text) for prompt in prompts]
        warnings = [WRAPPED] if self._wraps(call) else []
        if warnings:
            prompts = list(map(wrapped, prompts))
        options = request.stream_options
        envelope = Envelope(
            "text_completion",
            call.model,
            int(self._now()),
            usage=bool(options and options.include_usage),
            warnings=warnings,
        )
        wanted = request.n or 1
        candidates = max(wanted, request.best_of or 1)
        judged = candidates > wanted
        answers = [
            _Answer(
                TextChoice(
                    number * candidates + index,
                    logprobs=request.logprobs is not None,
                    echo=text if request.echo else "",
                ),
                _varied(msgspec.structs.replace(prompt, logprobs=0) if judged else prompt, index),
                prompt_again=index > 0,
            )
            for number, (prompt, text) in enumerate(zip(prompts, texts, strict=True))
            for index in range(candidates)
        ]
        silent = request.max_tokens == 0
        return _Job(call.body, envelope, answers, candidates, wanted, silent)


def _kept(job: _Job) -> list[Choice]:
    """The answers to give; of too many to one prompt those which the model finds likeliest."""
    choices = [answer.choice for answer in job.answers]
    if job.candidates == job.wanted:
        return choices
    kept: list[Choice] = []
    for start in range(0, len(choices), job.candidates):
        group = cast("list[TextChoice]", choices[start : start + job.candidates])
        group.sort(key=TextChoice.mean_logprob, reverse=True)
        kept += group[: job.wanted]
    for index, choice in enumerate(kept):
        cast("TextChoice", choice).index = index
    return kept


def _unsaid(piece: Piece) -> Piece:
    """What is told of a piece of an answer that was to be empty."""
    if isinstance(piece, Finished):
        return Finished(reason="length", input_tokens=piece.input_tokens)
    return TextDelta(text="")


def _varied(prompt: Prompt, index: int) -> Prompt:
    """The prompt of a further choice: with a seed of its own, or all would be the same."""
    if prompt.seed is None or not index:
        return prompt
    return msgspec.structs.replace(prompt, seed=prompt.seed + index)


def failure(error: EngineError, fields: Mapping[str, object]) -> ProviderError:
    """What an engine's error means for a router, and for the client if nobody else answers."""
    told = api_error(error)
    trouble: Trouble = "unavailable"
    if told.code == "context_length_exceeded":
        trouble = "context"
    elif told.status < 500:
        trouble = "request"
    return ProviderError(
        told.message,
        trouble,
        status=told.status,
        kind=told.kind,
        code=told.code,
        param=field_for(told.param, fields),
    )
