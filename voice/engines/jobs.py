"""The queue of a worker: most urgent first, equals in the order asked, stale partials dropped.

It knows neither frames nor engines. One thread puts and cancels, others take.
"""

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from voice.engines.wire import GetPartial, GetTranscript, Priority, Request


@dataclass(order=True, slots=True)
class Job:
    priority: Priority
    number: int
    request: Request = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def is_cancelled(self) -> bool:
        return self.cancelled

    @property
    def utterance(self) -> int | None:
        match self.request:
            case GetPartial(utterance) | GetTranscript(utterance):
                return utterance
        return None


class JobQueue:
    """Holds what the host has asked, which is never more than its `MAX_JOBS` at a time."""

    def __init__(self) -> None:
        self._waiting: list[Job] = []  # a heap
        self._running: dict[int, Job] = {}
        self._changed = threading.Condition()

    def put(self, job: Job) -> list[Job]:
        """Queue a job; returns the partials of the same utterance that it makes pointless."""
        with self._changed:
            overtaken = self._remove(
                lambda other: (
                    isinstance(other.request, GetPartial) and other.utterance == job.utterance
                )
            )
            heapq.heappush(self._waiting, job)
            self._changed.notify()
        return overtaken

    def take(self) -> Job:
        """The most urgent job, waiting for one if need be; it is running until it is `finished`."""
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            job = heapq.heappop(self._waiting)
            self._running[job.number] = job
            return job

    def finished(self, job: Job) -> None:
        with self._changed:
            del self._running[job.number]

    def cancel(self, number: int) -> None:
        """Drop a waiting job, or let a running one see that nobody waits for it any more."""
        with self._changed:
            self._remove(lambda job: job.number == number)
            if running := self._running.get(number):
                running.cancelled = True

    def drop_utterance(self, utterance: int) -> list[Job]:
        """Remove and return what waits to be asked about an utterance that is closed now."""
        with self._changed:
            return self._remove(lambda job: job.utterance == utterance)

    def _remove(self, condition: Callable[[Job], bool]) -> list[Job]:
        removed = [job for job in self._waiting if condition(job)]
        if removed:
            self._waiting = [job for job in self._waiting if not condition(job)]
            heapq.heapify(self._waiting)
        return removed
