import pytest

from tests.search.libraries import STORE, document, store
from voice.search.errors import SearchError
from voice.search.paging import Page
from voice.search.records import SECONDS_PER_DAY


@pytest.fixture
def listed(records):
    """Documents `0` to `9`, of which two each are of the same second."""
    for number in range(10):
        put(records, number)
    return records


def put(records, number, created_at=None):
    made = number // 2 if created_at is None else created_at
    records.put(document(str(number), created_at=made), [], None, "")


def page(records, **fields):
    listing = records.documents(STORE, Page(**fields))
    return "".join(each.id for each in listing.items), listing.has_more


@pytest.mark.parametrize(
    ("fields", "ids", "has_more"),
    [
        ({}, "9876543210", False),
        ({"order": "asc"}, "0123456789", False),
        ({"limit": 4}, "9876", True),
        ({"limit": 4, "after": "6"}, "5432", True),
        ({"limit": 4, "after": "4"}, "3210", False),
        ({"limit": 4, "after": "0"}, "", False),
        ({"limit": 4, "order": "asc", "after": "6"}, "789", False),
        ({"limit": 3, "before": "4"}, "765", True),
        ({"limit": 3, "before": "7"}, "98", False),
        ({"limit": 3, "order": "asc", "before": "4"}, "123", True),
        ({"after": "8", "before": "3"}, "7654", False),
        ({"limit": 2, "after": "8", "before": "3"}, "76", True),
    ],
)
def test_a_page_of_a_list(listed, fields, ids, has_more):
    assert page(listed, **fields) == (ids, has_more)


def test_a_cursor_holds_after_its_item_was_deleted(listed):
    first, _ = page(listed, limit=4)
    for document_id in first:
        listed.delete_document(STORE, document_id, now=0)
    assert page(listed, limit=4, after=first[-1]) == ("5432", True)
    assert page(listed, order="asc", before="7") == ("012345", False)


def test_a_deleted_cursor_is_forgotten_after_a_day(listed):
    listed.delete_document(STORE, "5", now=0)
    listed.expire(SECONDS_PER_DAY - 1)
    assert page(listed, after="5")[0] == "43210"
    listed.expire(SECONDS_PER_DAY)
    with pytest.raises(SearchError, match="'after' names no item of this list: '5'") as refused:
        page(listed, after="5")
    assert refused.value.param == "after"


def test_pages_together_are_the_list_while_things_come_and_change(listed):
    seen, cursor, more = "", None, True
    for new in range(10, 20):
        if not more:
            break
        ids, more = page(listed, limit=3, after=cursor)
        seen, cursor = seen + ids, ids[-1]
        put(listed, new, created_at=100)  # new ones stand before
        put(listed, 1, created_at=0)  # an old one is read again
    assert seen == "9876543210"


def test_a_cursor_of_another_list_is_refused(listed):
    listed.put_store(store("vs_2"))
    listed.put(document("other", store_id="vs_2"), [], None, "")
    for cursor in ("other", STORE, ""):
        with pytest.raises(SearchError, match="no item of this list"):
            page(listed, before=cursor)


@pytest.mark.parametrize("limit", [0, -1, 101])
def test_a_limit_out_of_range_is_refused(records, limit):
    with pytest.raises(SearchError, match="1 to 100") as refused:
        records.stores(Page(limit=limit))
    assert refused.value.param == "limit"


def test_stores_are_listed(records):
    records.put_store(store("vs_2", 5))
    records.put_store(store("vs_3", 3))
    assert [each.id for each in records.stores(Page()).items] == ["vs_2", "vs_3", STORE]
    records.delete_store("vs_3", now=9)
    assert [each.id for each in records.stores(Page(after="vs_3")).items] == [STORE]
