"""Sharing a budget: never above it, proportional, minimum currents first."""

from hypothesis import given
from hypothesis import strategies as st

from edge.rules.allocation import Request, fallbacks, proportional

watts = st.integers(0, 200_000)
requests = st.lists(st.tuples(watts, st.integers(0, 10_000), st.integers(0, 100)), max_size=40).map(
    lambda rows: [Request(f"cs-{i}", wanted, minimum, since) for i, (wanted, minimum, since) in enumerate(rows)]
)


def test_everybody_gets_what_they_want_while_it_fits():
    asked = [Request("a", 11_000, 4_140, 0), Request("b", 150_000, 5_000, 0)]
    assert proportional(asked, 400_000) == {"a": 11_000, "b": 150_000}


def test_when_demand_is_higher_all_are_throttled_in_proportion_above_their_minimum():
    asked = [Request("a", 100_000, 0, 0), Request("b", 50_000, 0, 0)]
    assert proportional(asked, 75_000) == {"a": 50_000, "b": 25_000}


def test_when_not_even_the_minimums_fit_those_who_came_first_charge_and_the_others_pause():
    asked = [Request("late", 11_000, 4_000, 9), Request("first", 11_000, 4_000, 1), Request("second", 11_000, 4_000, 2)]
    shares = proportional(asked, 9_000)
    assert shares["late"] == 0
    assert min(shares["first"], shares["second"]) >= 4_000


@given(requests, st.integers(0, 500_000))
def test_the_sum_never_exceeds_the_budget_and_nobody_gets_more_than_wanted_or_a_part_of_a_minimum(asked, budget_w):
    shares = proportional(asked, budget_w)
    assert sum(shares.values()) <= budget_w
    for request in asked:
        share_w = shares[request.name]
        assert 0 <= share_w <= request.wanted_w
        assert share_w == 0 or share_w >= min(request.minimum_w, request.wanted_w)


@given(requests, st.integers(100_000, 500_000))
def test_a_budget_that_is_wanted_is_used_up_to_the_rounding_step(asked, budget_w):
    wanted_w = sum(r.wanted_w for r in asked)
    minimums_w = sum(min(r.minimum_w, r.wanted_w) for r in asked)
    if wanted_w > budget_w >= minimums_w:
        assert sum(proportional(asked, budget_w).values()) > budget_w - 101 * len(asked)


def test_fallbacks_are_equal_unless_a_rating_is_smaller_and_fit_the_budget():
    assert fallbacks((11_000,) * 20 + (150_000,) * 4, 400_000) == (11_000,) * 20 + (45_000,) * 4


@given(st.lists(st.integers(1_000, 400_000), max_size=60), st.integers(10_000, 1_000_000))
def test_fallbacks_never_exceed_the_budget_or_a_rating(ratings_w, budget_w):
    shares_w = fallbacks(tuple(ratings_w), budget_w)
    assert sum(shares_w) <= budget_w
    assert all(0 <= share <= rating for share, rating in zip(shares_w, ratings_w, strict=True))
