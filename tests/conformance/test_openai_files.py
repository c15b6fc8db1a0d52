"""The official SDK, unmodified, keeps files, fills vector stores and searches them."""

from contextlib import asynccontextmanager

import pytest

from tests.conformance.live import KEY, serving
from tests.search.libraries import WordEmbedder
from voice.config import SearchSettings
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.engines.names import ROLES
from voice.engines.registry import Choice, EngineSet

openai = pytest.importorskip("openai", reason="the SDK is not installed")

pytestmark = [pytest.mark.conformance, pytest.mark.server]

LIBRARY = b"# Library\n\n## Hours\n\nThe library closes at six.\n\n## Chess\n\nThe chess club meets on Thursday.\n"
GARDEN = b"# Garden\n\nPlant garlic in October.\n"


@asynccontextmanager
async def _engines(_settings):
    choices = tuple(Choice(role, "fake", "a test wants it", "") for role in ROLES)
    others = FakeSpeechToText(), FakeLanguageModel(), FakeTextToSpeech()
    yield EngineSet(*others, choices, (), WordEmbedder())


@pytest.fixture
async def sdk(tmp_path):
    search = SearchSettings(database=str(tmp_path / "search.db"), max_file_mb=1)
    async with (
        serving(_engines, search=search) as address,
        openai.AsyncOpenAI(api_key=KEY, base_url=f"http://{address}/v1", max_retries=0) as client,
    ):
        yield client


async def _filled(sdk, **files: bytes) -> str:
    """A vector store with these files, ready to be searched."""
    store = await sdk.vector_stores.create(name="town")
    for name, content in files.items():
        await sdk.vector_stores.files.upload_and_poll(
            vector_store_id=store.id, file=(f"{name}.md", content), poll_interval_ms=20
        )
    return store.id


async def test_a_file_comes_back_as_it_was_sent(sdk):
    sent = await sdk.files.create(file=("a b.md", LIBRARY), purpose="assistants")
    assert (sent.filename, sent.bytes, sent.object) == ("a b.md", len(LIBRARY), "file")
    assert (await sdk.files.retrieve(sent.id)).id == sent.id
    assert (await sdk.files.content(sent.id)).content == LIBRARY
    assert [each.id async for each in sdk.files.list()] == [sent.id]
    assert [each.id async for each in sdk.files.list(purpose="batch")] == []
    assert (await sdk.files.delete(sent.id)).deleted
    with pytest.raises(openai.NotFoundError, match="No such file"):
        await sdk.files.retrieve(sent.id)


async def test_files_expire_when_they_are_told_to(sdk):
    expiry = {"anchor": "created_at", "seconds": 3600}
    sent = await sdk.files.create(file=("a.md", b"a"), purpose="user_data", expires_after=expiry)
    assert sent.expires_at == sent.created_at + 3600
    with pytest.raises(openai.BadRequestError) as caught:
        await sdk.files.create(
            file=("a.md", b"a"), purpose="user_data", expires_after=expiry | {"seconds": 60}
        )
    assert caught.value.param == "expires_after.seconds"


async def test_a_list_of_files_is_paged_through(sdk):
    sent = [
        (await sdk.files.create(file=(f"{n}.md", b"x"), purpose="assistants")).id for n in range(5)
    ]
    assert [each.id async for each in sdk.files.list(limit=2, order="asc")] == sent
    assert [each.id async for each in sdk.files.list(limit=2, order="desc")] == sent[::-1]


async def test_too_large_a_file_is_refused(sdk):
    with pytest.raises(openai.APIStatusError) as caught:
        await sdk.files.create(file=("a.md", b"x" * 2_000_000), purpose="assistants")
    assert caught.value.status_code == 413


async def test_a_store_is_made_changed_listed_and_deleted(sdk):
    made = await sdk.vector_stores.create(
        name="town", metadata={"of": "me"}, expires_after={"anchor": "last_active_at", "days": 7}
    )
    assert (made.status, made.file_counts.total, made.usage_bytes) == ("completed", 0, 0)
    assert made.expires_at == made.last_active_at + 7 * 86_400
    changed = await sdk.vector_stores.update(made.id, name="village", expires_after=None)
    assert (changed.name, changed.metadata, changed.expires_at) == ("village", {"of": "me"}, None)
    others = [(await sdk.vector_stores.create(name=str(n))).id for n in range(3)]
    listed = [each.id async for each in sdk.vector_stores.list(limit=2, order="asc")]
    assert listed == [made.id, *others]
    assert (await sdk.vector_stores.delete(made.id)).deleted
    with pytest.raises(openai.NotFoundError, match="No such vector store"):
        await sdk.vector_stores.retrieve(made.id)


async def test_an_uploaded_file_is_found_by_its_meaning(sdk):
    store_id = await _filled(sdk, library=LIBRARY, garden=GARDEN)
    store = await sdk.vector_stores.retrieve(store_id)
    assert (store.status, store.file_counts.completed) == ("completed", 2)
    assert store.usage_bytes == len(LIBRARY) + len(GARDEN)
    page = await sdk.vector_stores.search(store_id, query="When does the chess club meet?")
    best = page.data[0]
    assert best.filename == "library.md"
    assert "Thursday" in best.content[0].text
    assert 0 < best.score <= 1
    assert page.object == "vector_store.search_results.page"


async def test_several_questions_a_limit_and_a_threshold(sdk):
    store_id = await _filled(sdk, library=LIBRARY, garden=GARDEN)
    both = await sdk.vector_stores.search(
        store_id, query=["chess club", "garlic October"], max_num_results=2
    )
    assert {each.filename for each in both.data} == {"library.md", "garden.md"}
    none = await sdk.vector_stores.search(
        store_id, query="chess club", ranking_options={"score_threshold": 1.0}
    )
    assert none.data == []


async def test_filters_look_at_attributes(sdk):
    store = await sdk.vector_stores.create()
    for name, year in (("old", 1990), ("new", 2020)):
        file = await sdk.files.create(file=(f"{name}.md", LIBRARY), purpose="assistants")
        await sdk.vector_stores.files.create_and_poll(
            vector_store_id=store.id,
            file_id=file.id,
            attributes={"year": year, "lang": "en"},
            poll_interval_ms=20,
        )
    found = await sdk.vector_stores.search(
        store.id,
        query="chess",
        filters={
            "type": "and",
            "filters": [
                {"type": "gt", "key": "year", "value": 2000},
                {"type": "eq", "key": "lang", "value": "en"},
            ],
        },
    )
    assert {each.filename for each in found.data} == {"new.md"}
    attributes = found.data[0].attributes
    assert attributes == {"year": 2020, "lang": "en"}


async def test_the_attributes_of_a_file_are_replaced(sdk):
    store_id = await _filled(sdk, library=LIBRARY)
    file = (await sdk.vector_stores.files.list(store_id)).data[0]
    changed = await sdk.vector_stores.files.update(
        file.id, vector_store_id=store_id, attributes={"kept": True}
    )
    assert changed.attributes == {"kept": True}
    content = [
        each.text
        async for each in sdk.vector_stores.files.content(file.id, vector_store_id=store_id)
    ]
    assert "Thursday" in "".join(text or "" for text in content)


async def test_a_batch_tells_what_became_of_each_file(sdk):
    store = await sdk.vector_stores.create()
    batch = await sdk.vector_stores.file_batches.upload_and_poll(
        store.id,
        files=[("good.md", LIBRARY), ("bad.md", bytes(range(256)) * 4)],
        poll_interval_ms=20,
    )
    assert (batch.status, batch.file_counts.completed, batch.file_counts.failed) == (
        "completed",
        1,
        1,
    )
    failed = await sdk.vector_stores.file_batches.list_files(
        batch.id, vector_store_id=store.id, filter="failed"
    )
    assert failed.data[0].last_error is not None
    assert failed.data[0].last_error.code in {"invalid_file", "unsupported_file"}
    assert "bad.md" in failed.data[0].last_error.message


async def test_a_batch_of_an_unknown_file_puts_nothing_in(sdk):
    store = await sdk.vector_stores.create()
    known = await sdk.files.create(file=("a.md", LIBRARY), purpose="assistants")
    with pytest.raises(openai.NotFoundError, match="file-nobody"):
        await sdk.vector_stores.file_batches.create(store.id, file_ids=[known.id, "file-nobody"])
    assert (await sdk.vector_stores.retrieve(store.id)).file_counts.total == 0


async def test_a_file_taken_out_of_a_store_is_not_found_and_still_there(sdk):
    store_id = await _filled(sdk, library=LIBRARY)
    file = (await sdk.vector_stores.files.list(store_id)).data[0]
    assert (await sdk.vector_stores.files.delete(file.id, vector_store_id=store_id)).deleted
    assert (await sdk.vector_stores.search(store_id, query="chess")).data == []
    assert (await sdk.files.retrieve(file.id)).id == file.id


async def test_a_deleted_file_leaves_every_store(sdk):
    store_id = await _filled(sdk, library=LIBRARY)
    file = (await sdk.vector_stores.files.list(store_id)).data[0]
    await sdk.files.delete(file.id)
    assert (await sdk.vector_stores.search(store_id, query="chess")).data == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": ""}, "query"),
        ({"query": "a", "max_num_results": 51}, "max_num_results"),
        ({"query": "a", "filters": {"type": "like", "key": "a", "value": 1}}, "filters.type"),
        ({"query": "a", "extra_body": {"top_k": 3}}, "top_k"),
    ],
)
async def test_searches_that_cannot_be_meant_are_refused(sdk, fields, param):
    store = await sdk.vector_stores.create()
    with pytest.raises(openai.BadRequestError) as caught:
        await sdk.vector_stores.search(store.id, **fields)
    assert caught.value.param == param


async def test_chunks_are_as_large_as_they_are_asked_to_be(sdk):
    store = await sdk.vector_stores.create()
    file = await sdk.files.create(file=("long.txt", b"one two three. " * 400), purpose="assistants")
    static = {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 20}
    kept = await sdk.vector_stores.files.create_and_poll(
        vector_store_id=store.id,
        file_id=file.id,
        chunking_strategy={"type": "static", "static": static},
        poll_interval_ms=20,
    )
    assert kept.chunking_strategy.static.max_chunk_size_tokens == 100
    found = await sdk.vector_stores.search(store.id, query="two", max_num_results=50)
    assert len(found.data) > 10


@pytest.mark.parametrize(("most", "overlap"), [(99, 0), (4097, 0), (800, 401), (800, -1)])
async def test_chunks_that_cannot_be_made_are_refused(sdk, most, overlap):
    store = await sdk.vector_stores.create()
    file = await sdk.files.create(file=("a.txt", b"one"), purpose="assistants")
    static = {"max_chunk_size_tokens": most, "chunk_overlap_tokens": overlap}
    with pytest.raises(openai.BadRequestError) as caught:
        await sdk.vector_stores.files.create(
            vector_store_id=store.id,
            file_id=file.id,
            chunking_strategy={"type": "static", "static": static},
        )
    assert caught.value.param.startswith("chunking_strategy.static.")
