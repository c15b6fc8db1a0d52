"""What `/v1/search` finds and answers, and what it refuses."""

from contextlib import asynccontextmanager

import msgspec
import pytest
from litestar.testing import AsyncTestClient

from tests.search.libraries import WordEmbedder
from voice.app import build_app
from voice.config import SearchSettings, Settings
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.engines.names import ROLES
from voice.engines.registry import Choice, EngineSet
from voice.search.library import open_library
from voice.search.records import FOLDERS_STORE, Chunk, Document, VectorStore
from voice.server import Server

ANSWER = "The chess club meets on Thursday evening."


@asynccontextmanager
async def searching(folder, answer: str = ANSWER, *, documents: bool = True):
    settings = Settings(search=SearchSettings(database=str(folder / "search.db")))
    llm = FakeLanguageModel(answer)

    @asynccontextmanager
    async def engines(_settings):
        choices = tuple(Choice(role, "fake", "a test wants it", "") for role in ROLES)
        yield EngineSet(FakeSpeechToText(), llm, FakeTextToSpeech(), choices, (), WordEmbedder())

    if documents:
        await fill(settings.search.location)
    async with AsyncTestClient(build_app(settings, Server(settings, engines))) as client:
        yield client, llm


async def fill(location: str) -> None:
    async with open_library(location) as library:
        await library.put_store(VectorStore(id=FOLDERS_STORE, created_at=0, last_active_at=0))
        for name, text in (
            ("library.md", "The chess club meets on Thursday evening in the basement."),
            ("garden.md", "Plant garlic and tulips in October."),
        ):
            chunk = Chunk(text=text, start=0, end=len(text))
            document = Document(
                id=name, store_id=FOLDERS_STORE, name=name, status="completed", created_at=0
            )
            await library.put(document, [chunk])


async def test_the_indexed_folders_are_searched_unless_stores_are_named(tmp_path):
    async with searching(tmp_path) as (client, _):
        found = (await client.post("/v1/search", json={"query": "chess club"})).json()
        assert found["object"] == "search.results"
        assert found["search_query"] == ["chess club"]
        assert found["data"][0]["filename"] == "library.md"
        assert "answer" not in found


async def test_an_answer_names_the_passage_it_was_taken_from(tmp_path):
    async with searching(tmp_path) as (client, llm):
        body = {"query": "When does the chess club meet?", "answer": True}
        answer = (await client.post("/v1/search", json=body)).json()["answer"]
        assert answer["text"] == ANSWER
        assert [each["filename"] for each in answer["citations"]] == ["library.md"]
        assert "in the basement" in llm.prompts[0].messages[-1].content


async def test_an_answer_is_streamed_after_what_was_found(tmp_path):
    async with searching(tmp_path) as (client, _):
        body = {"query": "When does the chess club meet?", "answer": True, "stream": True}
        response = await client.post("/v1/search", json=body)
        assert response.headers["content-type"].startswith("text/event-stream")
        *events, done = response.text.strip().split("\n\n")
        assert done == "data: [DONE]"
        told = [msgspec.json.decode(event.removeprefix("data: ")) for event in events]
        assert told[0]["type"] == "search.results"
        deltas = [each["delta"] for each in told if each["type"] == "search.answer.delta"]
        assert "".join(deltas) == ANSWER == told[-1]["answer"]["text"]
        assert told[-1]["answer"]["citations"][0]["filename"] == "library.md"


async def test_a_query_is_rewritten_by_the_model_where_that_is_wanted(tmp_path):
    async with searching(tmp_path, answer="chess club") as (client, llm):
        body = {"query": "Tell me about the club, please", "rewrite_query": True}
        found = (await client.post("/v1/search", json=body)).json()
        assert found["search_query"] == ["chess club"]
        assert len(llm.prompts) == 1


async def test_nothing_indexed_is_said_with_the_remedy(tmp_path):
    async with searching(tmp_path, documents=False) as (client, _):
        refused = await client.post("/v1/search", json={"query": "chess"})
        assert refused.status_code == 404
        assert "voice index" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({}, 400, "query"),
        ({"query": []}, 400, "query"),
        ({"query": "a", "vector_store_ids": ["vs_nobody"]}, 404, "vector_store_ids"),
        ({"query": "a", "answer": True, "model": "nobody"}, 404, "model"),
        ({"query": "a", "filters": {"type": "eq", "key": "a"}}, 400, "filters.value"),
        ({"query": "a", "tok_k": 1}, 400, "tok_k"),
        (
            {"query": "a", "filters": {"type": "eq", "key": "a", "value": 1, "vlaue": 2}},
            400,
            "filters.vlaue",
        ),
        (
            {
                "query": "a",
                "ranking_options": {"hybrid_search": {"text_weight": 0, "embedding_weight": 0}},
            },
            400,
            "ranking_options.hybrid_search",
        ),
    ],
)
async def test_what_cannot_be_searched_is_named(tmp_path, fields, status, param):
    async with searching(tmp_path) as (client, _):
        refused = await client.post("/v1/search", json=fields)
        assert refused.status_code == status, refused.text
        assert refused.json()["error"]["param"] == param


async def test_the_indexed_folders_are_not_cleared_away(tmp_path):
    async with searching(tmp_path) as (client, _):
        address = f"/v1/vector_stores/{FOLDERS_STORE}"
        expiry = {"expires_after": {"anchor": "last_active_at", "days": 1}}
        for refused, param in (
            (await client.delete(address), "vector_store_id"),
            (await client.post(address, json=expiry), "expires_after"),
        ):
            error = refused.json()["error"]
            assert (refused.status_code, error["param"]) == (400, param)
            assert "voice index --remove" in error["message"]
        assert (await client.post(address, json={"name": "Mine"})).json()["name"] == "Mine"
        assert (await client.post("/v1/search", json={"query": "chess"})).json()["data"]


async def test_without_a_reranker_that_is_said(tmp_path):
    async with searching(tmp_path) as (client, _):
        refused = await client.post("/v1/rerank", json={"query": "a", "documents": ["b"]})
        assert refused.status_code == 404
        assert "no reranker" in refused.json()["error"]["message"]


async def test_a_store_whose_time_is_over_takes_and_finds_nothing(tmp_path):
    async with searching(tmp_path) as (client, _):
        location = SearchSettings(database=str(tmp_path / "search.db")).location
        async with open_library(location) as library:
            old = VectorStore(id="vs_old", created_at=0, last_active_at=0, expires_after_days=1)
            await library.put_store(old)
        upload = {"file": ("a.md", b"# A")}
        file = await client.post("/v1/files", data={"purpose": "assistants"}, files=upload)
        file_id = file.json()["id"]
        for path, body in (
            ("/search", {"query": "a"}),
            ("/files", {"file_id": file_id}),
            ("/file_batches", {"file_ids": [file_id]}),
            ("", {"name": "again"}),
        ):
            refused = await client.post(f"/v1/vector_stores/vs_old{path}", json=body)
            assert refused.status_code == 400, path
            error = refused.json()["error"]
            assert (error["code"], error["param"]) == ("vector_store_expired", "vector_store_id")
        shown = await client.get("/v1/vector_stores/vs_old")
        assert shown.json()["status"] == "expired"


async def test_a_file_whose_time_is_over_is_gone_before_it_is_deleted(tmp_path):
    async with searching(tmp_path, documents=False) as (client, _):
        location = SearchSettings(database=str(tmp_path / "search.db")).location
        async with open_library(location, now=lambda: 1000.0) as library:
            file = await library.add_file("a.md", "assistants", b"# A", 3600)
        for path in ("", "/content"):
            gone = await client.get(f"/v1/files/{file.id}{path}")
            assert gone.status_code == 404, path
            assert gone.json()["error"]["param"] == "file_id"


async def test_a_file_whose_bytes_are_not_here_is_not_found(tmp_path):
    async with searching(tmp_path, documents=False) as (client, _):
        sent = {"data": {"purpose": "assistants"}, "files": {"file": ("a.md", b"# A")}}
        file = (await client.post("/v1/files", **sent)).json()
        (tmp_path / "search.db.files" / file["id"]).unlink()
        assert (await client.get(f"/v1/files/{file['id']}")).status_code == 200
        gone = await client.get(f"/v1/files/{file['id']}/content")
        assert gone.status_code == 404
        assert "not on this server" in gone.json()["error"]["message"]


async def test_a_form_that_is_no_text_is_told_of_without_what_read_it(tmp_path):
    async with searching(tmp_path) as (client, _):
        head = b'--X\r\nContent-Disposition: form-data; name="file"; filename="\xff"\r\n\r\n'
        refused = await client.post(
            "/v1/files",
            content=head + b"a\r\n--X--\r\n",
            headers={"content-type": "multipart/form-data; boundary=X"},
        )
        assert refused.status_code == 400
        error = refused.json()["error"]
        assert error["code"] == "invalid_multipart"
        assert "Error" not in error["message"]
