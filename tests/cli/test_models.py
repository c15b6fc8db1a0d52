from tests.engines.cached import MINILM, WHISPER, cache


def test_nothing_here_says_how_to_get_something(run):
    result = run("models")
    assert result.exit_code == 0
    assert "No models are here; the embedded engines need none." in result.output
    assert "voice pull --recommended" in result.output


def test_models_are_listed_with_their_use_and_size(run, tmp_path):
    folder = cache(tmp_path / "hf" / "hub", "Systran/faster-whisper-tiny", WHISPER)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.gguf").write_bytes(b"12345")
    result = run("models", ENGINES__LLM="reader")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"*\twhisper:tiny\tspeech-to-text\t28\t{folder}",
        "-\tllama:models/mine.gguf\tlanguage model\t5\tmodels/mine.gguf",
    ]
    assert f"33 B in {tmp_path / 'hf' / 'hub'}, models" in result.stderr


def test_the_model_of_embeddings_is_listed(run, tmp_path):
    folder = cache(tmp_path / "hf" / "hub", "sentence-transformers/all-MiniLM-L6-v2", MINILM)
    result = run("models")
    assert f"*\tminilm\tembeddings\t21\t{folder}" in result.stdout.splitlines()


def test_an_engine_that_cannot_be_had_is_told_and_the_rest_listed(run, tmp_path):
    cache(tmp_path / "hf" / "hub", "Systran/faster-whisper-tiny", WHISPER)
    result = run("models", ENGINES__STT="whisper:base")
    assert "-\twhisper:tiny" in result.stdout
    assert "speech-to-text: Whisper 'base' is not here: voice pull whisper:base" in result.stderr
