import pytest

from voice.engines.catalog import Wanted, files_of, wanted
from voice.engines.hub import File, HubError
from voice.engines.machine import Machine
from voice.engines.recommend import recommend


def files(*paths: str) -> list[File]:
    return [File(path, 1, "0" * 40) for path in paths]


def chosen(want: Wanted, *paths: str) -> list[str]:
    return [file.path for file in files_of(want, files(*paths))]


@pytest.mark.parametrize(
    ("name", "want", "engine"),
    [
        ("whisper:base", Wanted("whisper", "Systran/faster-whisper-base"), "whisper:base"),
        ("base", Wanted("whisper", "Systran/faster-whisper-base"), "whisper:base"),
        (
            "turbo",
            Wanted("whisper", "mobiuslabsgmbh/faster-whisper-large-v3-turbo"),
            "whisper:large-v3-turbo",
        ),
        ("whisper:me/mine", Wanted("whisper", "me/mine"), "whisper:me/mine"),
        ("llama:me/mine", Wanted("llama", "me/mine"), "llama:me/mine"),
        ("me/X-GGUF:x.gguf", Wanted("llama", "me/X-GGUF", "x.gguf"), "llama:me/X-GGUF:x.gguf"),
        ("kokoro", Wanted("kokoro", "hexgrad/Kokoro-82M"), "kokoro"),
        ("kokoro:me/voice", Wanted("kokoro", "me/voice"), "kokoro:me/voice"),
        ("minilm", Wanted("minilm", "sentence-transformers/all-MiniLM-L6-v2"), "minilm"),
        ("minilm:me/mine", Wanted("minilm", "me/mine"), "minilm:me/mine"),
    ],
)
def test_a_name_says_what_to_pull_and_for_which_engine(name, want, engine):
    assert wanted(name) == want
    assert want.name == engine


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sphinx", "'sphinx' is nothing to pull; name an engine and its model, like whisper:base"),
        ("whisper:huge", "Whisper has no size 'huge'; there is tiny, tiny.en, base"),
        ("llama:model.gguf", "'llama:model.gguf' names no repository; one looks like owner/name"),
        ("llama:a/b/c", "names no repository"),
        ("kokoro:../..", "names no repository"),
    ],
)
def test_a_name_that_means_nothing_is_told_what_would(name, message):
    with pytest.raises(ValueError) as caught:
        wanted(name)
    assert message in str(caught.value)


def test_everything_recommended_can_be_pulled():
    for machine in (Machine(1, 1), Machine(4, 8), Machine(8, 32, "metal", 32)):
        assert [wanted(each.name).name for each in recommend(machine)] == [
            each.name for each in recommend(machine)
        ]


def test_of_a_whisper_repository_only_what_is_needed_is_taken():
    everything = ("README.md", "config.json", "model.bin", "tokenizer.json", "vocabulary.txt")
    assert chosen(wanted("base"), *everything) == list(everything[1:])


def test_of_several_quantizations_one_is_taken():
    want = wanted("llama:me/mine")
    assert chosen(want, "m-q2_k.gguf", "m-q4_k_m.gguf", "README.md") == ["m-q4_k_m.gguf"]


def test_a_file_that_was_named_is_taken_with_all_its_parts():
    parts = [f"m-q8-0000{number}-of-00002.gguf" for number in (1, 2)]
    want = wanted(f"llama:me/mine:{parts[0]}")
    assert chosen(want, "m-q4_k_m.gguf", *parts) == parts


def test_a_file_that_is_not_there_lists_what_is():
    with pytest.raises(HubError, match=r"has no file 'x\.gguf'; it has a\.gguf, b\.gguf"):
        chosen(wanted("llama:me/mine:x.gguf"), "a.gguf", "b.gguf")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("whisper:openai/whisper-base", "is no Whisper model for CTranslate2: it has no model.bin"),
        ("llama:openai/whisper-base", "is no GGUF model"),
        ("kokoro:openai/whisper-base", "is no Kokoro model"),
    ],
)
def test_a_repository_of_something_else_is_refused(name, message):
    with pytest.raises(HubError, match=message):
        chosen(wanted(name), "config.json", "model.safetensors")
