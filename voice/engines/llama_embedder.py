"""Embeddings from a model in a GGUF file, run by llama.cpp."""

import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from voice.engines.llama_library import LlamaModel, errors, threads
from voice.engines.places import place
from voice.engines.protocols import Embeddings, EngineError

_MEAN, _RANK = 1, 4
"""llama.cpp's numbers of ways to make one vector of those of all tokens."""


class LlamaEmbedder:
    """Implements `Encoder`; one vector of each text, made as the model's file says.

    Texts get the tokens that the model wants around them; tokens are taken as they are. `n_ctx` 0
    takes the context that the model was trained for, which is never exceeded; memory grows with
    its square. Raises `EngineError` when the file is no model, or one that only ranks.
    """

    def __init__(
        self, model: str, n_ctx: int = 2048, n_threads: int = 0, n_gpu_layers: int = 0
    ) -> None:
        self._model = LlamaModel(Path(model).expanduser(), n_gpu_layers)
        self._lib = lib = self._model.lib
        trained = self._model.trained_context
        self.max_tokens = min(n_ctx, trained) if n_ctx else trained
        self.dimensions: int = lib.llama_model_n_embd_out(self._model.pointer)
        self._context = lib.llama_init_from_model(
            self._model.pointer, self._params(n_threads or threads())
        )
        if not self._context:
            raise EngineError(f"llama.cpp has no room for a context of {self.max_tokens} tokens")
        weakref.finalize(self, lib.llama_free, self._context)
        if lib.llama_pooling_type(self._context) == _RANK:
            raise EngineError(f"{model} ranks texts and embeds none; choose an embedding model")

    def embed(self, inputs: Sequence[str | tuple[int, ...]]) -> Embeddings:
        """Embed texts, or their tokens, in order. Raises `EngineError` before any is embedded."""
        read = [self._tokens(number, one) for number, one in enumerate(inputs)]
        vectors = [self._vector(tokens) for tokens in read]
        return Embeddings(
            vectors=b"".join(vector.astype("<f4").tobytes() for vector in vectors),
            tokens=tuple(len(tokens) for tokens in read),
        )

    def _params(self, n_threads: int) -> Any:
        params = self._lib.llama_context_default_params()
        # A text is read at once: each of its tokens may look at all others.
        params.n_ctx = params.n_batch = params.n_ubatch = self.max_tokens
        params.n_threads = params.n_threads_batch = n_threads
        params.embeddings = True
        architecture = self._model.metadata("general.architecture")
        if self._model.metadata(f"{architecture}.pooling_type") in {None, "0"}:
            params.pooling_type = _MEAN
        return params

    def _tokens(self, number: int, text: str | tuple[int, ...]) -> list[int]:
        if isinstance(text, str):
            tokens = self._model.tokenized(text, framed=True)
        else:
            tokens = self._model.checked(text, place(number))
        if not tokens:
            raise EngineError("This input is empty", "invalid_value", place(number))
        if len(tokens) > self.max_tokens:
            raise EngineError(
                f"This input has {len(tokens)} tokens and the model reads at most "
                f"{self.max_tokens} at once: {self._model.advice(self.max_tokens)}",
                "context_length_exceeded",
                place(number),
            )
        return tokens

    def _vector(self, tokens: list[int]) -> np.ndarray:
        """(dimensions,) float32 of length 1."""
        lib = self._lib
        # A model that only encodes has no memory.
        if memory := lib.llama_get_memory(self._context):
            lib.llama_memory_clear(memory, False)
        array = (lib.llama_token * len(tokens))(*tokens)
        errors.clear()
        result = lib.llama_decode(self._context, lib.llama_batch_get_one(array, len(tokens)))
        if result != 0:
            reason = errors[0] if errors else f"error {result}"
            raise EngineError(f"llama.cpp could not embed {len(tokens)} tokens: {reason}")
        pooled = lib.llama_get_embeddings_seq(self._context, 0)
        vector = np.ctypeslib.as_array(pooled, (self.dimensions,))
        length = np.linalg.norm(vector)
        if not (np.isfinite(length) and length > 0):
            raise EngineError("the model made no vector of the input; its file may be damaged")
        return np.asarray(vector / length)
