import pytest

from voice.search.errors import SearchError
from voice.search.filters import MAX_DEPTH, MAX_VALUES, compile_filter, parse_filter

ATTRIBUTES = {"year": 2024.0, "lang": "en", "draft": False}


def passes(value, attributes=ATTRIBUTES):
    return compile_filter(parse_filter(value)).matches(attributes)


def compare(kind, key, value):
    return {"type": kind, "key": key, "value": value}


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        (compare("eq", "year", 2024), True),
        (compare("eq", "year", 2024.5), False),
        (compare("eq", "lang", "EN"), False),
        (compare("ne", "lang", "de"), True),
        (compare("gt", "year", 2024), False),
        (compare("gte", "year", 2024), True),
        (compare("lt", "year", 2025), True),
        (compare("lte", "year", 2023), False),
        (compare("gt", "lang", "de"), True),
        (compare("in", "lang", ["de", "en"]), True),
        (compare("in", "lang", []), False),
        (compare("nin", "lang", ["de", "en"]), False),
        (compare("nin", "lang", []), True),
        (compare("eq", "draft", False), True),
    ],
)
def test_a_comparison_with_what_is_there(comparison, expected):
    assert passes(comparison) is expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("eq", False), ("ne", True), ("gt", False), ("gte", False), ("lt", False), ("lte", False)],
)
@pytest.mark.parametrize(
    ("key", "value"),
    [("author", "me"), ("year", "2024"), ("lang", 5), ("draft", 0), ("year", True)],
)
def test_what_is_missing_or_does_not_compare_is_only_unequal(kind, expected, key, value):
    assert passes(compare(kind, key, value)) is expected


@pytest.mark.parametrize("kind", ["gt", "gte", "lt", "lte"])
def test_truth_values_have_no_order(kind):
    assert not passes(compare(kind, "draft", False))


def test_a_list_may_mix_types():
    assert passes(compare("in", "year", ["x", True, 2024]))
    assert not passes(compare("in", "draft", ["x", 0]))


def test_filters_nest():
    wanted = {
        "type": "and",
        "filters": [
            compare("gte", "year", 2020),
            {"type": "or", "filters": [compare("eq", "lang", "de"), compare("eq", "lang", "en")]},
        ],
    }
    assert passes(wanted)
    assert not passes(wanted, {**ATTRIBUTES, "lang": "fr"})


def nested(depth):
    return compare("eq", "a", 1) if depth == 1 else {"type": "and", "filters": [nested(depth - 1)]}


@pytest.mark.parametrize(
    ("value", "param", "says"),
    [
        ([], "filters", "object"),
        ({}, "filters.type", "eq, ne"),
        ({"type": "like", "key": "a", "value": "b"}, "filters.type", "'like'"),
        ({"type": ["eq"]}, "filters.type", "no type"),
        ({"type": "and"}, "filters.filters", "one or more"),
        ({"type": "or", "filters": []}, "filters.filters", "one or more"),
        ({"type": "eq", "value": 1}, "filters.key", "names"),
        ({"type": "eq", "key": "a"}, "filters.value", "a text, a number, true or false"),
        (compare("eq", "a", ["b"]), "filters.value", "a text, a number"),
        (compare("in", "a", "b"), "filters.value", "list"),
        (compare("in", "a", ["b", None]), "filters.value[1]", "a text"),
        (compare("lt", "a", float("nan")), "filters.value", "finite"),
        (compare("lt", "a", 10**400), "filters.value", "finite"),
        (compare("eq", "a", "\0"), "filters.value", "NUL"),
        (compare("eq", "\ud800", "b"), "filters.key", "half characters"),
        ({"type": "and", "filters": [compare("eq", "a", 1), 5]}, "filters.filters[1]", "object"),
        (compare("in", "a", list(range(MAX_VALUES + 1))), "filters", str(MAX_VALUES)),
    ],
)
def test_a_wrong_filter_is_refused_with_its_place(value, param, says):
    with pytest.raises(SearchError) as refused:
        parse_filter(value)
    assert refused.value.param == param
    assert says in str(refused.value)


def test_filters_nest_only_so_deep():
    assert passes(nested(MAX_DEPTH), {"a": 1.0})
    with pytest.raises(SearchError, match="nest at most"):
        parse_filter(nested(MAX_DEPTH + 1))
