"""A box that begins a log, perhaps seconds after another one died: what that had promised is unknown, and counts."""

from collections.abc import Sequence

import pytest

from edge.rules import books
from edge.rules import facility as rules
from edge.rules.clock_inputs import ClockRead, TakeClock, TimeTold
from edge.rules.inputs import Matches, Started, StationClosed, StationOpened
from shared.events import DataLost, DataRecovered, entry
from shared.facilities import Facility
from tests.builders import facility, right
from tests.edge.rules.chargers import Profiles
from tests.edge.rules.site import Site
from tests.edge.rules.test_power import charge, limits

BUDGET_W = 200_000
TWO = facility(150_000, 150_000, budget_w=BUDGET_W)
THREE = facility(150_000, 150_000, 150_000, budget_w=BUDGET_W)
LEASE_S = TWO.power.lease_s + TWO.power.drift_s
"""By then every lift of another box has ended."""


class Plant:
    """The stations, which outlive boxes: each holds what it accepted last, with a car that takes all that it may."""

    def __init__(self, layout: Facility) -> None:
        self.layout = layout
        self.held = {s.station_id: Profiles() for s in layout.stations}
        self.most_w = 0

    def accept(self, box: Site, only: Sequence[str] = ()) -> None:
        """Stations answer what this box sends them, and what follows from that."""
        for _ in range(50):
            waiting = [x for x in box.unanswered() if not only or x.station_id in only]
            if not waiting:
                return
            for limit in waiting:
                self.held[limit.station_id].install(limit)
                self.look(box)
                box.reply(limit, "ACCEPTED")
        raise AssertionError("limits follow from limits without end")

    def look(self, box: Site) -> None:
        held_w = [x.limit_w(box.now_ms) or 0 for x in self.held.values()]
        self.most_w = max(self.most_w, sum(held_w))

    def live(self, box: Site, seconds: int) -> None:
        for _ in range(seconds):
            box.wait(1)
            self.accept(box)
            self.look(box)


def old_box(plant: Plant) -> Site:
    """cs-1 charges at 150 kW because the others are held; fallbacks of two are 100 kW each."""
    box = Site(plant.layout)
    for name in plant.held:
        box.give(StationOpened(name, "2.0.1"))
    plant.accept(box)
    charge(box, 1)
    plant.accept(box)
    assert limits(box)["cs-1"] == 150_000
    return box


def new_box(old: Site, *, away_s: int = 5) -> Site:
    box = Site(old.facility, now_ms=old.now_ms + away_s * 1_000)
    box.give(Started("test", clock_known=False))
    return box


def box_with_a_copy(old: Site, copied_after: int) -> Site:
    """As ``edge/recovery.py`` leaves it: the state of a former log, and a new log that says so."""
    state = rules.new_state("old-log")
    for n, (event, at_ms) in enumerate(zip(old.events, old.event_times, strict=True), 1):
        if n <= copied_after:
            rules.apply(state, entry(n, at_ms, event))
    state.head, state.log_id = 0, "new-log"
    now_ms = old.now_ms + 5_000
    recovered = DataRecovered(former_log_id="old-log", reason="COPY", source="a copy", upto=copied_after)
    for n, told in enumerate((recovered, DataLost(former_log_id="old-log", after=copied_after, upto=None)), 1):
        rules.apply(state, entry(n, now_ms, told))
    box = Site(TWO, now_ms=now_ms, state=state)
    box.give(Started("test", clock_known=True))
    return box


def meet(box: Site, *names: str) -> None:
    for name in names:
        box.give(StationOpened(name, "2.0.1"))
        box.give(TimeTold(name))


def start(box: Site, number: int, transaction_id: str = "tx") -> object:
    """A car that comes to a station asks to charge."""
    holder = right(f"car{number}", f"CAR{number}")
    box.drive_through("in-1", f"CAR{number}", holder)
    told = {"id_token": f"TOKEN-car{number}", "matches": Matches(rights=(holder,)), "charging_state": "Charging"}
    answer = box.transaction(f"cs-{number}", "Started", 0, transaction_id=transaction_id, **told)
    return getattr(answer, "status", None)


def test_what_another_box_lent_to_a_station_that_is_away_is_left_to_it():
    plant = Plant(TWO)
    box = new_box(old_box(plant))
    meet(box, "cs-2")
    plant.accept(box)
    assert start(box, 2) == "Accepted"
    plant.live(box, 200)
    assert limits(box) == {"cs-2": 50_000}, "cs-1 may have 150 kW"
    assert plant.most_w <= BUDGET_W
    plant.live(box, LEASE_S)
    assert limits(box) == {"cs-2": 100_000}, "cs-1 has come back to its fallback, and cs-2 to its own"
    assert plant.most_w <= BUDGET_W


def test_the_plant_shows_what_a_box_would_do_that_takes_strangers_to_rest_at_their_fallbacks_at_once(monkeypatch):
    monkeypatch.setattr(books, "inherited", lambda *_given, **_named: None)
    plant = Plant(THREE)
    box = new_box(old_box(plant))
    meet(box, "cs-2", "cs-3")
    plant.accept(box)
    start(box, 2)
    plant.live(box, 60)
    assert plant.most_w > BUDGET_W


def test_at_three_stations_one_is_not_lifted_by_what_another_box_may_have_lent_the_one_that_is_away():
    plant = Plant(THREE)
    box = new_box(old_box(plant))
    meet(box, "cs-2", "cs-3")
    plant.accept(box)
    assert start(box, 2) == "Accepted"
    plant.live(box, 60)
    assert limits(box) == {"cs-2": 50_000, "cs-3": 0}
    plant.live(box, 2 * LEASE_S)
    assert limits(box)["cs-2"] > 100_000
    assert plant.most_w <= BUDGET_W


def test_a_box_whose_stations_are_all_there_serves_after_a_few_answers():
    plant = Plant(TWO)
    box = new_box(old_box(plant))
    meet(box, "cs-1", "cs-2")
    plant.accept(box)
    assert start(box, 2) == "Accepted"
    plant.accept(box)
    assert limits(box) == {"cs-1": 0, "cs-2": 150_000}
    assert plant.most_w <= BUDGET_W


def test_at_a_site_where_little_fits_all_that_are_there_are_stopped_first():
    box = Site(facility(*[150_000] * 4, budget_w=400_000))
    box.give(Started("test", clock_known=False))
    meet(box, "cs-1", "cs-2")
    box.accept_limits()
    assert limits(box) == {"cs-1": 0, "cs-2": 0}, "the others may have all of it, however little fits their fallbacks"
    meet(box, "cs-3", "cs-4")
    box.accept_limits()
    assert set(limits(box).values()) == {100_000}


def test_no_car_starts_where_another_box_may_have_left_a_lease():
    box = Site(TWO)
    box.give(Started("test", clock_known=False))
    box.give(StationOpened("cs-1", "2.0.1"))
    box.accept_limits()
    assert box.state.promises["cs-1/1"].fallback_w == 100_000
    assert start(box, 1) != "Accepted", "it was not told the time, so no lease can replace what it may have"
    box.wait(LEASE_S + 1)
    assert start(box, 1, "tx-2") == "Accepted"


def test_a_station_that_drops_off_before_it_confirmed_anything_keeps_the_fallback_of_the_other_box():
    plant = Plant(TWO)
    box = new_box(old_box(plant))
    meet(box, "cs-1")
    box.give(StationClosed("cs-1", "cut"))
    meet(box, "cs-2")
    plant.accept(box, ["cs-2"])
    start(box, 2)
    plant.live(box, 2 * LEASE_S)
    assert limits(box)["cs-2"] == 100_000
    assert plant.most_w <= BUDGET_W


@pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
def test_a_box_with_a_copy_takes_nothing_that_the_copy_says_for_what_is_in_force(share):
    plant = Plant(TWO)
    old = old_box(plant)
    plant.live(old, 30)
    box = box_with_a_copy(old, round(len(old.events) * share))
    meet(box, "cs-2")
    plant.accept(box)
    plant.live(box, 200)
    assert limits(box).get("cs-2", 0) <= 50_000
    meet(box, "cs-1")
    plant.live(box, 2 * LEASE_S)
    assert plant.most_w <= BUDGET_W


def test_the_clock_is_not_followed_while_another_boxs_leases_may_lean_on_it():
    box = Site(TWO)
    box.give(Started("test", clock_known=False))
    box.give(ClockRead(3_600_000))
    box.wait(LEASE_S - 1)
    assert TakeClock() not in box.setpoints
    box.wait(12)
    assert TakeClock() in box.setpoints


def test_a_box_that_is_switched_off_while_it_does_not_know_yet_begins_to_wait_anew():
    box = Site(TWO)
    box.give(Started("test", clock_known=False))
    meet(box, "cs-2")
    box.accept_limits()
    box.wait(200)
    box.accept_limits()
    box.give(Started("test", clock_known=False))
    meet(box, "cs-2")
    box.accept_limits()
    box.wait(200)
    box.accept_limits()
    assert limits(box)["cs-2"] <= 50_000


def test_a_box_that_goes_on_with_its_own_log_knows_what_it_promised():
    plant = Plant(TWO)
    box = old_box(plant)
    box.give(Started("test", clock_known=True))
    assert box.state.begun_ms is None
