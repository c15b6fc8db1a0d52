"""llama.cpp through its C interface: a loaded GGUF, one sequence of tokens in it, and a sampler.

The low level is used, and not the library's own `Llama`: that copies all logits of each step into
Python, and cannot be stopped while it reads a prompt. Knows nothing of chats.
"""

import ctypes
import importlib
import os
import weakref
from collections import deque
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from voice.engines.protocols import EngineError

BATCH_TOKENS = 256
"""How much of a prompt is decoded at once; between two of these a cancellation is always seen."""

_ABORTED = 2
_ERROR_LEVEL = 4


class OutOfContextError(Exception):
    """The sequence has filled the context."""


@cache
def _library() -> Any:
    """The bindings, loaded when first needed; what llama.cpp logs as errors is kept for ours."""
    try:
        lib: Any = importlib.import_module("llama_cpp.llama_cpp")
    except ImportError as error:
        raise EngineError('llama.cpp is missing: pip install "inferno-voice[llama]"') from error
    lib.llama_log_set(_log_callback(lib), None)
    lib.llama_backend_init()
    return lib


_errors: deque[str] = deque(maxlen=10)


@cache
def _log_callback(lib: Any) -> Any:
    def note(level: int, text: bytes, _data: object) -> None:
        if level == _ERROR_LEVEL:
            _errors.append(text.decode(errors="replace").strip())

    return lib.llama_log_callback(note)


# ---------------------------------------------------------------- the model


class LlamaModel:
    """The weights and the vocabulary of a GGUF file. Raises `EngineError` when it is none."""

    def __init__(self, path: Path, n_gpu_layers: int) -> None:
        self.lib = lib = _library()
        _check_file(path)
        _errors.clear()
        params = lib.llama_model_default_params()
        params.n_gpu_layers = n_gpu_layers
        self.pointer = lib.llama_model_load_from_file(os.fsencode(path), params)
        if not self.pointer:
            # The first line has the reason, those after it only repeat that there was one.
            reason = _errors[0].rpartition(": ")[2] if _errors else "no reason was given"
            raise EngineError(f"llama.cpp cannot load {path}: {reason}")
        weakref.finalize(self, lib.llama_model_free, self.pointer)
        self._vocabulary = lib.llama_model_get_vocab(self.pointer)
        self.trained_context: int = lib.llama_model_n_ctx_train(self.pointer)

    def metadata(self, key: str) -> str | None:
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = self.lib.llama_model_meta_val_str(self.pointer, key.encode(), buffer, size)
            if length < size:
                return buffer.value.decode(errors="replace") if length >= 0 else None
            size = length + 1

    def tokens(self, text: str) -> list[int]:
        """Tokenize a rendered prompt; a first token that the text lacks is added."""
        data = text.encode()
        bos = self.bos.encode()
        begins = not (bos and data.startswith(bos))
        size = len(data) + 8
        buffer = (self.lib.llama_token * size)()
        count = self.lib.llama_tokenize(
            self._vocabulary,
            data,
            len(data),
            buffer,
            size,
            begins,
            True,
        )
        return list(buffer[:count])

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes of a token; nothing for a control token unless `special`."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = self.lib.llama_token_to_piece(
                self._vocabulary, token, buffer, size, 0, special
            )
            if length >= 0:
                return buffer.raw[:length]
            size = -length

    def is_end(self, token: int) -> bool:
        return bool(self.lib.llama_vocab_is_eog(self._vocabulary, token))

    @property
    def bos(self) -> str:
        return self._text(self.lib.llama_vocab_bos(self._vocabulary))

    @property
    def eos(self) -> str:
        return self._text(self.lib.llama_vocab_eos(self._vocabulary))

    def controls(self) -> dict[int, str]:
        """The tokens that steer the model, and must not be made from what users write."""
        count = self.lib.llama_vocab_n_tokens(self._vocabulary)
        return {
            token: self._text(token)
            for token in range(count)
            if self.lib.llama_vocab_is_control(self._vocabulary, token)
        }

    def _text(self, token: int) -> str:
        return self.piece(token, special=True).decode(errors="replace") if token >= 0 else ""

    def grammar(self, gbnf: str) -> Any:
        grammar = self.lib.llama_sampler_init_grammar(self._vocabulary, gbnf.encode(), b"root")
        if not grammar:
            raise EngineError("llama.cpp does not understand the grammar made from the JSON schema")
        return grammar


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise EngineError(f"there is no model file {path}; `voice pull` fetches models")
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != b"GGUF":
        raise EngineError(f"{path} is no GGUF file: it begins with {magic!r} instead of b'GGUF'")


# ---------------------------------------------------------------- a sequence


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
        _errors.clear()
        result = self._lib.llama_decode(self.pointer, batch)
        if result == 0:
            self.tokens += tokens
            return True
        self._forget_after(len(self.tokens))
        if result == _ABORTED:
            return False
        reason = _errors[0] if _errors else f"error {result}"
        raise EngineError(f"llama.cpp could not decode {len(tokens)} tokens: {reason}")


# ---------------------------------------------------------------- a sampler


class LlamaSampler:
    """Chooses tokens; with a grammar, only such as the grammar allows."""

    def __init__(
        self, model: LlamaModel, temperature: float, top_p: float, seed: int, gbnf: str | None
    ) -> None:
        self._lib = lib = model.lib
        self._grammar = model.grammar(gbnf) if gbnf else None
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        if temperature <= 0:
            steps = [lib.llama_sampler_init_greedy()]
        else:
            steps = [
                lib.llama_sampler_init_top_k(40),
                lib.llama_sampler_init_top_p(top_p, 1),
                lib.llama_sampler_init_min_p(0.05, 1),
                lib.llama_sampler_init_temp(temperature),
                lib.llama_sampler_init_dist(seed % 2**32),
            ]
        for step in steps:
            lib.llama_sampler_chain_add(self._chain, step)
        self._n_tokens: int = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model.pointer))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lib.llama_sampler_free(self._chain)
        if self._grammar:
            self._lib.llama_sampler_free(self._grammar)

    def sample(self, sequence: LlamaSequence) -> int:
        """Choose the token that follows the sequence."""
        token: int = self._lib.llama_sampler_sample(self._chain, sequence.pointer, -1)
        if self._grammar:
            # To ask the grammar about every token takes longer than a step of a small model; it is
            # asked about the chosen one first.
            if not self._is_allowed(token):
                token = self._sample_allowed(sequence)
            self._lib.llama_sampler_accept(self._grammar, token)
        return token

    def _is_allowed(self, token: int) -> bool:
        data = (self._lib.llama_token_data * 1)((token, 1.0, 0.0))
        candidates = self._lib.llama_token_data_array(data, 1, -1, False)
        self._lib.llama_sampler_apply(self._grammar, ctypes.byref(candidates))
        return bool(np.isfinite(data[0].logit))

    def _sample_allowed(self, sequence: LlamaSequence) -> int:
        data = (self._lib.llama_token_data * self._n_tokens)()
        fields = [("id", np.int32), ("logit", np.float32), ("p", np.float32)]
        view = np.frombuffer(data, dtype=fields)  # (n_tokens,)
        view["id"] = np.arange(self._n_tokens)
        logits = self._lib.llama_get_logits_ith(sequence.pointer, -1)
        view["logit"] = np.ctypeslib.as_array(logits, (self._n_tokens,))
        candidates = self._lib.llama_token_data_array(data, self._n_tokens, -1, False)
        self._lib.llama_sampler_apply(self._grammar, ctypes.byref(candidates))
        self._lib.llama_sampler_apply(self._chain, ctypes.byref(candidates))
        return int(candidates.data[candidates.selected].id)
