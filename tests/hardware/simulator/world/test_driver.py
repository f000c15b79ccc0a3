"""What a driver does, told by what the lane showed. The facility is a script; the real parts are in test_site.py."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from hardware.simulator.device import Behaviour
from hardware.simulator.journal import Journal
from hardware.simulator.lane import Car, Outcome, Passage, Reaction
from hardware.simulator.memory import Memory
from hardware.simulator.population import Reading, Visit
from hardware.simulator.stations import Login, SimulatedStation
from hardware.simulator.world import driver as drivers
from hardware.simulator.world.driver import Driver, battery_of, space_shown, visit_of
from hardware.simulator.world.pay_machine import Paid
from shared.clock import MINUTE_MS, Clock, Timeline
from shared.facilities import ChargerLevel, ConnectorType, Evse, LaneDirection, Size, Station
from shared.rights import RightKind

pytestmark = pytest.mark.anyio

NOW_MS = 1_773_054_000_000
ENTRY, EXIT = LaneDirection.ENTRY, LaneDirection.EXIT
WELCOME = (Outcome.PASSED, ("WELCOME", "ABC00001", "LEVEL 1 AISLE A", "SPACE 1a-01"))
TO_CHARGER = (Outcome.PASSED, ("WELCOME", "ABC00001", "LEVEL 1 AISLE E", "SPACE ev-01"))
GOODBYE = (Outcome.PASSED, ("GOODBYE",))
MUST_PAY = (Outcome.REFUSED, ("PLEASE PAY AT", "THE MACHINE", "$4.00"))
DEAD = (Outcome.UNANSWERED, ())


def visit(**changes: Any) -> Visit:
    plan: dict[str, Any] = {
        "visit_id": "v1",
        "facility_id": "boston-downtown",
        "plate": "ABC00001",
        "is_ev": False,
        "size": Size.STANDARD,
        "kind": RightKind.ACCOUNT,
        "id_token": "04AB",
        "arrives_at_ms": NOW_MS,
        "stay_ms": 10 * MINUTE_MS,
    }
    return Visit(**plan | changes)


class Script:
    """A facility that shows what it is told to, and remembers who did what."""

    def __init__(self, *shows: tuple[Outcome, tuple[str, ...]], pays: tuple[Paid, ...] = (Paid.PAID,)) -> None:
        self.clock = Clock(Timeline(time.time(), NOW_MS, 60_000.0), time.time)
        self.did: list[str] = []
        self.journal: list[str | None] = []
        self.cars: list[Car] = []
        self.station: SimulatedStation | None = None
        self._shows, self._pays = list(shows), list(pays)

    async def drive(self, direction: LaneDirection, car: Car, on_refusal: Reaction | None) -> Passage:
        self.did.append(direction)
        self.cars.append(car)
        outcome, shown = self._shows.pop(0)
        if outcome is Outcome.REFUSED and on_refusal is not None and await on_refusal(shown):
            outcome, shown = self._shows.pop(0)
        return Passage(outcome, 0, 0, None, shown)

    def outlet_at(self, space_id: str) -> tuple[SimulatedStation, int] | None:
        return (self.station, 1) if self.station is not None and space_id == "ev-01" else None

    async def pay(self, plate: str, reference: str) -> Paid:
        self.did.append(f"pay {plate}")
        return self._pays.pop(0) if len(self._pays) > 1 else self._pays[0]

    def journalise(self, visit_id: str, state: dict[str, Any] | None) -> None:
        self.journal.append(state and state["stage"])


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "RETRY_REAL_S_MIN", 0.001)


async def test_an_account_driver_parks_stays_and_leaves_without_paying_on_site() -> None:
    place = Script(WELCOME, GOODBYE)
    began_ms = place.clock.now_ms()
    await Driver(visit(), place).live()
    assert place.did == [ENTRY, EXIT]
    assert place.journal == ["ARRIVING", "PARKED", "LEAVING", None]
    assert place.clock.now_ms() - began_ms >= 10 * MINUTE_MS


async def test_a_ticket_driver_pays_at_the_machine_before_driving_out() -> None:
    place = Script(WELCOME, GOODBYE)
    await Driver(visit(kind=RightKind.TICKET), place).live()
    assert place.did == [ENTRY, "pay ABC00001", EXIT]


async def test_a_pay_machine_out_of_order_is_asked_again() -> None:
    place = Script(WELCOME, GOODBYE, pays=(Paid.OUT_OF_ORDER, Paid.OUT_OF_ORDER, Paid.PAID))
    await Driver(visit(kind=RightKind.TICKET), place).live()
    assert place.did.count("pay ABC00001") == 3


async def test_a_driver_told_to_pay_at_the_exit_pays_there_and_drives_on() -> None:
    place = Script(WELCOME, MUST_PAY, GOODBYE)
    await Driver(visit(), place).live()
    assert place.did == [ENTRY, EXIT, "pay ABC00001"]


async def test_a_full_car_park_is_not_tried_again() -> None:
    place = Script((Outcome.REFUSED, ("FULL",)))
    await Driver(visit(), place).live()
    assert place.did == [ENTRY]
    assert place.journal == ["ARRIVING", None]


async def test_a_dead_gate_is_waited_for() -> None:
    place = Script(DEAD, DEAD, WELCOME, DEAD, GOODBYE)
    await Driver(visit(), place).live()
    assert place.did == [ENTRY, ENTRY, ENTRY, EXIT, EXIT]


async def test_a_gate_that_stays_dead_is_given_up() -> None:
    place = Script(*[DEAD] * drivers.ENTRY_TRIES)
    await Driver(visit(), place).live()
    assert place.journal[-1] is None


async def test_a_driver_refused_for_another_reason_asks_for_help_and_then_goes() -> None:
    place = Script(*[(Outcome.REFUSED, ("NO ENTRY", "PRESS FOR HELP"))] * drivers.REFUSALS_MAX)
    await Driver(visit(), place).live()
    assert place.did == [ENTRY] * drivers.REFUSALS_MAX


async def test_a_plate_badly_read_at_first_sight_is_read_well_at_the_second() -> None:
    place = Script(WELCOME, GOODBYE)
    await Driver(visit(entry_reading=Reading.UNREAD, exit_reading=Reading.UNCLEAR), place).live()
    entry, leaving = place.cars
    assert [(r.plate, r.confidence_pct) for r in entry.readings] == [("", 0), ("ABC00001", 96)]
    assert [(r.plate, r.confidence_pct) for r in leaving.readings] == [("ABC00001", 45), ("ABC00001", 96)]


async def test_after_a_restart_a_parked_car_stays_as_long_as_was_planned() -> None:
    place = Script(GOODBYE)
    until_ms = place.clock.now_ms() + 5 * MINUTE_MS
    kept = {"stage": "PARKED", "space_id": "1a-01", "leaves_at_ms": until_ms}
    await Driver(visit(), place, kept).live()
    assert place.did == [EXIT]
    assert place.clock.now_ms() >= until_ms


async def test_a_car_that_drove_in_while_the_world_stopped_is_parked() -> None:
    place = Script((Outcome.REFUSED, ("ALREADY INSIDE", "PRESS FOR HELP")), GOODBYE)
    await Driver(visit(), place, {"stage": "ARRIVING", "space_id": "", "leaves_at_ms": 0}).live()
    assert place.journal == ["ARRIVING", "PARKED", "LEAVING", None]


async def test_a_car_that_drove_out_while_the_world_stopped_is_gone() -> None:
    place = Script((Outcome.REFUSED, ("NO TICKET FOUND", "PRESS FOR HELP")))
    await Driver(visit(), place, {"stage": "LEAVING", "space_id": "", "leaves_at_ms": 0}).live()
    assert place.journal == ["LEAVING", None]


def station(place: Script, folder: Path) -> SimulatedStation:
    evse = Evse(evse_id=1, space_id="ev-01", connector=ConnectorType.TYPE1, rating_w=7_200, minimum_w=1_440)
    doc = Station(station_id="l2-01", level=ChargerLevel.LEVEL2, evses=(evse,), password_salt="", password_sha256="")
    memory = Memory(Journal(folder / "j.jsonl"), "station/l2-01")
    return SimulatedStation(doc, Login("ws://127.0.0.1:1", "x"), place.clock, memory, Behaviour.OBEYS)


EV = visit(is_ev=True, energy_wh=8_000, battery_wh=60_000, max_power_w=100_000)


async def test_an_ev_sent_to_a_charger_charges_and_is_unplugged_before_it_leaves(tmp_path: Path) -> None:
    place = Script(TO_CHARGER, GOODBYE)
    place.station = station(place, tmp_path)
    await Driver(EV, place).live()
    told = [m["event_type"] for _, m in place.station.device.outbox]
    assert (told[0], told[-1]) == ("Started", "Ended")
    assert place.station.device.outlets[1].car is None
    assert place.did == [ENTRY, EXIT]


async def test_an_ev_sent_to_a_regular_space_does_not_charge(tmp_path: Path) -> None:
    place = Script(WELCOME, GOODBYE)
    place.station = station(place, tmp_path)
    await Driver(EV, place).live()
    assert list(place.station.device.outbox) == []


async def test_a_charger_that_another_car_stands_at_is_left_alone(tmp_path: Path) -> None:
    place = Script(TO_CHARGER, GOODBYE)
    place.station = station(place, tmp_path)
    other = battery_of(visit(plate="XYZ00009", battery_wh=60_000, energy_wh=5_000, max_power_w=50_000))
    place.station.plug_in(1, other)
    await Driver(EV, place).live()
    assert place.station.device.outlets[1].car is not None
    assert place.station.device.outlets[1].car.owner == "XYZ00009"


async def test_after_a_restart_a_car_at_the_plug_is_not_plugged_in_again(tmp_path: Path) -> None:
    place = Script(GOODBYE)
    place.station = station(place, tmp_path)
    place.station.plug_in(1, battery_of(EV))
    await place.station.authorize(1, "04AB")
    kept = {"stage": "PARKED", "space_id": "ev-01", "leaves_at_ms": place.clock.now_ms() + MINUTE_MS}
    await Driver(EV, place, kept).live()
    assert [m["event_type"] for _, m in place.station.device.outbox][:1] == ["Started"]
    assert place.station.device.outlets[1].car is None


def test_the_battery_is_as_empty_as_what_its_driver_wants() -> None:
    battery = battery_of(EV)
    assert (battery.stored_wh, battery.wanted_wh) == (46_000, 54_000)


def test_the_space_is_the_word_after_space() -> None:
    assert space_shown(WELCOME[1]) == "1a-01"
    assert space_shown(("WELCOME",)) == ""


def test_a_visit_comes_out_of_the_journal_as_it_went_in() -> None:
    assert visit_of(asdict(EV)) == EV
