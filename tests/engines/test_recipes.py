from pathlib import Path

import pytest

from tests.engines.cached import KOKORO, MINILM, WHISPER, cache
from voice.bundled import samples_path
from voice.config import load_settings
from voice.engines.child import WorkerSpec
from voice.engines.machine import Machine
from voice.engines.names import EngineName, Role
from voice.engines.recipes import AbsentError, Recipe, Recipes
from voice.engines.remote_embedder import RemoteEmbedder
from voice.engines.weights import Weights
from voice.search.library import open_library
from voice.search.records import FOLDERS_STORE, Document, VectorStore

SMALL = Machine(2, 4)
LARGE = Machine(16, 64, "cuda", 24)


class Kitchen:
    """A machine whose settings, weights and packages a test decides on."""

    def __init__(self, folder: Path) -> None:
        self.hub = folder / "hub"
        self.own = folder / "own"
        self.machine = SMALL
        self.installed = True
        self.environment: dict[str, str] = {}

    def find(self, role: Role, kind: str, model: str = "") -> Recipe:
        settings = load_settings(environment=self.environment, env_file=Path("/nowhere"))
        recipes = Recipes(
            settings,
            weights=Weights(self.hub, [self.own]),
            machine=self.machine,
            installed=lambda _module: self.installed,
        )
        return recipes.find(role, EngineName(kind, model))

    def hosted(self, role: Role, kind: str, model: str = "") -> WorkerSpec:
        make = self.find(role, kind, model).make
        assert isinstance(make, WorkerSpec)
        return make

    def remedy(self, role: Role, kind: str, model: str = "") -> str:
        with pytest.raises(AbsentError) as caught:
            self.find(role, kind, model)
        return caught.value.remedy


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    return Kitchen(tmp_path)


def test_whisper_runs_from_the_folder_that_is_here(kitchen):
    folder = cache(kitchen.hub, "Systran/faster-whisper-base", WHISPER)
    spec = kitchen.hosted("stt", "whisper", "base")
    assert (spec.name, spec.engine) == ("whisper:base", "voice.engines.whisper:Whisper")
    assert spec.options == {"model": str(folder)}
    kitchen.environment["LOCAL__N_THREADS"] = "3"
    assert kitchen.hosted("stt", "whisper", "base").options["threads"] == 3


def test_a_whisper_that_is_not_here_says_how_to_get_it(kitchen):
    assert kitchen.remedy("stt", "whisper", "small") == "voice pull whisper:small"
    assert kitchen.remedy("stt", "whisper") == "voice pull whisper:base"
    kitchen.machine = LARGE
    assert kitchen.remedy("stt", "whisper") == "voice pull whisper:large-v3-turbo"


@pytest.mark.parametrize(
    ("machine", "sizes", "chosen"),
    [
        (SMALL, {"tiny": 75, "base": 145, "small": 480}, "whisper:base"),
        (SMALL, {"small": 480, "medium": 1500}, "whisper:small"),
        (LARGE, {"tiny": 75, "medium": 1500}, "whisper:medium"),
    ],
)
def test_the_best_whisper_that_keeps_up_is_taken(kitchen, machine, sizes, chosen):
    kitchen.machine = machine
    for size, megabytes in sizes.items():
        folder = cache(kitchen.hub, f"Systran/faster-whisper-{size}", WHISPER)
        with (folder / "model.bin").open("wb") as file:
            file.truncate(megabytes * 1_000_000)
    assert kitchen.find("stt", "whisper").name == chosen


def test_a_language_model_is_a_file_with_the_settings_for_it(kitchen):
    kitchen.own.mkdir()
    path = kitchen.own / "mine.gguf"
    path.touch()
    kitchen.environment |= {"LOCAL__N_CTX": "2048", "LOCAL__N_GPU_LAYERS": "-1"}
    spec = kitchen.hosted("llm", "llama", "mine.gguf")
    assert spec.options["model"] == str(path)
    assert (spec.options["n_ctx"], spec.options["n_gpu_layers"]) == (2048, -1)
    assert kitchen.find("llm", "llama").name == f"llama:{path}"


def test_a_path_in_the_settings_goes_before_what_was_pulled(kitchen, tmp_path):
    cache(kitchen.hub, "me/mine-GGUF", ("mine-q4_k_m.gguf",))
    assert kitchen.find("llm", "llama").name == "llama:me/mine-GGUF:mine-q4_k_m.gguf"
    kitchen.environment["LLM_MODEL_PATH"] = str(tmp_path / "own.gguf")
    assert kitchen.remedy("llm", "llama") == "correct it"
    (tmp_path / "own.gguf").touch()
    spec = kitchen.hosted("llm", "llama")
    assert spec.options["model"] == str(tmp_path / "own.gguf")


def test_a_language_model_that_is_not_here_says_how_to_get_it(kitchen):
    assert (
        kitchen.remedy("llm", "llama", "Qwen/X-GGUF:x.gguf")
        == "voice pull llama:Qwen/X-GGUF:x.gguf"
    )
    assert kitchen.remedy("llm", "llama").startswith("voice pull llama:Qwen/Qwen2.5-0.5B")


def test_a_name_that_nothing_can_have_is_not_to_be_pulled(kitchen):
    assert kitchen.remedy("stt", "whisper", "huge").startswith("Whisper has no size 'huge'")
    assert "names no repository" in kitchen.remedy("llm", "llama", "missing.gguf")


@pytest.mark.parametrize(
    ("role", "kind", "command"),
    [
        ("stt", "whisper", 'pip install "inferno-voice"'),
        ("llm", "llama", 'pip install "inferno-voice[llama]"'),
        ("tts", "kokoro", 'pip install "inferno-voice[kokoro]"'),
    ],
)
def test_a_missing_package_says_how_to_add_it(kitchen, role, kind, command):
    kitchen.installed = False
    assert kitchen.remedy(role, kind) == command


def test_kokoro_wants_its_weights(kitchen):
    assert kitchen.remedy("tts", "kokoro") == "voice pull kokoro"
    folder = cache(kitchen.hub, "hexgrad/Kokoro-82M", KOKORO)
    spec = kitchen.hosted("tts", "kokoro")
    assert (spec.name, spec.options) == ("kokoro", {"model": str(folder)})


SAMPLES = str(samples_path() / "documents")


def test_the_samples_are_known_until_there_are_other_documents(kitchen):
    assert kitchen.hosted("stt", "sphinx").options == {"documents": [SAMPLES]}
    assert kitchen.hosted("llm", "reader").options == {"documents": SAMPLES}
    assert kitchen.find("llm", "reader").reason == "embedded, reads the samples"


def test_the_words_of_ones_own_documents_are_known_and_what_they_say_is_looked_up(
    kitchen, tmp_path
):
    kitchen.environment["DOCUMENTS"] = str(tmp_path)
    assert kitchen.hosted("stt", "sphinx").options == {"documents": [str(tmp_path)]}
    assert kitchen.hosted("llm", "reader").options == {"documents": None}


async def test_the_words_of_what_is_indexed_are_known(kitchen, tmp_path):
    location, folder = str(tmp_path / "search.db"), tmp_path / "notes"
    folder.mkdir()
    async with open_library(location) as library:
        await library.put_store(VectorStore(id=FOLDERS_STORE, created_at=0, last_active_at=0))
        for where in (folder, tmp_path / "gone"):
            document = Document(
                id=where.name,
                store_id=FOLDERS_STORE,
                name="a.md",
                path=str(where / "a.md"),
                attributes={"folder": str(where)},
                created_at=0,
            )
            await library.put(document)
    kitchen.environment["SEARCH__DATABASE"] = location
    assert kitchen.hosted("stt", "sphinx").options == {"documents": [str(folder)]}
    assert kitchen.find("llm", "reader").reason == f"embedded, reads {folder}"
    (tmp_path / "search.db").write_text("This is no database.")
    assert kitchen.hosted("stt", "sphinx").options == {"documents": [SAMPLES]}


@pytest.mark.parametrize(
    ("role", "kind"), [("stt", "sphinx"), ("llm", "reader"), ("tts", "espeak")]
)
def test_the_embedded_engines_are_always_there(kitchen, role, kind):
    kitchen.installed = False
    assert kitchen.hosted(role, kind).name == kind


@pytest.mark.parametrize("role", ["stt", "llm", "tts"])
def test_fakes_need_no_worker(kitchen, role):
    recipe = kitchen.find(role, "fake")
    assert callable(recipe.make)
    assert recipe.make().name == "fake"


def test_minilm_runs_from_the_weights_that_are_here(kitchen):
    assert kitchen.remedy("embed", "minilm") == "voice pull minilm"
    folder = cache(kitchen.hub, "sentence-transformers/all-MiniLM-L6-v2", MINILM)
    spec = kitchen.hosted("embed", "minilm")
    assert (spec.name, spec.engine) == ("minilm", "voice.engines.minilm:MiniLM")
    assert spec.options == {"model": str(folder), "compute_type": "int8", "threads": 0}
    kitchen.environment = {"LOCAL__N_THREADS": "3", "EMBEDDINGS__COMPUTE_TYPE": "float32"}
    named = kitchen.hosted("embed", "minilm", str(folder))
    assert named.name == f"minilm:{folder}"
    assert named.options == {"model": str(folder), "compute_type": "float32", "threads": 3}
    assert kitchen.remedy("embed", "minilm", "a/b") == "voice pull minilm:a/b"


def test_a_gguf_model_embeds_in_a_worker(kitchen, tmp_path):
    (tmp_path / "x.gguf").write_bytes(b"weights")
    spec = kitchen.hosted("embed", "llama", str(tmp_path / "x.gguf"))
    assert spec.engine == "voice.engines.llama_embedder:LlamaEmbedder"
    assert spec.options["model"] == str(tmp_path / "x.gguf")
    assert kitchen.remedy("embed", "llama", "a/b") == "voice pull llama:a/b"


async def test_remote_embeddings_have_a_server_of_their_own_or_that_of_the_language_model(kitchen):
    assert "EMBEDDINGS__BASE_URL" in kitchen.remedy("embed", "openai", "m")
    kitchen.environment = {"INFERENCE_BASE_URL": "http://one/v1", "INFERENCE_API_KEY": "k1"}
    assert kitchen.find("embed", "openai", "m").reason == "served at http://one/v1"
    kitchen.environment["EMBEDDINGS__BASE_URL"] = "http://two/v1"
    recipe = kitchen.find("embed", "openai", "m")
    assert recipe.reason == "served at http://two/v1"
    embedder = recipe.make()
    assert isinstance(embedder, RemoteEmbedder)
    assert embedder.name == "openai:m"
