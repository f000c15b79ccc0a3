"""The power chart as a function of a curve."""

import re

from hypothesis import given
from hypothesis import strategies as st

from cloud.dashboard.rules.chart import HEIGHT, WIDTH, draw, title, window_ms
from cloud.dashboard.rules.overview import CurvePoint, Watts
from shared.clock import HOUR_MS, MINUTE_MS
from tests.builders import NINE_MS

BOSTON = "America/New_York"


def point(minutes_ago: int, drawn_w: int, worst_case_w: int = 380_000) -> CurvePoint:
    at_ms = NINE_MS - minutes_ago * MINUTE_MS
    return CurvePoint(at_ms, at_ms + 20_000, drawn_w, worst_case_w, 400_000)


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)]


def watts(drawn_w: int) -> Watts:
    return Watts(NINE_MS, drawn_w, 380_000, 400_000)


def test_the_title_is_the_answer_when_and_how_high_was_the_peak() -> None:
    curve = [point(30, 120_000), point(20, 371_000), point(10, 250_000)]
    assert title("Boston", curve, watts(250_000), BOSTON) == "Boston peaked at 371 of 400 kW at 08:40"


def test_without_a_reading_the_title_claims_nothing() -> None:
    assert title("Boston", [], None, BOSTON) == "No power reading from Boston yet"
    assert title("Boston", [point(5, 0)], watts(0), BOSTON) == "Nothing drawn at Boston of 400 kW"


def test_time_runs_from_left_to_right_to_now() -> None:
    chart = draw([point(60, 1), point(30, 1), point(0, 1)], zone=BOSTON, now_ms=NINE_MS)
    assert chart.hours == 1
    assert [x for x, _ in points(chart.worst_case)] == [0, WIDTH / 2, WIDTH]


def test_the_chart_grows_by_whole_hours_from_one_to_six() -> None:
    assert window_ms([], NINE_MS) == HOUR_MS
    assert window_ms([point(10, 1)], NINE_MS) == HOUR_MS
    assert window_ms([point(61, 1)], NINE_MS) == 2 * HOUR_MS
    assert window_ms([point(900, 1)], NINE_MS) == 6 * HOUR_MS


def test_what_was_not_sampled_is_left_open_and_not_drawn_as_zero() -> None:
    chart = draw([point(40, 1), point(39, 1), point(20, 1), point(19, 1)], zone=BOSTON, now_ms=NINE_MS)
    assert chart.worst_case.count("M") == 2
    assert chart.area.count("Z") == 2


def test_an_empty_curve_gives_an_axis_and_no_shapes() -> None:
    chart = draw([], zone=BOSTON, now_ms=NINE_MS)
    assert (chart.area, chart.worst_case, chart.budget_y) == ("", "", None)
    assert [tick.label for tick in chart.ticks] == ["08:15", "08:30", "08:45"]


def test_a_site_over_its_budget_is_marked() -> None:
    assert not draw([point(1, 400_000)], zone=BOSTON, now_ms=NINE_MS).over
    assert draw([point(1, 400_001)], zone=BOSTON, now_ms=NINE_MS).over


curves = st.lists(
    st.builds(point, st.integers(0, 600), st.integers(0, 900_000), st.integers(0, 900_000)), max_size=40
).map(lambda found: sorted(found, key=lambda p: p.at_ms))


@given(curves)
def test_nothing_is_ever_drawn_outside_the_chart(curve: list[CurvePoint]) -> None:
    chart = draw(curve, zone=BOSTON, now_ms=NINE_MS)
    for x, y in [*points(chart.area), *points(chart.worst_case)]:
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    assert all(0 < tick.at_pct < 100 for tick in chart.ticks)
