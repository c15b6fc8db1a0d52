"""A pipecat bot, put together as its documentation says, between a microphone and a speaker."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    ErrorFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMRunFrame,
    OutputAudioRawFrame,
    StartFrame,
    TranscriptionFrame,
    TTSTextFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from tests.conformance.live import KEY
from tests.conformance.person import Ears, Microphone, working

RATE_HZ = 24_000
WATCHED = (ErrorFrame, InterruptionFrame, TranscriptionFrame, TTSTextFrame)


class Mouth(BaseInputTransport):
    """The microphone's end of a transport; open once the pipeline has started."""

    def __init__(self, params: TransportParams) -> None:
        super().__init__(params)
        self.microphone = Microphone(self._push)
        self.ready = asyncio.Event()

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)
        self.ready.set()

    async def _push(self, pcm: bytes) -> None:
        await self.push_audio_frame(InputAudioRawFrame(pcm, RATE_HZ, 1))


class Speaker(BaseOutputTransport):
    """Plays in real time, and keeps what it played."""

    def __init__(self, params: TransportParams) -> None:
        super().__init__(params)
        self.played = bytearray()

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        await asyncio.sleep(len(frame.audio) / 2 / frame.sample_rate)
        self.played += frame.audio
        return True


class Watch(BaseObserver, Ears):
    """Sees each frame of interest once."""

    def __init__(self) -> None:
        BaseObserver.__init__(self)
        Ears.__init__(self)
        self._seen: set[int] = set()

    async def on_push_frame(self, data: FramePushed) -> None:
        if isinstance(data.frame, WATCHED) and data.frame.id not in self._seen:
            self._seen.add(data.frame.id)
            await self.take(data.frame)

    def said(self) -> str:
        return "".join(frame.text for frame in self.heard if isinstance(frame, TTSTextFrame))

    async def until_said(self, text: str) -> None:
        await self.until(lambda _: text in self.said())

    async def until_understood(self, text: str) -> None:
        await self.until(lambda frame: isinstance(frame, TranscriptionFrame) and frame.text == text)

    def errors(self) -> list[ErrorFrame]:
        return [frame for frame in self.heard if isinstance(frame, ErrorFrame)]


@dataclass(frozen=True)
class Bot:
    """What a test may do with a running bot."""

    worker: PipelineWorker
    microphone: Microphone
    speaker: Speaker
    watch: Watch

    async def press(self) -> None:
        """Begin to speak, where no server listens for it."""
        await self.worker.queue_frame(InterruptionFrame())
        await self.worker.queue_frame(UserStartedSpeakingFrame())

    async def release(self) -> None:
        await self.worker.queue_frame(UserStoppedSpeakingFrame())


def hours_tool(handler) -> FunctionSchema:
    season = {"type": "string", "description": "The season to ask about."}
    return FunctionSchema("opening_hours", "When it closes.", {"season": season}, [], handler)


def service(live, session_properties: events.SessionProperties) -> OpenAIRealtimeLLMService:
    return OpenAIRealtimeLLMService(
        api_key=KEY,
        base_url=live.ws_url,
        settings=OpenAIRealtimeLLMService.Settings(session_properties=session_properties),
    )


@asynccontextmanager
async def running(live, *, tools=(), **audio_input):
    """A bot that has greeted, as it does when somebody connects."""
    audio_input.setdefault("transcription", events.InputAudioTranscription())
    properties = events.SessionProperties(
        audio=events.AudioConfiguration(input=events.AudioInput(**audio_input))
    )
    params = TransportParams(audio_in_enabled=True, audio_out_enabled=True)
    mouth, speaker, watch = Mouth(params), Speaker(params), Watch()
    context = LLMContext(tools=ToolsSchema(standard_tools=list(tools)))
    aggregators = LLMContextAggregatorPair(context)
    llm = service(live, properties)
    pipeline = Pipeline([mouth, aggregators.user(), llm, speaker, aggregators.assistant()])
    worker = PipelineWorker(
        pipeline,
        params=PipelineParams(audio_in_sample_rate=RATE_HZ, audio_out_sample_rate=RATE_HZ),
        observers=[watch],
        enable_rtvi=False,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    async with asyncio.TaskGroup() as group:
        group.create_task(runner.run())
        async with asyncio.timeout(15):
            await mouth.ready.wait()
        await worker.queue_frame(LLMRunFrame())
        async with working(mouth.microphone.run()):
            yield Bot(worker, mouth.microphone, speaker, watch)
        await worker.cancel()
