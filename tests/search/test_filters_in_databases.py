"""A filter means the same in Python, SQLite and PostgreSQL."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.search.libraries import STORE, chunks, document, store
from voice.search.filters import compile_filter, parse_filter

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=3)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.one_of(
    st.sampled_from(["", "a", "b", "B", "ä", "1", 0.0, -0.0, 1.0, 1, 2.5, True, False]),
    TEXTS,
    FLOATS,
    st.integers(-(2**70), 2**70),
)
KEYS = st.sampled_from("xyz")
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=3)

COMPARISONS = st.one_of(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]),
            "key": KEYS,
            "value": VALUES,
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["in", "nin"]),
            "key": KEYS,
            "value": st.lists(VALUES, max_size=4),
        }
    ),
)
FILTERS = st.recursive(
    COMPARISONS,
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["and", "or"]), "filters": st.lists(inner, min_size=1, max_size=3)}
    ),
    max_leaves=6,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(attributes=st.lists(ATTRIBUTES, min_size=1, max_size=5), value=FILTERS)
def test_the_same_documents_pass_everywhere(records, attributes, value):
    records.delete_store(STORE, now=0)
    records.put_store(store())
    for number, each in enumerate(attributes):
        records.put(document(str(number), each), chunks("word"), None, "")
    wanted = compile_filter(parse_filter(value))
    with records.snapshot():
        kept = list(records.changes(STORE, 0))
    in_python = {each.chunk_ids.start for each in kept if wanted.matches(each.attributes)}
    in_the_database = set(records.keywords([STORE], ["word"], wanted, 100).ranked)
    assert in_the_database == in_python


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(attributes=ATTRIBUTES)
def test_attributes_come_back_as_they_went(records, attributes):
    records.put(document(attributes=attributes), [], None, "")
    kept = records.document(STORE, "a").attributes
    assert kept == {
        key: value if isinstance(value, bool | str) else float(value)
        for key, value in attributes.items()
    }
    assert {key: type(value) for key, value in kept.items()} == {
        key: type(value) if isinstance(value, bool | str) else float
        for key, value in attributes.items()
    }
