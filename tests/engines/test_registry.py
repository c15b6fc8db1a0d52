from pathlib import Path

import pytest

from tests.engines import tiny_bert
from voice.config import Settings, load_settings
from voice.engines.child import WorkerSpec
from voice.engines.names import ROLES, EngineName, Role
from voice.engines.protocols import EngineError, SpeakOptions
from voice.engines.recipes import AbsentError, Recipe
from voice.engines.registry import Search, open_engines


def settings(**flags: str) -> Settings:
    return load_settings(environment={}, env_file=Path("/nowhere"), **flags)


FAKES = {f"engines__{role}": "fake" for role in ROLES}


async def test_fakes_make_a_whole_set_without_a_process():
    async with open_engines(settings(**FAKES)) as engines:
        assert [choice.kind for choice in engines.choices] == ["stt", "llm", "tts", "embed"]
        assert (engines.workers, engines.healthy(), engines.busy()) == ((), True, False)
        assert engines.resolve("stt", "whisper-1") == "fake"
        assert engines.resolve("tts", "espeak") == "espeak"
        assert engines.resolve("embed", "text-embedding-3-small") == "fake"
        assert engines.embed is not None
        assert len((await engines.embed.embed(["one", "two"])).tokens) == 2


async def test_embeddings_are_done_without_where_no_model_is(tmp_path):
    wanted = settings(**FAKES | {"engines__embed": "auto", "hf_home": str(tmp_path)})
    async with open_engines(wanted) as engines:
        assert engines.embed is None
        choice = engines.choices[-1]
        assert (choice.kind, choice.name, choice.hint) == ("embed", "none", "voice pull minilm")


@pytest.mark.engine
async def test_embeddings_are_made_where_their_model_is(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tiny_bert.write(tmp_path / "models" / "all-MiniLM-L6-v2")
    flags = {"engines__embed": "auto", "local__model_dir": str(tmp_path / "models")}
    async with open_engines(settings(**FAKES | flags | {"hf_home": str(tmp_path)})) as engines:
        assert engines.embed is not None
        assert (engines.embed.name, engines.choices[-1].hint) == (f"minilm:{folder}", "")
        found = await engines.embed.embed(["the cat", (2, 4, 3)])
        assert (engines.embed.dimensions, found.tokens) == (tiny_bert.HIDDEN, (4, 3))


async def test_a_name_that_cannot_be_had_is_an_error(tmp_path):
    wanted = settings(**FAKES | {"engines__stt": "whisper:nowhere/nothing"})
    with pytest.raises(EngineError, match="voice pull whisper:nowhere/nothing"):
        async with open_engines(wanted):
            pass


@pytest.mark.engine
async def test_an_embedded_engine_works_out_of_the_box():
    async with open_engines(settings(**FAKES | {"engines__tts": "espeak"})) as engines:
        parts = [p async for p in engines.tts.speak("Hi.", SpeakOptions(), first=True)]
        assert sum(len(part.pcm) for part in parts) > 1000
        (worker,) = engines.statistics()
        assert (worker.name, worker.state, worker.trouble) == ("espeak", "ready", "")
    assert not engines.healthy()


class Offers:
    """Recipes of toy engines: what is not offered is absent."""

    def __init__(self, **toys: str) -> None:
        self._toys = toys

    def find(self, role: Role, name: EngineName) -> Recipe:
        if name.kind not in self._toys:
            raise AbsentError(f"{name} is not here", f"fetch {name}")
        spec = WorkerSpec(name.kind, f"tests.engines.toys:{self._toys[name.kind]}")
        return Recipe(name.kind, "offered", spec)


async def opened(role: Role, wanted: str, offers: Offers) -> Search:
    search = Search(role, wanted, offers)
    try:
        await search.begin()
        await search.finish()
    finally:
        await search.close()
    return search


@pytest.mark.engine
async def test_auto_takes_the_best_that_is_there():
    search = await opened("tts", "auto", Offers(kokoro="Beep", espeak="Beep"))
    assert (search.choice.name, search.choice.hint) == ("kokoro", "")


@pytest.mark.engine
async def test_auto_says_what_would_be_better():
    search = await opened("tts", "auto", Offers(espeak="Beep"))
    assert (search.choice.name, search.choice.hint) == ("espeak", "fetch kokoro")


@pytest.mark.engine
async def test_auto_goes_on_when_the_best_does_not_start():
    search = await opened("tts", "auto", Offers(kokoro="DiesWhenBuilt", espeak="Beep"))
    assert search.choice.name == "espeak"
    assert "out of memory" in search.choice.hint


@pytest.mark.engine
async def test_what_was_asked_for_by_name_must_start():
    with pytest.raises(EngineError, match="out of memory"):
        await opened("tts", "kokoro", Offers(kokoro="DiesWhenBuilt", espeak="Beep"))


async def test_nothing_at_all_is_an_error():
    with pytest.raises(EngineError, match="espeak is not here: fetch espeak"):
        await opened("tts", "auto", Offers())


async def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(
        EngineError, match="there is auto, espeak, kokoro, openai:gpt-4o-mini-tts, fake"
    ):
        Search("tts", "harp", Offers())
