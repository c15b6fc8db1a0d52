from hypothesis import given
from hypothesis import strategies as st

from voice.search.fusion import descending, fuse


def test_what_stands_high_in_both_rankings_goes_first():
    assert set(fuse([(1.0, "abcd"), (1.0, "cbxy")])[:2]) == {"b", "c"}


def test_a_thing_of_one_ranking_only_is_not_lost():
    assert set(fuse([(1.0, "ab"), (1.0, "cd")])) == set("abcd")


def test_of_equal_things_the_first_met_goes_first():
    assert fuse([(1.0, "ab"), (1.0, "cd")]) == ["a", "c", "b", "d"]


def test_a_weight_makes_a_ranking_count_more():
    assert fuse([(1.0, "ab"), (2.0, "ba")])[0] == "b"


def test_nothing_fuses_to_nothing():
    assert fuse([]) == fuse([(1.0, "")]) == []


@given(st.lists(st.permutations("abcdef"), min_size=1, max_size=4))
def test_what_is_better_in_all_rankings_stays_before(rankings):
    fused = fuse((1.0, each) for each in rankings)
    for first in "abcdef":
        for second in "abcdef":
            if all(each.index(first) < each.index(second) for each in rankings):
                assert fused.index(first) < fused.index(second)


@given(st.lists(st.floats(0, 1)))
def test_agreed_scores_never_rise_nor_fall_below_what_they_were(scores):
    agreed = descending(scores)
    assert agreed == sorted(agreed, reverse=True)
    assert all(new >= old for new, old in zip(agreed, scores, strict=True))
    assert set(agreed) <= set(scores)
