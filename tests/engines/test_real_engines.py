"""The real engines in worker processes of their own, as a server runs them."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.engines import models
from voice.audio.resample import resample
from voice.engines.child import WorkerSpec
from voice.engines.espeak import Espeak
from voice.engines.host import Worker
from voice.engines.hosted import HostedLanguageModel, HostedSpeechToText, HostedTextToSpeech
from voice.engines.protocols import (
    STT_RATE_HZ,
    EngineError,
    Finished,
    ListenOptions,
    Message,
    Prompt,
    SpeakOptions,
    TextDelta,
    Tool,
)
from voice.engines.wire import Facts

pytestmark = pytest.mark.engine


def needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(module) is None, reason=f"{module} is not installed")


def spec(engine: str, **options: object) -> WorkerSpec:
    return WorkerSpec(name=engine, engine=f"voice.engines.{engine}", options=options, patience_s=60)


@needs("faster_whisper")
async def test_whisper_hears_in_a_worker(tmp_path: Path):
    """Audio goes in by frames, a partial and a transcript come out."""
    espeak = Espeak()
    spoken = b"".join(
        piece.pcm for piece in espeak.speak("Hello there.", SpeakOptions(), lambda: False)
    )
    pcm = resample(spoken, espeak.rate_hz, STT_RATE_HZ)
    folder = models.whisper(tmp_path)
    async with Worker(spec("whisper:Whisper", model=str(folder), device="cpu")) as worker:
        utterance = HostedSpeechToText(worker, Facts()).listen(ListenOptions())
        for start in range(0, len(pcm), 640):
            utterance.feed(pcm[start : start + 640])
        assert await utterance.partial() == models.SENTENCE.strip()
        transcript = await utterance.transcript()
        utterance.close()
    assert (transcript.text, transcript.language) == (models.SENTENCE.strip(), "en")
    assert transcript.words
    assert transcript.logprobs


@needs("llama_cpp")
async def test_llama_answers_in_a_worker(tmp_path: Path):
    """Text streams out; a call is forced; an interrupted answer leaves the worker free."""
    path = models.gguf(tmp_path / "m.gguf", "Hello there, how are you today?")
    user = Message(role="user", content="Hi")
    prompt = Prompt(messages=(user,), temperature=0.0)
    async with Worker(spec("llama:Llama", model=str(path), n_ctx=512)) as worker:
        model = HostedLanguageModel(worker, await worker.ready())
        assert model.context_tokens == 512
        interrupted = model.generate(prompt)
        assert isinstance(await anext(interrupted), TextDelta)
        await interrupted.aclose()
        pieces = [piece async for piece in model.generate(prompt)]
        tools = Prompt(messages=(user,), tools=(Tool(name="time"),), tool_choice="required")
        *_, finished = [piece async for piece in model.generate(tools)]
        long = Message(role="user", content="x" * 600)
        with pytest.raises(EngineError, match="context holds 512"):
            await anext(model.generate(Prompt(messages=(long,))))
    said = "".join(piece.text for piece in pieces if isinstance(piece, TextDelta))
    assert said == "Hello there, how are you today?"
    assert isinstance(finished, Finished)
    assert finished.reason == "tool_calls"


@needs("kokoro")
async def test_kokoro_speaks_in_a_worker(tmp_path: Path):
    """Audio and word times stream out."""
    folder = models.kokoro(tmp_path)
    async with Worker(spec("kokoro:Kokoro", model=str(folder), device="cpu")) as worker:
        engine = HostedTextToSpeech(worker, await worker.ready())
        assert (engine.rate_hz, engine.voices) == (24_000, ("af_heart",))
        speech = [piece async for piece in engine.speak("Hello.", SpeakOptions(), first=True)]
    assert speech[0].pcm
    assert [word.text for word in speech[0].words] == ["Hello."]


@needs("llama_cpp")
async def test_a_broken_model_is_explained_by_its_worker(tmp_path: Path):
    """The reason reaches whoever waits for the engine."""
    (tmp_path / "m.gguf").write_bytes(b"<html>")
    async with Worker(spec("llama:Llama", model=str(tmp_path / "m.gguf"))) as worker:
        with pytest.raises(EngineError, match=r"m\.gguf is no GGUF file"):
            await worker.ready()
