"""llama.cpp through its C interface: the library, and a loaded GGUF with its vocabulary.

The low level is used, and not the library's own `Llama`: that copies all logits of each step into
Python, and cannot be stopped while it reads a prompt. Knows nothing of chats.
"""

import ctypes
import importlib
import os
import re
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from voice.engines.protocols import EngineError

_ERROR_LEVEL = 4
_BYTE_PAIRS = 2
_LONG_RUN = re.compile(r"\d{2048}|[^\W\d]{2048}|[^\w\s]{2048}|\s{2048}")


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


errors: deque[str] = deque(maxlen=10)
"""What llama.cpp has logged as errors since this was last cleared, oldest first."""


@cache
def _log_callback(lib: Any) -> Any:
    def note(level: int, text: bytes, _data: object) -> None:
        if level == _ERROR_LEVEL:
            errors.append(text.decode(errors="replace").strip())

    return lib.llama_log_callback(note)


def threads() -> int:
    """How many threads compute best: all cores of a small machine and half of a large one's."""
    cores = len(os.sched_getaffinity(0))
    return cores if cores <= 4 else cores // 2


# ---------------------------------------------------------------- the model


class LlamaModel:
    """The weights and the vocabulary of a GGUF file. Raises `EngineError` when it is none."""

    def __init__(self, path: Path, n_gpu_layers: int) -> None:
        self.lib = lib = _library()
        _check_file(path)
        errors.clear()
        params = lib.llama_model_default_params()
        params.n_gpu_layers = n_gpu_layers
        self.pointer = lib.llama_model_load_from_file(os.fsencode(path), params)
        if not self.pointer:
            # The first line has the reason, those after it only repeat that there was one.
            reason = errors[0].rpartition(": ")[2] if errors else "no reason was given"
            raise EngineError(f"llama.cpp cannot load {path}: {reason}")
        weakref.finalize(self, lib.llama_model_free, self.pointer)
        self.vocabulary = lib.llama_model_get_vocab(self.pointer)
        self._splits_by_recursion = lib.llama_vocab_type(self.vocabulary) == _BYTE_PAIRS
        self.n_tokens: int = lib.llama_vocab_n_tokens(self.vocabulary)
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
        bos = self.bos
        begin = [] if bos and text.startswith(bos) else self.begin()
        return begin + self.tokenized(text, controls=True)

    def tokenized(self, text: str, *, controls: bool = False, framed: bool = False) -> list[int]:
        """Tokenize a text; what looks like a control token is one only with `controls`.

        `framed` adds what the model wants before and after a whole text.
        """
        parts = list(_parts(text)) if self._splits_by_recursion else [text]
        if len(parts) == 1:
            return self._tokenized(text, controls=controls, framed=framed)
        tokens = [token for part in parts for token in self._tokenized(part, controls=controls)]
        return [*self.begin(), *tokens, *self._end()] if framed else tokens

    def _tokenized(self, text: str, *, controls: bool, framed: bool = False) -> list[int]:
        data = text.encode()
        size = len(data) + 8
        buffer = (self.lib.llama_token * size)()
        count = self.lib.llama_tokenize(
            self.vocabulary, data, len(data), buffer, size, framed, controls
        )
        return list(buffer[:count])

    def begin(self) -> list[int]:
        """What the model wants before any text."""
        wanted = self.lib.llama_vocab_get_add_bos(self.vocabulary)
        return [self.lib.llama_vocab_bos(self.vocabulary)] if wanted else []

    def _end(self) -> list[int]:
        wanted = self.lib.llama_vocab_get_add_eos(self.vocabulary)
        return [self.lib.llama_vocab_eos(self.vocabulary)] if wanted else []

    def first(self) -> int:
        """The token that a text out of nothing goes on from. Raises `EngineError`."""
        for token in (
            self.lib.llama_vocab_bos(self.vocabulary),
            self.lib.llama_vocab_eos(self.vocabulary),
        ):
            if token >= 0:
                return int(token)
        raise EngineError("this model needs a text to go on from", "invalid_value", "text")

    def checked(self, tokens: Iterable[int], param: str) -> list[int]:
        """Tokens that came from outside; raises `EngineError` where one is not in the vocabulary."""
        ids = list(tokens)
        for token in ids:
            if not 0 <= token < self.n_tokens:
                raise EngineError(
                    f"the model has no token {token}: its tokens are 0 to {self.n_tokens - 1}",
                    "invalid_value",
                    param,
                )
        return ids

    def advice(self, context: int) -> str:
        """What to do about a text that is longer than a context."""
        if context >= self.trained_context:
            return "shorten it"
        return f"shorten it, or raise n_ctx (the model allows {self.trained_context})"

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes of a token; nothing for a control token unless `special`."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = self.lib.llama_token_to_piece(self.vocabulary, token, buffer, size, 0, special)
            if length >= 0:
                return buffer.raw[:length]
            size = -length

    def is_end(self, token: int) -> bool:
        return bool(self.lib.llama_vocab_is_eog(self.vocabulary, token))

    @property
    def bos(self) -> str:
        return self._text(self.lib.llama_vocab_bos(self.vocabulary))

    @property
    def eos(self) -> str:
        return self._text(self.lib.llama_vocab_eos(self.vocabulary))

    def controls(self) -> dict[int, str]:
        """The tokens that steer the model, and must not be made from what users write."""
        return {
            token: self._text(token)
            for token in range(self.n_tokens)
            if self.lib.llama_vocab_is_control(self.vocabulary, token)
        }

    def _text(self, token: int) -> str:
        return self.piece(token, special=True).decode(errors="replace") if token >= 0 else ""

    def infill_tokens(self) -> tuple[int, int, int] | None:
        """What marks the text before a gap, that after it, and the gap; None without such marks."""
        marks: tuple[int, int, int] = (
            self.lib.llama_vocab_fim_pre(self.vocabulary),
            self.lib.llama_vocab_fim_suf(self.vocabulary),
            self.lib.llama_vocab_fim_mid(self.vocabulary),
        )
        return marks if min(marks) >= 0 else None


def _parts(text: str) -> Iterator[str]:
    """The text, cut within runs of letters, digits or the like that are thousands long.

    llama.cpp finds such runs by recursion, and dies of long ones. The cut is far from the ends of
    a run, where a control token may begin or end.
    """
    start = 0
    for run in _LONG_RUN.finditer(text):
        end = (run.start() + run.end()) // 2
        yield text[start:end]
        start = end
    yield text[start:]


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise EngineError(f"there is no model file {path}; `voice pull` fetches models")
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != b"GGUF":
        raise EngineError(f"{path} is no GGUF file: it begins with {magic!r} instead of b'GGUF'")
