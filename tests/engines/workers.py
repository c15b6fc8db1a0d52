"""Workers with toy engines, and questions to ask of them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from voice.engines.child import WorkerSpec
from voice.engines.host import Worker
from voice.engines.hosted import (
    HostedLanguageModel,
    HostedSpeechToText,
)
from voice.engines.protocols import (
    EngineError,
    LanguageModel,
    Message,
    Piece,
    Prompt,
    SpeechToText,
)
from voice.engines.wire import Facts


def spec(engine: str, **options: object) -> WorkerSpec:
    # Workers inherit the import path, which holds the folder of the project.
    return WorkerSpec(name=engine.lower(), engine=f"tests.engines.toys:{engine}", options=options)


def say(text: str) -> Prompt:
    return Prompt(messages=(Message(role="user", content=text),))


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[SpeechToText, Worker]]:
    async with Worker(spec("Counter")) as worker:
        yield HostedSpeechToText(worker, Facts()), worker


@asynccontextmanager
async def thinking(**options: object) -> AsyncIterator[tuple[LanguageModel, Worker]]:
    async with Worker(spec("Obedient", **options)) as worker:
        yield HostedLanguageModel(worker, await worker.ready()), worker


async def pieces(model: LanguageModel, text: str) -> list[Piece]:
    return [piece async for piece in model.generate(say(text))]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something another process does, without a fixed time."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - a process cannot set our events
            await asyncio.sleep(0.01)


def kill(worker: Worker) -> None:
    pid = worker.statistics().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


async def refused(question: Awaitable[object]) -> str:
    with pytest.raises(EngineError) as caught:
        await question
    return str(caught.value)


async def asked(question: Awaitable[object], group: asyncio.TaskGroup) -> asyncio.Task[object]:
    """Ask, and return once the question is on its way."""

    async def ask() -> object:
        return await question

    task = group.create_task(ask())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task
