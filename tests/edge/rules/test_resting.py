"""Between an input and the instant that the rules name, time alone brings nothing to do. Judged by looking in vain."""

from copy import deepcopy
from random import Random

import pytest

from edge.rules import facility as rules
from edge.rules import power, resting
from edge.rules.budget import ahead_ms, budget
from edge.rules.inputs import LoadMetered, StationClosed, StationOpened
from edge.rules.knowledge import Learned
from edge.rules.resting import TICK_MS
from edge.rules.turn import Turn
from shared.clock import SECOND_MS
from shared.events import Entry
from shared.facilities import BuildingLoad, Facility, PeakWindow, PowerSettings
from tests.builders import facility
from tests.edge.rules.site import Site
from tests.edge.rules.test_power import charge

SAMPLE_S = 3_600
PEAK = PeakWindow(days=tuple(range(7)), opens="05:00", closes="06:30", budget_w=60_000)
BUILDING = BuildingLoad(grid_w=150_000, load_w_max=60_000, margin_w=5_000, silent_s=900)


def site_of(ratings_w: tuple[int, ...], budget_w: int, **power_settings: object) -> Site:
    base = facility(*ratings_w, budget_w=budget_w)
    return Site(with_power(base, sample_s=SAMPLE_S, **power_settings))


def with_power(base: Facility, **changes: object) -> Facility:
    return base.model_copy(update={"power": PowerSettings(**{"budget_w": base.power.budget_w, **changes})})


def look(site: Site, at_ms: int) -> list[Entry]:
    """What a look at an instant would book beside a sample, had nothing come before it, and taken although the site is
    known to rest."""
    turn = Turn(deepcopy(site.state), site.knowledge, at_ms)
    turn.state.rest_ms = 0
    power.settle(turn)
    return [e for e in turn.entries if e.type != "SitePowerSampled"]


def check_rest(site: Site, dice: Random) -> int:
    """Look at some instants before the one that the rules name, and at the last of them. The length of the rest."""
    until_ms = site.state.look_ms
    gap_ms = until_ms - site.now_ms
    for at_ms in {until_ms - 1, *(site.now_ms + dice.randrange(max(1, gap_ms)) for _ in range(4))}:
        if at_ms - site.now_ms >= TICK_MS:
            assert look(site, at_ms) == [], f"{at_ms - site.now_ms} ms after the last input"
    if resting.rests(Turn(site.state, site.knowledge, site.now_ms), site.facility.power):
        assert look(site, site.now_ms) == [], "what came disturbs no rest, they said"
    return gap_ms


def step(site: Site, dice: Random, charging: dict[int, int]) -> None:
    """Something happens at one of the chargers, or a limit is answered."""
    number = dice.randrange(1, 5)
    station_id = f"cs-{number}"
    waiting = site.unanswered()
    match dice.randrange(9):
        case 0:
            site.give(StationOpened(station_id, "2.0.1"))
        case 1 if dice.random() < 0.3:
            site.give(StationClosed(station_id, "cut"))
        case 2 if number not in charging:
            charge(site, number, transaction_id=f"tx-{number}")
            charging[number] = 0
        case 3 if number in charging:
            charging[number] += 1
            kind = "Ended" if charging[number] > 4 else "Updated"
            taken_w = dice.choice((0, 3_000, 11_000, 40_000))
            details = {"transaction_id": f"tx-{number}", "power_w": taken_w, "register_wh": 1_000 * charging[number]}
            site.transaction(station_id, kind, charging[number], **details)
            if kind == "Ended":
                del charging[number]
        case 4 if site.facility.power.building is not None:
            site.give(LoadMetered(dice.choice((5_000, 30_000, 55_000))))
        case _ if waiting:
            for limit in waiting:
                site.reply(limit, dice.choice(("ACCEPTED", "ACCEPTED", "ACCEPTED", "REJECTED", "UNKNOWN")))


@pytest.mark.parametrize(
    "settings", [{}, {"peaks": (PEAK,)}, {"building": BUILDING}], ids=["plain", "peak", "building"]
)
@pytest.mark.parametrize("seed", range(8))
def test_before_the_named_instant_a_look_would_do_nothing(seed: int, settings: dict[str, object]):
    dice = Random(seed)  # noqa: S311 - a story, not a secret
    site, charging = site_of((11_000, 22_000, 50_000, 50_000), 80_000, **settings), {}
    rests = []
    for _ in range(150):
        step(site, dice, charging)
        rests.append(check_rest(site, dice))
        site.wait(dice.choice((0, 1, 7, 40, 300)))
        rests.append(check_rest(site, dice))
    assert max(rests) > 60_000, "nothing was tested"


def test_a_site_at_rest_is_looked_at_only_when_a_sample_is_due():
    site = site_of((22_000, 22_000), 100_000)
    site.connect("cs-1", "cs-2")
    site.wait(20)
    assert rules.deadline(site.state, site.knowledge) == site.state.sampled_ms + SAMPLE_S * SECOND_MS


def test_a_car_that_gets_less_than_it_wants_is_looked_at_every_ten_seconds():
    site = site_of((150_000, 150_000), 200_000)
    site.connect("cs-1", "cs-2")
    for number in (1, 2):
        charge(site, number)
        site.accept_limits()
    assert site.state.look_ms == site.now_ms + TICK_MS


def test_a_lease_is_renewed_at_the_very_instant_that_was_named():
    site = site_of((150_000, 150_000), 200_000, renew_s=100)
    site.connect("cs-1", "cs-2")
    charge(site, 1)
    site.accept_limits()
    site.wait(20)
    leases = [site.state.promise(name, 1).accepted for name in ("cs-1", "cs-2")]
    assert site.state.look_ms == min(x.from_ms for x in leases if x is not None) + 100 * SECOND_MS
    site.now_ms = site.state.look_ms
    assert {e.type for e in look(site, site.now_ms)} == {"LimitSent"}


def test_limits_begin_to_come_down_at_the_very_instant_that_a_peak_window_asks_for():
    site = site_of((22_000, 22_000), 100_000, peaks=(PEAK,), renew_s=3_000, lease_s=7_200)
    site.connect("cs-1", "cs-2")
    charge(site, 1)
    site.accept_limits()
    power_settings = site.facility.power
    down_ms = budget(site.state, site.facility, site.now_ms).falls_ms(site.now_ms)[0] - ahead_ms(power_settings)
    site.now_ms = down_ms - TICK_MS
    site.give(Learned())
    site.accept_limits()
    site.now_ms += 6_000
    site.give(Learned())
    assert site.state.look_ms == down_ms


def test_a_new_configuration_at_rest_is_looked_at_within_ten_seconds():
    site = site_of((22_000, 22_000), 100_000)
    site.connect("cs-1", "cs-2")
    site.wait(20)
    site.facility = with_power(site.facility, sample_s=SAMPLE_S, budget_w=30_000)
    site.give(Learned())
    site.wait(10)
    assert [x.limit_w for x in site.unanswered()] == [15_000, 15_000]
