"""Words are found in each database there is, in the stores that are asked."""

import pytest

from tests.search.libraries import STORE, chunks, document, store
from tests.search.test_records import texts_found
from voice.search import sql_records


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("They were running", "run"),
        ("He runs", "running"),
        ("Le café", "cafe"),
        ("Le cafe", "café"),
        ("Cafe\u0301s", "café"),
        ("ICELAND", "iceland"),
        ("snake_case", "case"),
        ("example.com/page", "example"),
        ("Straße", "straße"),
        ("Привет мир", "привет"),
        ("mp3 and 42", "42"),
    ],
)
def test_words_are_found_by_their_stems_whatever_their_case_and_accents(records, text, word):
    records.put(document(), chunks(text, "something else"), None, "")
    assert texts_found(records, word) == [text]


@pytest.mark.parametrize(
    "word",
    ['"', "'", "a OR b", "NEAR(x y)", "te*", "-text", "headings:text", "(", "^", "&", "!x", "%"],
)
def test_what_a_user_asks_is_never_a_language_of_the_database(records, word):
    records.put(document(), chunks("text"), None, "")
    assert texts_found(records, word, "nothing") in ([], ["text"])
    assert texts_found(records, word, "text") == ["text"]


def test_what_has_more_and_rarer_words_goes_first(records):
    common = [f"island number {n}" for n in range(8)]
    records.put(document(), chunks(*common, "a volcano", "volcano island"), None, "")
    found = texts_found(records, "volcano", "island")
    assert found[:2] == ["volcano island", "a volcano"]
    assert set(found[2:]) == set(common)


def test_a_heading_is_searched_and_counts_more(records):
    below = chunks("they erupt", headings=("Volcanoes",))
    records.put(document(), [*chunks("volcanoes are hot"), *below], None, "")
    assert texts_found(records, "volcano") == ["they erupt", "volcanoes are hot"]


def test_the_share_of_words_is_told_of_any_chunk(records):
    records.put(document(), chunks("volcano island", "volcano", "sea"), None, "")
    found = records.keywords([STORE], ["volcano", "island", "nowhere"], None, 1)
    (best,) = found.ranked
    shares = found.coverage([best, best + 1, best + 2])
    assert 1 > shares[0] > shares[1] > shares[2] == 0


def test_keywords_are_looked_for_in_some_stores_only(records):
    records.put_store(store("vs_2"))
    records.put(document("a"), chunks("volcano here"), None, "")
    records.put(document("b", store_id="vs_2"), chunks("volcano there"), None, "")
    assert texts_found(records, "volcano", stores=("vs_2",)) == ["volcano there"]
    assert len(texts_found(records, "volcano", stores=(STORE, "vs_2"))) == 2


def test_a_filter_works_within_the_search_and_not_on_what_it_found(records):
    for n in range(30):
        records.put(document(f"d{n}", {"n": n}), chunks(f"volcano volcano {n}"), None, "")
    records.put(document("last", {"n": 99}), chunks("a volcano among many other words"), None, "")
    found = texts_found(records, "volcano", wanted={"type": "gt", "key": "n", "value": 50})
    assert found == ["a volcano among many other words"]


def test_words_that_most_chunks_have_say_how_well_one_fits_and_not_where_to_look(
    records, monkeypatch
):
    monkeypatch.setattr(sql_records, "FEW_CHUNKS", 2)
    common = [*["sea here"] * 10, *["sky here"] * 15]
    records.put(document(), chunks(*common, "volcano here", "volcano sea"), None, "")
    assert texts_found(records, "sea", "volcano") == ["volcano sea", "volcano here"]
    assert len(texts_found(records, "sea", "sky")) == 10


def test_what_other_stores_have_hides_nothing(records, monkeypatch):
    monkeypatch.setattr(sql_records, "FEW_CHUNKS", 6)
    records.put_store(store("vs_2"))
    small = [f"report on a garden {n}" for n in range(4)]
    records.put(document(store_id="vs_2"), chunks(*small, "report on a zebra"), None, "")
    alone = texts_found(records, "zebra", "report", stores=("vs_2",))
    records.put(document(), chunks(*["report on the sea"] * 50), None, "")
    assert len(alone) == 5
    assert texts_found(records, "zebra", "report", stores=("vs_2",)) == alone


def test_words_weigh_by_how_rare_they_are_in_the_stores_asked(records):
    records.put_store(store("vs_2"))
    records.put(document(store_id="vs_2"), chunks("sea", "sea", "sea", "sky"), None, "")

    def shares():
        found = records.keywords(["vs_2"], ["sea", "sky"], None, 10)
        return found.coverage(sorted(found.ranked))

    alone = shares()
    records.put(document(), chunks(*["sky"] * 50), None, "")
    assert shares() == alone


def test_the_number_of_a_store_is_no_word_of_its_chunks(records):
    for name in ("vs_2", "vs_3"):
        records.put_store(store(name))
        records.put(document(store_id=name), chunks("sea"), None, "")
    numbers = [str(n) for n in range(20)]
    assert texts_found(records, *numbers, stores=("vs_2",)) == []
    assert texts_found(records, *numbers, stores=("vs_2", "vs_3")) == []


def test_a_store_without_documents_has_no_words(records):
    records.put_store(store("vs_2"))
    records.put(document(), chunks("sea"), None, "")
    assert texts_found(records, "sea", stores=("vs_2",)) == []


def test_words_that_are_rare_elsewhere_do_not_hide_others(records, monkeypatch):
    monkeypatch.setattr(sql_records, "FEW_CHUNKS", 2)
    records.put_store(store("vs_2"))
    records.put(document(), chunks(*["sea"] * 30, "volcano"), None, "")
    records.put(document(store_id="vs_2"), chunks("by the sea"), None, "")
    assert texts_found(records, "sea", "volcano", stores=("vs_2",)) == ["by the sea"]


def test_nothing_is_found_where_nothing_is(records):
    assert texts_found(records, "volcano") == []
    assert texts_found(records) == []
    assert records.passages([]) == []
