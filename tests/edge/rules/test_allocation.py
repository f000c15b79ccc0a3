"""Sharing a budget, whatever the policy: never above it on any row, minimum currents first."""

from hypothesis import given
from hypothesis import strategies as st

from edge.rules.allocation import STEP_W, ByRank, ByWeight, Request, fallbacks, share
from edge.rules.phases import load_w

THREE_PHASE, ON_L1 = (1_000, 1_000, 1_000), (1_000, 3_000, 0)
watts = st.integers(0, 200_000)
requests = st.lists(
    st.tuples(watts, st.integers(0, 10_000), st.integers(0, 2), st.sampled_from([THREE_PHASE, ON_L1])), max_size=40
).map(
    lambda rows: [
        Request(f"cs-{i}", wanted, minimum, i, priority, weights=weights)
        for i, (wanted, minimum, priority, weights) in enumerate(rows)
    ]
)
ways = st.sampled_from(["rank", "weight"])


def shares(asked: list[Request], budget_w: int, way: str = "weight") -> dict[str, int]:
    rows = len(asked[0].weights) if asked else 1
    how = ByWeight([max(1, r.wanted_w) for r in asked]) if way == "weight" else ByRank(range(len(asked)))
    return share(asked, (budget_w,) * rows, how)


def test_everybody_gets_what_they_want_while_it_fits():
    asked = [Request("a", 11_000, 4_140, 0), Request("b", 150_000, 5_000, 0)]
    assert shares(asked, 400_000) == {"a": 11_000, "b": 150_000}


def test_by_weight_all_are_throttled_in_proportion_to_it_above_their_minimum():
    asked = [Request("a", 100_000, 0, 0), Request("b", 50_000, 0, 0)]
    assert shares(asked, 75_000) == {"a": 50_000, "b": 25_000}


def test_by_rank_one_after_the_other_gets_all_that_it_wants_beyond_the_minimums():
    asked = [Request("a", 30_000, 1_000, 0), Request("b", 30_000, 1_000, 0), Request("c", 30_000, 1_000, 0)]
    assert shares(asked, 50_000, "rank") == {"a": 30_000, "b": 19_000, "c": 1_000}


def test_when_not_even_the_minimums_fit_the_first_in_order_charge_and_the_others_pause():
    asked = [Request(name, 11_000, 4_000, 0) for name in ("first", "second", "late")]
    found = shares(asked, 9_000)
    assert found["late"] == 0
    assert min(found["first"], found["second"]) >= 4_000


def test_a_higher_class_of_priority_gets_all_that_it_wants_before_a_lower_gets_more_than_its_minimum():
    asked = [Request("pass", 10_000, 1_000, 0, priority=1), Request("guest", 10_000, 1_000, 0)]
    assert shares(asked, 12_000) == {"pass": 10_000, "guest": 2_000}


def test_a_full_line_stops_those_on_it_and_the_others_go_on():
    asked = [Request("l1", 20_000, 0, 0, weights=ON_L1), Request("l2", 40_000, 0, 0, weights=(1_000, 0, 3_000))]
    assert shares(asked, 60_000) == {"l1": 20_000, "l2": 20_000}
    three = [*asked, Request("also-l1", 20_000, 0, 0, weights=ON_L1)]
    assert shares(three, 60_000) == {"l1": 10_000, "also-l1": 10_000, "l2": 20_000}


@given(requests, st.integers(0, 500_000), ways)
def test_no_row_is_ever_overloaded_and_nobody_gets_more_than_wanted_or_a_part_of_a_minimum(asked, budget_w, way):
    found = shares(asked, budget_w, way)
    for row in range(len(asked[0].weights) if asked else 0):
        assert sum(load_w(found[r.name], r.weights[row]) for r in asked) <= budget_w
    for request in asked:
        assert 0 <= found[request.name] <= request.wanted_w
        assert found[request.name] == 0 or found[request.name] >= min(request.minimum_w, request.wanted_w)


@given(st.lists(st.tuples(watts, st.integers(0, 10_000)), min_size=1, max_size=40), st.integers(1_000, 500_000), ways)
def test_a_budget_that_is_wanted_is_used_up_to_one_rounding_step(rows, budget_w, way):
    asked = [Request(str(i), wanted // STEP_W * STEP_W, minimum, i) for i, (wanted, minimum) in enumerate(rows)]
    minimums_w = sum(min(r.minimum_w, r.wanted_w) for r in asked)
    if sum(r.wanted_w for r in asked) > budget_w >= minimums_w:
        assert sum(shares(asked, budget_w, way).values()) > budget_w - STEP_W * (1 + len(asked) // 20)


def test_fallbacks_are_equal_unless_a_rating_is_smaller_and_fit_the_budget():
    assert fallbacks((11_000,) * 20 + (150_000,) * 4, 400_000) == (11_000,) * 20 + (45_000,) * 4


def test_fallbacks_fit_every_line():
    assert fallbacks((20_000,) * 3, 30_000, (ON_L1, ON_L1, (1_000, 0, 3_000))) == (5_000, 5_000, 10_000)


@given(st.lists(st.integers(1_000, 400_000), max_size=60), st.integers(10_000, 1_000_000))
def test_fallbacks_never_exceed_the_budget_or_a_rating(ratings_w, budget_w):
    shares_w = fallbacks(tuple(ratings_w), budget_w)
    assert sum(shares_w) <= budget_w
    assert all(0 <= share <= rating for share, rating in zip(shares_w, ratings_w, strict=True))
