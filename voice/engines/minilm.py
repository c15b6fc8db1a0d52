"""all-MiniLM-L6-v2, and sentence encoders made like it, on CTranslate2."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice.engines.places import place
from voice.engines.protocols import Embeddings, EngineError
from voice.engines.token_batches import batches

BATCH_TOKENS = 2048
"""Of one step, padding included: under 100 MB, and more at once is no faster."""


class MiniLM:
    """Implements `Encoder` over a folder with the safetensors and tokenizer of the model.

    A text may fill all positions that the model has, which are 512. Its makers cut at 256; the
    vector of a longer text is made of all of it here, and one that does not fit is refused. Tokens
    are ids of the model's own vocabulary, taken as they are: those that begin and end a text are to
    be among them. Raises `EngineError` when the model is not here or broken.
    """

    def __init__(self, model: str, compute_type: str = "int8", threads: int = 0) -> None:
        # Who embeds a library shall leave the other half to those who speak.
        threads = threads or max(1, (os.cpu_count() or 2) // 2)
        from voice.engines import bert_model  # noqa: PLC0415 - its libraries take a second

        folder = Path(model).expanduser()
        config = bert_model.read_config(folder)
        self.dimensions = config.hidden_size
        self.max_tokens = config.max_position_embeddings
        self._words = config.vocab_size
        self._library = bert_model
        self._tokenizer = bert_model.open_tokenizer(folder)
        self._encoder = bert_model.open_encoder(folder, compute_type, threads)

    def warm(self) -> None:
        self.embed(["warm"])

    def embed(self, inputs: Sequence[str | tuple[int, ...]]) -> Embeddings:
        """Raises `EngineError` for an input that is too long, or no tokens of this model."""
        tokens = self._tokens(inputs)
        lengths = [len(each) for each in tokens]
        vectors = np.empty((len(tokens), self.dimensions), dtype="<f4")
        for batch in batches(lengths, BATCH_TOKENS):
            vectors[batch] = self._encode([tokens[index] for index in batch])
        return Embeddings(vectors=vectors.tobytes(), tokens=tuple(lengths))

    def _encode(self, tokens: list[list[int]]) -> NDArray[np.float32]:
        """(n_inputs, dimensions), the mean of each input's tokens, brought to length 1."""
        states = self._library.hidden_states(self._encoder, tokens)
        vectors = np.stack(
            [state[: len(each)].mean(axis=0) for state, each in zip(states, tokens, strict=True)]
        )
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors

    def _tokens(self, inputs: Sequence[str | tuple[int, ...]]) -> list[list[int]]:
        texts = [each for each in inputs if isinstance(each, str)]
        encoded = iter(self._tokenizer.encode_batch(texts))
        tokens = [next(encoded).ids if isinstance(each, str) else list(each) for each in inputs]
        for index, each in enumerate(tokens):
            self._check(each, place(index))
        return tokens

    def _check(self, tokens: list[int], param: str) -> None:
        if len(tokens) > self.max_tokens:
            raise EngineError(
                f"This input has {len(tokens)} tokens; the model takes {self.max_tokens} at most, "
                "so split it",
                "context_length_exceeded",
                param,
            )
        if not tokens:
            raise EngineError("This input has no tokens", "invalid_value", param)
        if not 0 <= min(tokens) <= max(tokens) < self._words:
            raise EngineError(
                f"These are no tokens of this model, whose ids go from 0 to {self._words - 1}; "
                "send the text instead",
                "invalid_value",
                param,
            )
