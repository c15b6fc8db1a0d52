import pytest

from tests.http.test_docs import serving
from voice.config import Settings


async def test_every_engine_is_listed_once_and_found_by_its_id():
    async with serving(Settings()) as client:
        models = (await client.get("/v1/models")).json()
        assert models["object"] == "list"
        ids = [model["id"] for model in models["data"]]
        assert sorted(ids) == sorted(set(ids))
        assert "fake" in ids
        for model in models["data"]:
            assert (await client.get(f"/v1/models/{model['id']}")).json() == model


async def test_a_model_that_is_not_there_is_named_with_the_nearest():
    async with serving(Settings()) as client:
        response = await client.get("/v1/models/owner/fakes")
        error = response.json()["error"]
    assert response.status_code == 404
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert "owner/fakes" in error["message"]


FILE = """
[providers.gpu]
kind = "openai"
base_url = "http://127.0.0.1:9/v1"

[models.ears]
kind = "transcription"
targets = ["gpu:whisper"]
aliases = ["org/ears"]

[models.mouth]
kind = "speech"
targets = ["gpu:kokoro"]

[models.mind]
targets = ["gpu:qwen"]
"""


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "models.toml"
    path.write_text(FILE)
    return Settings(models_file=path)


async def test_each_model_is_listed_with_what_it_does(settings):
    async with serving(settings) as client:
        listed = (await client.get("/v1/models")).json()["data"]
        named = (await client.get("/v1/models/gpu:other")).json()
        chatting = (await client.get("/api/llms")).json()["models"]
    assert {each["id"]: each["kind"] for each in listed} == {
        "ears": "transcription",
        "org/ears": "transcription",
        "mouth": "speech",
        "mind": "chat",
        "fake": "chat",
    }
    assert "kind" not in named
    assert chatting == ["mind", "fake"]


CHAT = {"messages": [{"role": "user", "content": "Hi"}]}
SPEECH = {"input": "Hi.", "voice": "alloy"}


@pytest.mark.parametrize(
    ("path", "body", "model", "right"),
    [
        ("/v1/chat/completions", CHAT, "ears", "/v1/audio/transcriptions"),
        ("/v1/chat/completions", CHAT, "mouth", "/v1/audio/speech"),
        ("/v1/chat/completions", CHAT, "espeak", "/v1/audio/speech"),
        ("/v1/chat/completions", CHAT, "whisper-1", "/v1/audio/transcriptions"),
        ("/v1/chat/completions", CHAT, "text-embedding-3-small", "/v1/embeddings"),
        ("/v1/embeddings", {"input": "Hi"}, "reader", "/v1/chat/completions"),
        ("/v1/embeddings", {"input": "Hi"}, "tts-1", "/v1/audio/speech"),
        ("/v1/audio/speech", SPEECH, "org/ears", "/v1/audio/transcriptions"),
        ("/v1/audio/speech", SPEECH, "gpt-4o", "/v1/chat/completions"),
        ("/v1/audio/speech", SPEECH, "mind", "/v1/chat/completions"),
        ("/v1/audio/speech", SPEECH, "sphinx", "/v1/audio/transcriptions"),
    ],
)
async def test_a_model_at_the_wrong_endpoint_is_told_which_is_right(
    settings, path, body, model, right
):
    async with serving(settings) as client:
        response = await client.post(path, json=body | {"model": model})
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (404, "model_not_found")
    assert (error["param"], f"it is asked at {right}" in error["message"]) == ("model", True)
