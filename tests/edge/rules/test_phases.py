"""What a watt weighs on each line: never less than its current, and exactly that where loads are spread evenly."""

from hypothesis import given
from hypothesis import strategies as st

from edge.rules.phases import load_w, under_w, weights
from provisioning.audit.power_lines import line_loads_w
from shared.facilities import Facility
from tests.builders import facility

PHASES = ["", "L1", "L2", "L3", "L1L2", "L2L1", "L2L3", "L3L1", "L1L3", "L1L2L3", "L3L1L2"]
UNITS = st.sampled_from([None, "A", "W"])


def site(feeds: list[tuple[str, str | None]]) -> Facility:
    base = facility(*[10_000] * len(feeds))
    stations = tuple(
        s.model_copy(update={"evses": (s.evses[0].model_copy(update={"phases": phases, "limit_unit": unit}),)})
        for s, (phases, unit) in zip(base.stations, feeds, strict=True)
    )
    return base.model_copy(update={"stations": stations})


@given(
    st.lists(st.tuples(st.sampled_from(PHASES), UNITS, st.integers(0, 50_000)), min_size=1, max_size=12).filter(
        lambda rows: any(phases for phases, _, _ in rows)
    )
)
def test_a_row_of_the_books_is_never_less_than_the_current_that_phasors_give(rows):
    built = site([(phases, unit) for phases, unit, _ in rows])
    drawn_w = {(f"cs-{i}", 1): w for i, (_, _, w) in enumerate(rows, 1)}
    weighed = list(zip(weights(built), drawn_w.values(), strict=True))
    totals = [sum(load_w(w, row[i]) for row, w in weighed) for i in range(7)]
    assert max(totals[1:]) >= 3 * max(line_loads_w(built, drawn_w)) - 1


def test_loads_between_lines_spread_evenly_cost_nothing_extra():
    even = weights(site([("L1L2", None), ("L2L3", None), ("L3L1", None)]))
    assert all(3_000 <= sum(row[i] for row in even) <= 3_003 for i in range(7))


def test_a_site_that_knows_no_phases_has_one_row():
    assert weights(facility(10_000, 20_000)) == ((1_000,), (1_000,))


@given(st.integers(0, 10**6), st.sampled_from([1_000, 1_268, 1_733, 3_000]))
def test_the_highest_limit_under_a_room_fits_it_and_the_next_does_not(room_w, weight):
    limit_w = under_w(room_w, weight)
    assert load_w(limit_w, weight) <= room_w < load_w(limit_w + 1, weight)
