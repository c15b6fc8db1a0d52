"""How each kind of engine is made from the settings, or what is missing to make it."""

import importlib.util
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from voice.bundled import samples_path
from voice.config import Settings
from voice.engines.catalog import wanted
from voice.engines.child import WorkerSpec
from voice.engines.fake_embedder import FakeEmbedder
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.engines.machine import Machine, this_machine
from voice.engines.names import NONE, EngineName, Role
from voice.engines.protocols import EngineError
from voice.engines.recommend import (
    largest_llama_gb,
    largest_whisper_gb,
    recommend,
)
from voice.engines.remote_embedder import RemoteEmbedder
from voice.engines.weights import Model, Weights, weights_of
from voice.search.indexed import indexed_folders

InProcess = RemoteEmbedder | FakeSpeechToText | FakeLanguageModel | FakeTextToSpeech | FakeEmbedder


class AbsentError(EngineError):
    """An engine cannot be had as it is now; `remedy` is the command that changes that."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}: {remedy}")
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Recipe:
    name: str
    reason: str
    """Why one would take this engine, in a few words."""
    make: WorkerSpec | Callable[[], InProcess | None]
    """What a worker is to host, or an engine that needs none; None where it goes without."""


class Recipes:
    """What can be made on one machine with its settings; looks for weights, never downloads."""

    def __init__(
        self,
        settings: Settings,
        *,
        weights: Weights | None = None,
        machine: Machine | None = None,
        installed: Callable[[str], object] = importlib.util.find_spec,
    ) -> None:
        self.settings = settings
        self.weights = weights or weights_of(settings)
        self.machine = machine or this_machine()
        self._installed = installed

    def find(self, role: Role, name: EngineName) -> Recipe:
        """How to make an engine; without a model the best that is here.

        Raises `AbsentError` when something is missing.
        """
        return _RECIPES[role, name.kind](self, name.model)

    def recommended(self, kind: str) -> str:
        """The command that fetches what this machine can run of a kind."""
        names = [each.name for each in recommend(self.machine) if each.name.startswith(kind)]
        return f"voice pull {names[0] if names else kind}"

    def _need(self, module: str, package: str, requirement: str) -> None:
        if not self._installed(module):
            raise AbsentError(f"{package} is not installed", f'pip install "{requirement}"')

    @cached_property
    def _folders(self) -> list[str]:
        """The user's documents."""
        own = self.settings.documents
        return [str(own)] if own else indexed_folders(self.settings.search.location)

    def _samples(self) -> str | None:
        """The documents that engines know by themselves; None where they are missing."""
        with suppress(FileNotFoundError):
            return str(samples_path() / "documents")
        return None

    # ------------------------------------------------------------ speech to text

    def sphinx(self, _model: str) -> Recipe:
        samples = self._samples()
        folders = self._folders or ([samples] if samples else [])
        spec = WorkerSpec("sphinx", "voice.engines.sphinx:Sphinx", {"documents": folders})
        return Recipe("sphinx", "embedded, knows clean English and the documents' words", spec)

    def whisper(self, model: str) -> Recipe:
        self._need("faster_whisper", "faster-whisper", "inferno-voice")
        reason = "configured"
        if not model:
            best = best_fitting(self.weights.whispers(), largest_whisper_gb(self.machine))
            if best is None:
                raise AbsentError("no Whisper model is here", self.recommended("whisper"))
            model, reason = best.name.removeprefix("whisper:"), "the best of the models here"
        folder = self.weights.whisper(model)
        if folder is None:
            raise AbsentError(f"Whisper {model!r} is not here", pull_command(f"whisper:{model}"))
        options: dict[str, object] = {"model": str(folder)}
        if self.settings.local.n_threads:
            options["threads"] = self.settings.local.n_threads
        spec = WorkerSpec(f"whisper:{model}", "voice.engines.whisper:Whisper", options)
        return Recipe(spec.name, reason, spec)

    # ------------------------------------------------------------ language model

    def reader(self, _model: str) -> Recipe:
        # The user's own documents are indexed, and what fits a question is looked up.
        samples = None if self.settings.documents else self._samples()
        spec = WorkerSpec("reader", "voice.engines.reader:Reader", {"documents": samples})
        read = ", ".join(self._folders) or ("the samples" if samples else "what is indexed")
        return Recipe("reader", f"embedded, reads {read}", spec)

    def llama(self, model: str) -> Recipe:
        self._need("llama_cpp", "llama-cpp-python", "inferno-voice[llama]")
        reason = "configured"
        if not model and self.settings.llm_model_path:
            model = str(self.settings.llm_model_path)
            if self.weights.gguf(model) is None:
                raise AbsentError(f"LLM_MODEL_PATH={model} holds no GGUF model", "correct it")
        if not model:
            best = best_fitting(self.weights.ggufs(), largest_llama_gb(self.machine))
            if best is None:
                raise AbsentError("no GGUF model is here", self.recommended("llama"))
            model, reason = best.name.removeprefix("llama:"), "the best of the models here"
        path = self.weights.gguf(model)
        if path is None:
            raise AbsentError(f"GGUF model {model!r} is not here", pull_command(f"llama:{model}"))
        local = self.settings.local
        options: dict[str, object] = {
            "model": str(path),
            "n_ctx": local.n_ctx,
            "n_threads": local.n_threads,
            "n_gpu_layers": local.n_gpu_layers,
        }
        spec = WorkerSpec(f"llama:{model}", "voice.engines.llama:Llama", options)
        return Recipe(spec.name, reason, spec)

    # ------------------------------------------------------------ text to speech

    def espeak(self, _model: str) -> Recipe:
        spec = WorkerSpec("espeak", "voice.engines.espeak:Espeak")
        return Recipe("espeak", "embedded, instant, robotic", spec)

    def kokoro(self, model: str) -> Recipe:
        self._need("kokoro", "kokoro", "inferno-voice[kokoro]")
        folder = self.weights.kokoro(model)
        name = str(EngineName("kokoro", model))
        if folder is None:
            raise AbsentError(f"the weights of {name} are not here", pull_command(name))
        spec = WorkerSpec(name, "voice.engines.kokoro:Kokoro", {"model": str(folder)})
        return Recipe(name, "a natural voice", spec)

    # ------------------------------------------------------------ embeddings

    def minilm(self, model: str) -> Recipe:
        self._need("ctranslate2", "ctranslate2", "inferno-voice")
        name, reason = str(EngineName("minilm", model)), "configured"
        folder = self.weights.minilm(model) if model else None
        if not model and (found := next(self.weights.minilms(), None)):
            name, folder, reason = found.name, found.path, "small and fast, knows English"
        if folder is None:
            raise AbsentError(f"the weights of {name} are not here", pull_command(name))
        options: dict[str, object] = {
            "model": str(folder),
            "compute_type": self.settings.embeddings.compute_type,
            "threads": self.settings.local.n_threads,
        }
        return Recipe(name, reason, WorkerSpec(name, "voice.engines.minilm:MiniLM", options))

    def llama_embedder(self, model: str) -> Recipe:
        self._need("llama_cpp", "llama-cpp-python", "inferno-voice[llama]")
        path = self.weights.gguf(model)
        if path is None:
            raise AbsentError(f"GGUF model {model!r} is not here", pull_command(f"llama:{model}"))
        options: dict[str, object] = {
            "model": str(path),
            "n_threads": self.settings.local.n_threads,
            "n_gpu_layers": self.settings.local.n_gpu_layers,
        }
        spec = WorkerSpec(f"llama:{model}", "voice.engines.llama_embedder:LlamaEmbedder", options)
        return Recipe(spec.name, "configured", spec)

    def openai_embedder(self, model: str) -> Recipe:
        settings = self.settings
        url = settings.embeddings_url
        if url is None:
            raise AbsentError(
                "no server for embeddings is set", "set EMBEDDINGS__BASE_URL or OPENAI__API_KEY"
            )
        name = f"openai:{model}"

        def make() -> RemoteEmbedder:
            timeout_s = settings.inference_timeout
            return RemoteEmbedder(name, url, settings.embeddings_key, model, timeout_s=timeout_s)

        return Recipe(name, f"served at {url}", make)

    def no_embedder(self, _model: str) -> Recipe:
        return Recipe(NONE, "search goes by words alone", lambda: None)

    # ------------------------------------------------------------ elsewhere

    def remote_ears(self, _model: str) -> Recipe:
        remedy = "set TRANSCRIPTION__BASE_URL or OPENAI__API_KEY"
        raise AbsentError("no server for speech-to-text is set", remedy)

    def remote_mind(self, _model: str) -> Recipe:
        remedy = "set INFERENCE_BASE_URL or OPENAI__API_KEY"
        raise AbsentError("no server for language models is set", remedy)

    def remote_voice(self, _model: str) -> Recipe:
        remedy = "set SPEECH__BASE_URL or OPENAI__API_KEY"
        raise AbsentError("no server for speech is set", remedy)

    # ------------------------------------------------------------ for tests and benchmarks

    def fake_ears(self, _model: str) -> Recipe:
        return Recipe("fake", "hears the same always", lambda: FakeSpeechToText("Hello."))

    def fake_mind(self, _model: str) -> Recipe:
        return Recipe("fake", "answers the same always", FakeLanguageModel)

    def fake_voice(self, _model: str) -> Recipe:
        return Recipe("fake", "a tone", FakeTextToSpeech)

    def fake_embedder(self, _model: str) -> Recipe:
        return Recipe("fake", "knows words, not what they mean", FakeEmbedder)


def pull_command(name: str) -> str:
    """How to fetch a model, or why its name cannot be that of one."""
    try:
        return f"voice pull {wanted(name).name}"
    except ValueError as error:
        return str(error)


def best_fitting(models: Iterable[Model], largest_gb: float) -> Model | None:
    """The largest model that is not too large, else the smallest of all."""
    by_size = sorted(models, key=lambda model: model.size_bytes, reverse=True)
    fitting = (model for model in by_size if model.size_bytes <= largest_gb * 1e9)
    return next(fitting, by_size[-1] if by_size else None)


_RECIPES: dict[tuple[Role, str], Callable[[Recipes, str], Recipe]] = {
    ("stt", "sphinx"): Recipes.sphinx,
    ("stt", "whisper"): Recipes.whisper,
    ("stt", "openai"): Recipes.remote_ears,
    ("stt", "fake"): Recipes.fake_ears,
    ("llm", "reader"): Recipes.reader,
    ("llm", "llama"): Recipes.llama,
    ("llm", "openai"): Recipes.remote_mind,
    ("llm", "fake"): Recipes.fake_mind,
    ("tts", "espeak"): Recipes.espeak,
    ("tts", "kokoro"): Recipes.kokoro,
    ("tts", "openai"): Recipes.remote_voice,
    ("tts", "fake"): Recipes.fake_voice,
    ("embed", "minilm"): Recipes.minilm,
    ("embed", "llama"): Recipes.llama_embedder,
    ("embed", "openai"): Recipes.openai_embedder,
    ("embed", "none"): Recipes.no_embedder,
    ("embed", "fake"): Recipes.fake_embedder,
}
