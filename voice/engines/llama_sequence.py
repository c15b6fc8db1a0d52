"""The one sequence of tokens that a llama.cpp context holds, and what it says of the next token."""

import weakref
from collections.abc import Callable

import numpy as np

from voice.engines.llama_library import LlamaModel, errors
from voice.engines.protocols import EngineError

BATCH_TOKENS = 256
"""How much of a prompt is decoded at once; between two of these a cancellation is always seen."""

_ABORTED = 2


class OutOfContextError(Exception):
    """The sequence has filled the context."""


class LlamaSequence:
    """The tokens that the model has read, with their keys and values."""

    def __init__(self, model: LlamaModel, n_ctx: int, n_threads: int) -> None:
        self._model = model
        self._lib = lib = model.lib
        params = lib.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = params.n_ubatch = BATCH_TOKENS
        params.n_threads = params.n_threads_batch = n_threads
        self.pointer = lib.llama_init_from_model(model.pointer, params)
        if not self.pointer:
            raise EngineError(f"llama.cpp has no room for a context of {n_ctx} tokens")
        weakref.finalize(self, lib.llama_free, self.pointer)
        self._memory = lib.llama_get_memory(self.pointer)
        self.capacity: int = n_ctx
        self.tokens: list[int] = []

    def read(self, tokens: list[int], cancelled: Callable[[], bool]) -> bool:
        """Make the sequence these tokens, reusing what they begin with alike.

        False when cancelled; what has been read by then is kept for next time.
        """
        self._forget_after(self._common(tokens))
        abort = self._lib.ggml_abort_callback(lambda _: cancelled())
        self._lib.llama_set_abort_callback(self.pointer, abort, None)
        try:
            while len(self.tokens) < len(tokens):
                start = len(self.tokens)
                if cancelled() or not self._decode(tokens[start : start + BATCH_TOKENS]):
                    return False
        finally:
            # It is asked at each node of the graph, too dear for the short steps that follow.
            self._lib.llama_set_abort_callback(self.pointer, self._lib.ggml_abort_callback(0), None)
        return True

    def append(self, token: int) -> None:
        """Read one more token; raises `OutOfContextError`."""
        if len(self.tokens) >= self.capacity:
            raise OutOfContextError
        self._decode([token])

    def logits(self) -> np.ndarray:
        """(n_tokens,) float32, for the token to come; valid until the next is read."""
        logits = self._lib.llama_get_logits_ith(self.pointer, -1)
        return np.ctypeslib.as_array(logits, (self._model.n_tokens,))

    def _common(self, tokens: list[int]) -> int:
        """How many tokens can stay. The last is read again, for its logits."""
        same = 0
        for old, new in zip(self.tokens, tokens[:-1], strict=False):
            if old != new:
                break
            same += 1
        return same

    def _forget_after(self, count: int) -> None:
        if not self._lib.llama_memory_seq_rm(self._memory, 0, count, -1):
            # A recurrent memory cannot be cut, only cleared.
            self._lib.llama_memory_clear(self._memory, True)
            count = 0
        del self.tokens[count:]

    def _decode(self, tokens: list[int]) -> bool:
        array = (self._lib.llama_token * len(tokens))(*tokens)
        batch = self._lib.llama_batch_get_one(array, len(tokens))
        errors.clear()
        result = self._lib.llama_decode(self.pointer, batch)
        if result == 0:
            self.tokens += tokens
            return True
        self._forget_after(len(self.tokens))
        if result == _ABORTED:
            return False
        reason = errors[0] if errors else f"error {result}"
        raise EngineError(f"llama.cpp could not decode {len(tokens)} tokens: {reason}")
