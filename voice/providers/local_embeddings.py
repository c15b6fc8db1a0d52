"""An embedding model of this server as a provider of embeddings."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from voice.engines.names import is_openai_name
from voice.engines.places import number_in
from voice.engines.protocols import Embedder, EngineError
from voice.gateway.errors import ApiError, unsupported_parameter
from voice.http.body import converted
from voice.http.embedding_types import EmbeddingRequest, inputs_of, param_of
from voice.providers.local_chat import failure
from voice.providers.matryoshka import is_matryoshka
from voice.providers.protocol import Call

SERVED = frozenset(EmbeddingRequest.__struct_fields__)

BLOCK = 64
"""How many vectors are written at a time: the conversations beside wait a few milliseconds."""

Vectors = NDArray[np.float32]


class LocalEmbeddings:
    """A `Provider` for `embeddings` over an `Embedder`."""

    def __init__(self, embedder: Embedder) -> None:
        self.name = "local"
        self._embedder = embedder

    def refusal(self, call: Call) -> ApiError | None:
        for field, value in call.body.items():
            if field not in SERVED and value is not None:
                return unsupported_parameter(field, f"is not supported by {self._who}.")
        if self._are_strange_tokens(call.body):
            return ApiError(
                f"These tokens are of another model's vocabulary than that of {self._who}, which "
                "answers for OpenAI's names here: send texts (LangChain: set "
                "check_embedding_ctx_length=False).",
                code="invalid_value",
                param="input",
            )
        dimensions = call.body.get("dimensions")
        if isinstance(dimensions, int) and self._embedder.dimensions:
            return self._cannot_cut(dimensions, self._embedder.dimensions)
        return None

    async def answer(self, call: Call) -> bytes:
        request = converted(dict(call.body), EmbeddingRequest)
        inputs = inputs_of(request)
        distinct = list(dict.fromkeys(inputs))
        try:
            found = await self._embedder.embed(distinct)
        except EngineError as error:
            places = [inputs.index(each) for each in distinct]
            raise failure(_placed(error, places, request), call.body) from error
        rows = {each: row for row, each in enumerate(distinct)}
        order = [rows[each] for each in inputs]
        vectors = np.frombuffer(found.vectors, "<f4").reshape(len(distinct), -1)
        tokens = sum(found.tokens[row] for row in order)
        return await _written(self._cut(vectors, request.dimensions), order, request, tokens)

    async def stream(self, call: Call) -> AsyncGenerator[bytes, None]:
        """Embeddings are no stream, so the whole answer is its one event."""
        yield b"data: " + await self.answer(call) + b"\n\ndata: [DONE]\n\n"

    async def aclose(self) -> None:
        """The engine belongs to the server."""

    @property
    def _who(self) -> str:
        return f"the embedding model '{self._embedder.name}'"

    def _are_strange_tokens(self, body: Mapping[str, object]) -> bool:
        """Who asks for OpenAI's model sends the tokens of OpenAI's, which mean other words here."""
        given, model = body.get("input"), str(body.get("model"))
        of_tokens = isinstance(given, list) and bool(given) and not isinstance(given[0], str)
        at_openai = is_openai_name(self._embedder.name.removeprefix("openai:"))
        return of_tokens and is_openai_name(model) and not at_openai

    def _cannot_cut(self, wanted: int, full: int) -> ApiError | None:
        if wanted == full or (wanted < full and is_matryoshka(self._embedder.name)):
            return None
        why = "has no more" if wanted > full else "means nothing when cut, for that was not trained"
        return ApiError(
            f"A vector of {self._who} has {full} dimensions. It {why}: leave 'dimensions' out, or "
            f"send {full}.",
            code="invalid_value",
            param="dimensions",
        )

    def _cut(self, vectors: Vectors, dimensions: int | None) -> Vectors:
        """The beginnings of vectors, brought to length 1 again. Raises `ApiError`."""
        if dimensions is None or dimensions == vectors.shape[1]:
            return vectors
        if error := self._cannot_cut(dimensions, vectors.shape[1]):
            raise error
        short = vectors[:, :dimensions]
        unit: Vectors = short / np.linalg.norm(short, axis=1, keepdims=True)
        return unit


def _placed(error: EngineError, places: Sequence[int], request: EmbeddingRequest) -> EngineError:
    """The same error, by the place that the client knows."""
    if (number := number_in(error.param)) is None:
        return error
    return EngineError(str(error), error.code, param_of(request, places[number]))


async def _written(
    vectors: Vectors, order: Sequence[int], request: EmbeddingRequest, tokens: int
) -> bytes:
    """The answer as JSON, for each input the vector in its row."""
    write = _base64 if request.encoding_format == "base64" else _floats
    blocks = []
    for start in range(0, len(order), BLOCK):
        block = [
            {"object": "embedding", "index": number, "embedding": write(vectors[row])}
            for number, row in enumerate(order[start : start + BLOCK], start)
        ]
        blocks.append(msgspec.json.encode(block)[1:-1])
        await asyncio.sleep(0)
    answer = {
        "object": "list",
        "data": msgspec.Raw(b"[" + b",".join(blocks) + b"]"),
        "model": request.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    return msgspec.json.encode(answer)


def _floats(vector: Vectors) -> list[float]:
    """Doubles of the same values, so that who reads them as float32 has the same bits."""
    floats: list[float] = vector.tolist()
    return floats


def _base64(vector: Vectors) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
