"""Chooses the tokens of an answer with llama.cpp's own samplers, as a prompt asks."""

import ctypes
import secrets
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

import numpy as np

from voice.engines.llama_library import LlamaModel
from voice.engines.llama_sequence import LlamaSequence
from voice.engines.protocols import EngineError, Prompt

TEMPERATURE, TOP_K, TOP_P, MIN_P = 0.7, 40, 0.95, 0.05
"""What a prompt leaves open: some variety, no nonsense."""

BAN = -100.0
"""A bias as low as this forbids a token, whatever the model thinks of it."""

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class LlamaSampler:
    """Samples for one answer; with a grammar, which it frees, only what the grammar allows.

    `read` are the tokens of the prompt, of `banned` ones none is chosen. Raises `EngineError` for
    what cannot be sampled with.
    """

    def __init__(
        self,
        model: LlamaModel,
        prompt: Prompt,
        read: list[int],
        grammar: Any = None,
        banned: Iterable[int] = (),
    ) -> None:
        self._lib = lib = model.lib
        self._grammar = grammar
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        self._data = (lib.llama_token_data * model.n_tokens)()
        self._view = np.frombuffer(self._data, _CANDIDATE)  # (n_tokens,)
        self._ids = np.arange(model.n_tokens, dtype=np.int32)
        try:
            for step in (*_changes(model, prompt, read, banned), *_choice(lib, prompt)):
                lib.llama_sampler_chain_add(self._chain, step)
        except EngineError:
            self.close()
            raise

    def close(self) -> None:
        self._lib.llama_sampler_free(self._chain)
        if self._grammar:
            self._lib.llama_sampler_free(self._grammar)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def sample(self, sequence: LlamaSequence) -> int:
        """Choose the token that follows the sequence. Raises `EngineError` when none may."""
        token = self._chosen(sequence)
        if self._grammar and not (token is not None and self._is_allowed(token)):
            # To ask the grammar about every token takes longer than a step of a small model; it
            # is asked about the chosen one first.
            token = self._chosen(sequence, self._grammar)
        if token is None:
            raise EngineError("the prompt's constraints leave none of the model's tokens to go on")
        self._lib.llama_sampler_accept(self._chain, token)
        if self._grammar:
            self._lib.llama_sampler_accept(self._grammar, token)
        return token

    def _chosen(self, sequence: LlamaSequence, grammar: Any = None) -> int | None:
        self._view["id"] = self._ids
        self._view["logit"] = sequence.logits()
        candidates = self._lib.llama_token_data_array(self._data, len(self._ids), -1, False)
        if grammar:
            self._lib.llama_sampler_apply(grammar, ctypes.byref(candidates))
        self._lib.llama_sampler_apply(self._chain, ctypes.byref(candidates))
        chosen = candidates.data[candidates.selected]
        return int(chosen.id) if np.isfinite(chosen.logit) else None

    def _is_allowed(self, token: int) -> bool:
        data = (self._lib.llama_token_data * 1)((token, 1.0, 0.0))
        candidates = self._lib.llama_token_data_array(data, 1, -1, False)
        self._lib.llama_sampler_apply(self._grammar, ctypes.byref(candidates))
        return bool(np.isfinite(data[0].logit))


def _changes(
    model: LlamaModel, prompt: Prompt, read: list[int], banned: Iterable[int]
) -> Iterable[Any]:
    """What changes the logits before one is chosen: biases and penalties."""
    lib = model.lib
    model.checked(prompt.logit_bias, "logit_bias")
    biases = {
        token: bias if bias > BAN else -np.inf for token, bias in prompt.logit_bias.items()
    } | dict.fromkeys(banned, -np.inf)
    if biases:
        array = (lib.llama_logit_bias * len(biases))(*biases.items())
        yield lib.llama_sampler_init_logit_bias(model.n_tokens, len(biases), array)
    capacity = model.trained_context
    if prompt.repetition_penalty is not None:
        if prompt.repetition_penalty <= 0:
            raise EngineError(
                f"repetition_penalty must be above 0, not {prompt.repetition_penalty}",
                "invalid_value",
                "repetition_penalty",
            )
        # This one looks at the prompt too, unlike those below.
        step = lib.llama_sampler_init_penalties(
            model.n_tokens, capacity, prompt.repetition_penalty, 0.0, 0.0
        )
        for token in read:
            lib.llama_sampler_accept(step, token)
        yield step
    if prompt.frequency_penalty or prompt.presence_penalty:
        yield lib.llama_sampler_init_penalties(
            model.n_tokens,
            capacity,
            1.0,
            prompt.frequency_penalty or 0.0,
            prompt.presence_penalty or 0.0,
        )


def _choice(lib: Any, prompt: Prompt) -> list[Any]:
    """What chooses one by its logits."""
    temperature = _given(prompt.temperature, TEMPERATURE)
    if temperature <= 0:
        return [lib.llama_sampler_init_greedy()]
    seed = secrets.randbits(32) if prompt.seed is None else prompt.seed
    return [
        lib.llama_sampler_init_top_k(int(_given(prompt.top_k, TOP_K))),
        lib.llama_sampler_init_top_p(_given(prompt.top_p, TOP_P), 1),
        lib.llama_sampler_init_min_p(_given(prompt.min_p, MIN_P), 1),
        lib.llama_sampler_init_temp(temperature),
        # The highest number asks llama.cpp for a random seed.
        lib.llama_sampler_init_dist(seed % (2**32 - 1)),
    ]


def _given(value: float | None, default: float) -> float:
    return default if value is None else value
