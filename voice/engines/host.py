"""The parent side of a local engine: it supervises the worker process and gives it jobs.

A worker that dies fails the jobs it had and is started again, later and later when it keeps dying;
jobs asked meanwhile wait for it. What the jobs are about is the business of `hosted.py`.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self, TypeVar

import msgspec
import structlog

from voice.engines.child import Child, WorkerSpec
from voice.engines.protocols import EngineError
from voice.engines.wire import (
    Answer,
    Ask,
    Broken,
    Cancel,
    Close,
    Done,
    Facts,
    Feed,
    FromWorker,
    Open,
    Part,
    Priority,
    Ready,
    Refused,
    Request,
)

T = TypeVar("T")
State = Literal["starting", "ready", "restarting", "stopped"]

FIRST_DELAY_S = 0.1
LAST_DELAY_S = 10.0
# A worker that lived this long is sound: its end says nothing about its next start.
SOUND_AFTER_S = 10.0
MAX_JOBS = 256
# A local engine answers faster than its answer is used, so a stream may lie unread for a while.
# Beyond this its reader is stuck, and the stream fails rather than hold up the engine for all.
MAX_UNREAD_PARTS = 8192

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Statistics:
    name: str
    state: State
    pid: int | None
    jobs: int
    """Asked and not answered yet."""
    restarts: int
    trouble: str
    """Why it is not ready; empty when it is."""


@dataclass(frozen=True, slots=True)
class Job:
    priority: Priority
    answers: asyncio.Queue[Answer]


class Worker:
    """A supervised worker process, started and stopped by `async with`."""

    def __init__(self, spec: WorkerSpec) -> None:
        self.spec = spec
        self.generation = 0
        """Counts the processes: what one was told, the next does not know."""
        self._state: State = "starting"
        self._changed = asyncio.Event()
        self._trouble = f"worker {spec.name!r} is still starting"
        self._broken = False
        self._facts = Facts()
        self._child: Child | None = None
        self._jobs: dict[int, Job] = {}
        self._numbers = itertools.count(1)
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._supervisor = self._tasks.create_task(self._supervise())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._supervisor.cancel()
        # What went wrong in the block is its owner's, and not to be wrapped in a group.
        await self._tasks.__aexit__(None, None, None)
        self._lost("stopped", f"worker {self.spec.name!r} is stopped")

    # ------------------------------------------------------------ what others ask of it

    async def ready(self) -> Facts:
        """Wait for the first start. Raises `EngineError` with the reason when it is not ready."""
        while self._state == "starting":
            await self._changed.wait()
        if self._state != "ready":
            raise EngineError(self._trouble)
        return self._facts

    async def connected(self) -> None:
        """Wait for a worker that is starting. Raises `EngineError` when that takes too long."""
        try:
            async with asyncio.timeout(self.spec.patience_s):
                while self._state in {"starting", "restarting"}:
                    await self._changed.wait()
        except TimeoutError:
            raise EngineError(self._trouble) from None
        if self._state == "stopped":
            raise EngineError(self._trouble)

    @property
    def is_ready(self) -> bool:
        return self._state == "ready"

    @property
    def is_busy(self) -> bool:
        """Whether jobs wait for a slot; partials do not count, they may be dropped."""
        jobs = sum(job.priority != Priority.PARTIAL for job in self._jobs.values())
        return jobs > self.spec.slots

    def statistics(self) -> Statistics:
        return Statistics(
            name=self.spec.name,
            state=self._state,
            pid=self._child.pid if self._child else None,
            jobs=len(self._jobs),
            restarts=max(self.generation - 1, 0),
            trouble="" if self.is_ready else self._trouble,
        )

    def number(self) -> int:
        """A number no job or utterance of this worker had before."""
        return next(self._numbers)

    def post(self, frame: Open | Feed | Close | Cancel) -> None:
        """Tell a worker something that has no answer; one that is not ready need not know it."""
        if self._child and self.is_ready:
            self._child.send(frame)

    async def call(
        self, request: Request, priority: Priority, answer: msgspec.msgpack.Decoder[T]
    ) -> T:
        """Ask for one value. Raises `EngineError`."""
        async with self._asked(request, priority) as answers:
            return answer.decode(succeeded(await answers.get()).value)

    async def stream(
        self, request: Request, priority: Priority, part: msgspec.msgpack.Decoder[T]
    ) -> AsyncGenerator[T, None]:
        """Ask for a stream of values; closing it cancels the job. Raises `EngineError`."""
        async with self._asked(request, priority) as answers:
            while isinstance(answer := succeeded(await answers.get()), Part):
                yield part.decode(answer.value)

    @asynccontextmanager
    async def _asked(
        self, request: Request, priority: Priority
    ) -> AsyncIterator[asyncio.Queue[Answer]]:
        await self.connected()
        if len(self._jobs) >= MAX_JOBS:
            raise EngineError(f"worker {self.spec.name!r} is busy: {MAX_JOBS} jobs are waiting")
        number = self.number()
        answers = asyncio.Queue[Answer](maxsize=MAX_UNREAD_PARTS)
        self._jobs[number] = Job(priority, answers)
        try:
            if self._child:
                self._child.send(Ask(number, priority, request))
            yield answers
        finally:
            if self._jobs.pop(number, None):
                self.post(Cancel(number))

    # ------------------------------------------------------------ what the worker says

    def _take(self, frame: FromWorker) -> None:
        match frame:
            case Ready(facts):
                self._facts = facts
                self._become("ready")
            case Broken(message):
                self._trouble, self._broken = message, True
            case Part(number):
                self._pass_on(number, frame)
            case Done(number) | Refused(number):
                self._pass_on(number, frame)
                self._jobs.pop(number, None)

    def _pass_on(self, number: int, answer: Answer) -> None:
        if (job := self._jobs.get(number)) is None:
            return  # It was cancelled; this had been on its way.
        if job.answers.full():
            del self._jobs[number]
            self.post(Cancel(number))
            message = f"{MAX_UNREAD_PARTS} parts of the answer were not read in time"
            answer = Refused(number, message)
        put_last(job.answers, answer)

    # ------------------------------------------------------------ its life

    async def _supervise(self) -> None:
        clock = asyncio.get_running_loop().time
        delay_s = FIRST_DELAY_S
        while True:
            start_s = clock()
            trouble = await self._live()
            if clock() - start_s > SOUND_AFTER_S:
                delay_s = FIRST_DELAY_S
            log.error("worker lost", worker=self.spec.name, reason=trouble, restart_in_s=delay_s)
            self._lost("restarting", trouble)
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, LAST_DELAY_S)

    async def _live(self) -> str:
        """Run one process until it is gone; returns what to tell those who waited for it."""
        name = self.spec.name
        self._broken = False
        child = Child(self.spec, self._take)
        try:
            async with child:
                self._child = child
                self.generation += 1
                await child.gone.wait()
                if was_ready := self.is_ready:
                    self._trouble = f"worker {name!r} ended"
                    self._become("restarting")
        except OSError as error:
            return f"worker {name!r} could not be started: {error}"
        finally:
            self._child = None
        if self._broken:
            return self._trouble
        how = child.how_it_ended()
        if was_ready:
            return f"worker {name!r} {how} and is being restarted"
        return f"worker {name!r} {how} before it was ready: {child.last_line or 'it said nothing'}"

    def _become(self, state: State) -> None:
        self._state = state
        self._changed.set()
        self._changed = asyncio.Event()

    def _lost(self, state: State, trouble: str) -> None:
        self._trouble = trouble
        for number, job in self._jobs.items():
            put_last(job.answers, Refused(number, trouble))
        self._jobs.clear()
        self._become(state)


def succeeded(answer: Answer) -> Part | Done:
    if isinstance(answer, Refused):
        raise EngineError(answer.message, answer.code, answer.param)
    return answer


def put_last(answers: asyncio.Queue[Answer], answer: Answer) -> None:
    """Put an answer even into a full queue, at the cost of one that nobody has read."""
    if answers.full():
        answers.get_nowait()
    answers.put_nowait(answer)
