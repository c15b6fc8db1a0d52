"""Vector stores and the files in them: what requests at the same time, and long lists, come to."""

import asyncio

import pytest

from tests.http.test_search import searching
from tests.search.libraries import store
from voice.http.knowledge import PageQuery, list_body
from voice.search.library import Library
from voice.search.opening import open_records
from voice.search.paging import Page
from voice.search.records import File

FILES = "/v1/files"
STORES = "/v1/vector_stores"


async def uploaded(client, name="a.md") -> str:
    form = {"files": {"file": (name, b"Some words.")}, "data": {"purpose": "assistants"}}
    return (await client.post(FILES, **form)).json()["id"]


async def made(client, **fields) -> str:
    return (await client.post(STORES, json=fields)).json()["id"]


async def test_changes_sent_together_are_all_kept(tmp_path):
    async with searching(tmp_path, documents=False) as (client, _):
        path = f"{STORES}/{await made(client, name='old')}"
        changes = {"name": "new"}, {"metadata": {"a": "b"}}
        answers = await asyncio.gather(*(client.post(path, json=each) for each in changes))
        assert [each.status_code for each in answers] == [200, 200]
        kept = (await client.get(path)).json()
        assert (kept["name"], kept["metadata"]) == ("new", {"a": "b"})


async def test_a_store_deleted_while_it_is_changed_stays_deleted(tmp_path, monkeypatch):
    change = Library.change_store

    async def change_too_late(library, store_id, changes):
        await library.delete_store(store_id)
        return await change(library, store_id, changes)

    monkeypatch.setattr(Library, "change_store", change_too_late)
    async with searching(tmp_path, documents=False) as (client, _):
        path = f"{STORES}/{await made(client)}"
        assert (await client.post(path, json={"name": "new"})).status_code == 404
        assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("way", ["store", "file", "batch"])
async def test_a_file_deleted_while_it_is_put_in_leaves_nothing_half_done(
    tmp_path, monkeypatch, way
):
    attach = Library.attach

    async def attach_too_late(library, documents, **others):
        await library.delete_file(documents[-1].id)
        return await attach(library, documents, **others)

    async with searching(tmp_path, documents=False) as (client, _):
        there = await made(client)
        file_ids = [await uploaded(client, name) for name in ("a.md", "b.md")]
        monkeypatch.setattr(Library, "attach", attach_too_late)
        path, body = {
            "store": (STORES, {"file_ids": file_ids}),
            "file": (f"{STORES}/{there}/files", {"file_id": file_ids[1]}),
            "batch": (f"{STORES}/{there}/file_batches", {"file_ids": file_ids}),
        }[way]
        refused = await client.post(path, json=body)
        assert (refused.status_code, refused.json()["error"]["param"]) == (404, "file_id")
        stores = (await client.get(STORES)).json()["data"]
        assert [(each["id"], each["file_counts"]["total"]) for each in stores] == [(there, 0)]


async def test_attributes_of_what_has_gone_meanwhile_are_not_told_as_kept(tmp_path, monkeypatch):
    replace = Library.set_attributes

    async def replace_too_late(library, store_id, document_id, attributes):
        await library.delete_document(store_id, document_id)
        return await replace(library, store_id, document_id, attributes)

    monkeypatch.setattr(Library, "set_attributes", replace_too_late)
    async with searching(tmp_path, documents=False) as (client, _):
        file_id = await uploaded(client)
        path = f"{STORES}/{await made(client, file_ids=[file_id])}/files/{file_id}"
        refused = await client.post(path, json={"attributes": {"a": 1}})
        assert (refused.status_code, refused.json()["error"]["param"]) == (404, "file_id")


@pytest.mark.parametrize(
    ("fields", "first", "last", "has_more"),
    [
        ({"after": "f300", "limit": 250}, 299, 50, True),
        ({"before": "f000", "limit": 250}, 250, 1, True),
        ({"before": "f120", "limit": 250}, 300, 121, False),
        ({"after": "f250", "before": "f010", "limit": 150}, 249, 100, True),
    ],
)
async def test_a_long_list_is_put_together_from_pages(tmp_path, fields, first, last, has_more):
    records = open_records(str(tmp_path / "search.db"))
    records.put_store(store())
    for number in range(301):
        facts = {"filename": "a", "purpose": "assistants", "bytes": 1, "sha256": "x"}
        records.put_file(File(id=f"f{number:03}", created_at=number, **facts))

    async def pages(page: Page):
        return records.files(page)

    async def describe(file: File):
        return {"id": file.id}

    body = await list_body(PageQuery(**fields), 20, pages, describe)
    records.close()
    numbers = range(first, last - 1, -1)
    assert [each["id"] for each in body["data"]] == [f"f{number:03}" for number in numbers]
    assert body["has_more"] == has_more
