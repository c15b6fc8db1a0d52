"""An encoder in a worker process, as the asynchronous protocol that endpoints talk to."""

from collections.abc import Sequence

import msgspec
import numpy as np

from voice.engines.host import Worker
from voice.engines.places import number_in, place
from voice.engines.protocols import Embeddings, EngineError
from voice.engines.token_batches import batches
from voice.engines.wire import Embed, Facts, Priority

EMBEDDINGS = msgspec.msgpack.Decoder(Embeddings)

JOB_CHARS = 2048
"""Of one job, some 500 tokens: a tenth of a second on one core. Larger ones were no faster."""
CHARS_PER_TOKEN = 4

Input = str | tuple[int, ...]


class HostedEmbedder:
    """An `Encoder` in a worker that is ready.

    What is asked at once goes to the worker in jobs of bounded size, one after the other: between
    two of them others get their turn, and who stops waiting stops the rest. The longest inputs go
    first, so that those that are too long are known of before work is spent on the others. A
    request of one job is somebody's question and goes before those of many.
    """

    def __init__(self, worker: Worker, facts: Facts) -> None:
        self.name = worker.spec.name
        self.dimensions = facts.dimensions
        self.max_tokens = facts.max_tokens
        self._worker = worker

    async def embed(self, inputs: Sequence[Input]) -> Embeddings:
        jobs = list(batches([_chars(each) for each in inputs], JOB_CHARS))
        priority = Priority.NORMAL if len(jobs) == 1 else Priority.BATCH
        vectors = np.empty((len(inputs), self.dimensions), dtype="<f4")
        tokens = np.zeros(len(inputs), dtype=int)
        for places in jobs:
            found = await self._job(inputs, places, priority)
            vectors[places] = np.frombuffer(found.vectors, "<f4").reshape(len(places), -1)
            tokens[places] = found.tokens
        return Embeddings(vectors=vectors.tobytes(), tokens=tuple(tokens.tolist()))

    async def _job(
        self, inputs: Sequence[Input], places: list[int], priority: Priority
    ) -> Embeddings:
        request = Embed(tuple(inputs[place] for place in places))
        try:
            return await self._worker.call(request, priority, EMBEDDINGS)
        except EngineError as error:
            if (number := number_in(error.param)) is None:
                raise
            raise EngineError(str(error), error.code, place(places[number])) from error


def _chars(item: Input) -> int:
    length = len(item) if isinstance(item, str) else CHARS_PER_TOKEN * len(item)
    return max(length, 1)
