"""An embedding model behind any OpenAI-compatible `/embeddings` server."""

import base64
from collections.abc import Sequence

import aiohttp
import msgspec
import numpy as np
from numpy.typing import NDArray

from voice.engines.protocols import Embeddings
from voice.engines.remote import RemoteServer, error_detail

OPENAI_DIMENSIONS = {
    "text-embedding-ada-002": 1536,
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
}
MAX_TOKENS = 8192
"""OpenAI's; what another server takes it says itself, by refusing more."""

HEADERS = {"Content-Type": "application/json"}


class Item(msgspec.Struct, frozen=True):
    embedding: list[float] | str
    index: int | None = None


class Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0


class Answer(msgspec.Struct, frozen=True):
    data: list[Item]
    usage: Usage | None = None


class RemoteEmbedder:
    """Implements `Embedder`; `aclose` closes its connections.

    `dimensions` is 0 until the first answer of a model that is not OpenAI's. Servers count the
    tokens of a request only, so what is said of each input is its share by length.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key: str | None,
        model: str,
        *,
        timeout_s: float = 60.0,
    ) -> None:
        self.name = name
        self.dimensions = OPENAI_DIMENSIONS.get(model, 0)
        self.max_tokens = MAX_TOKENS
        self._model = model
        self._server = RemoteServer(name, base_url, api_key, timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def embed(self, inputs: Sequence[str | tuple[int, ...]]) -> Embeddings:
        """Raises `EngineError` for every way in which the server fails."""
        body = {"model": self._model, "input": list(inputs), "encoding_format": "float"}
        try:
            answer = await self._ask(msgspec.json.encode(body))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._server.failure(error) from error
        vectors = self._vectors(answer, len(inputs))
        self.dimensions = vectors.shape[1]
        used = answer.usage.prompt_tokens if answer.usage else 0
        return Embeddings(vectors=vectors.tobytes(), tokens=shares(used, inputs))

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, body: bytes) -> Answer:
        if self._session is None:
            self._session = self._server.connect()
        url = f"{self._server.base_url}/embeddings"
        async with self._session.post(
            url, data=body, headers=HEADERS, allow_redirects=False
        ) as response:
            if response.status != 200:
                raise await self._server.refusal(response, self._model)
            data = await response.read()
        try:
            return msgspec.json.decode(data, type=Answer)
        except msgspec.DecodeError as error:
            detail = error_detail(data) or str(error)
            raise self._server.error(f"sent no embeddings ({detail})") from error

    def _vectors(self, answer: Answer, count: int) -> NDArray[np.float32]:
        """(count, dimensions), in the order of the inputs and of length 1."""
        items = answer.data
        if all(item.index is not None for item in items):
            items = sorted(items, key=lambda item: item.index or 0)
        if len(items) != count:
            raise self._server.error(f"sent {len(items)} embeddings for {count} inputs")
        try:
            vectors = np.stack([_floats(item.embedding) for item in items])
        except ValueError as error:
            raise self._server.error(f"sent embeddings of no use ({error})") from error
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: NDArray[np.float32] = (vectors / np.maximum(norms, 1e-12)).astype("<f4")
        return unit


def _floats(embedding: list[float] | str) -> NDArray[np.float32]:
    """Some servers send base64 whatever they were asked for."""
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4")
    floats: NDArray[np.float32] = np.array(embedding, "<f4")
    return floats


def shares(total: int, inputs: Sequence[str | tuple[int, ...]]) -> tuple[int, ...]:
    """Whole numbers with this sum, in proportion to the lengths."""
    ends = np.cumsum([len(each) for each in inputs])
    if not ends.size or not ends[-1]:
        return (0,) * len(inputs)
    counts = np.diff(ends * total // ends[-1], prepend=0)
    return tuple(counts.tolist())
