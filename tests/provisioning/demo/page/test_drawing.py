"""Chargers as bars: the rating is the whole height, within it the limit and the draw."""

from typing import Any

from provisioning.demo.page.drawing import HEIGHT, bars
from provisioning.demo.page.site import ChargerSeen
from tests.builders import facility

SITE = facility(11_000, 11_000, 22_000)


def charger(number: int, **changes: Any) -> ChargerSeen:
    base: dict[str, Any] = {
        "station_id": f"cs-{number}",
        "evse_id": 1,
        "connected": True,
        "status": "Available",
        "limit_w": 5_500,
        "worst_case_w": 5_500,
        "drawn_w": None,
        "plate": "",
    }
    return ChargerSeen(**{**base, **changes})


def test_outlets_stand_in_groups_of_one_level_and_rating() -> None:
    groups = bars(SITE, [charger(1), charger(2), charger(3)])
    assert [(g.level, g.rating_kw, len(g.bars)) for g in groups] == [("Level 2", "11", 2), ("Level 2", "22", 1)]


def test_limit_and_draw_are_parts_of_the_rating() -> None:
    (group,) = bars(SITE, [charger(1, drawn_w=2_750)])
    (bar,) = group.bars
    assert (bar.kind, bar.limit_h, bar.drawn_h) == ("charging", HEIGHT / 2, HEIGHT / 4)
    assert bar.text == "cs-1: 2.8 of at most 5.5 kW"


def test_an_idle_an_unreachable_and_a_disobeying_charger_each_look_different() -> None:
    seen = [charger(1), charger(2, connected=False), charger(3, drawn_w=6_000)]
    assert [bar.kind for group in bars(SITE, seen) for bar in group.bars] == ["idle", "gone", "over"]


def test_the_meters_tolerance_is_no_disobedience() -> None:
    ((bar,),) = [group.bars for group in bars(SITE, [charger(1, drawn_w=5_700)])]
    assert bar.kind == "charging"
