"""What happens between the two lanes: parking, charging, paying at the machine."""

from collections.abc import Generator

from edge.rules.inputs import CommandGiven, Due, PaymentOffered, QuoteAsked
from provisioning.simulation.box import LOST
from provisioning.simulation.crossing import Steps, drive_through
from provisioning.simulation.people import Person
from provisioning.simulation.site import Site
from provisioning.simulation.universe import Universe
from shared.commands import OpenGate
from shared.facilities import LaneDirection

TRIES_MAX = 200
RINGS_AFTER = 6
"""So many vain tries, and a driver rings for somebody: the box does not know of a car that came before it did."""
MINUTE_MS = 60_000


def enter(universe: Universe, site: Site, person: Person) -> Generator[int, None, str | None]:
    """Drive in. The space that the display named, ``""`` when it named none; None when not let in."""
    lane = universe.random.choice(site.lanes(LaneDirection.ENTRY))
    through = yield from drive_through(universe, lane, person.plate)
    named = [line.removeprefix("SPACE ") for line in lane.text if line.startswith("SPACE ")]
    return (named[0] if named else space_of(site, person)) if through else None


def space_of(site: Site, person: Person) -> str:
    """Where the car stands by the facility's own account."""
    session = site.box.state.sessions.get(site.box.state.session_of_plate.get(person.plate, ""))
    return session.space_id if session else ""


def pay(universe: Universe, site: Site, person: Person) -> Generator[int, None, None]:
    """Ask the machine and put money in, again with the same number when it died before it answered."""
    for attempt in range(TRIES_MAX):
        due = site.box.give(QuoteAsked(plate=person.plate))
        if due is LOST:
            yield MINUTE_MS
            continue
        if not isinstance(due, Due) or due.session_id is None or due.problem or not due.due_cents:
            return
        yield universe.between(5_000, 60_000)
        method = universe.random.choice(("CASH", "CARD"))
        reference = f"{person.plate}-{universe.now_ms}-{attempt}"
        offered = PaymentOffered(due.session_id, due.due_cents, method, reference, "machine-1", due.priced_until_ms)  # type: ignore[arg-type]
        told = site.box.give(offered)
        while told is LOST:
            yield MINUTE_MS
            told = site.box.give(offered)
        return


def charge(universe: Universe, site: Site, person: Person, space_id: str, stay_ms: int) -> Generator[int, None, None]:
    """Plug in, if there is a charger, for the length of the stay."""
    left_ms = stay_ms
    station = site.station_at(space_id)
    plugged = False
    if station is not None:
        yield 2 * MINUTE_MS
        need_wh = universe.between(3_000, 60_000)
        car_w = universe.random.choice((3_700, 7_400, 11_000, 50_000))
        plugged = station.plug_in(person.token, car_w, need_wh)
    while left_ms > 0:
        step_ms = min(left_ms, site.settings.power.meter_interval_s * 1_000)
        yield step_ms
        left_ms -= step_ms
        if plugged and station is not None:
            station.meter()
    if plugged and station is not None:
        station.unplug()
        yield universe.between(30_000, 5 * MINUTE_MS)


def open_by_hand(universe: Universe, site: Site, lane_id: str) -> None:
    """Somebody at the desk of the facility has the arm raised."""
    command_id = f"desk-{site.facility_id}-{lane_id}-{universe.now_ms}"
    site.command(CommandGiven(command_id, OpenGate(lane_id=lane_id), by="desk", within_ms=MINUTE_MS, until_real_ms=0))


def leave(universe: Universe, site: Site, person: Person) -> Steps:
    """Drive out, paying on the way if the lane asks for it, as often as it takes; at last with the help of the desk."""
    for attempt in range(TRIES_MAX):
        lane = universe.random.choice(site.lanes(LaneDirection.EXIT))
        if attempt >= RINGS_AFTER:
            universe.after(universe.between(5_000, 60_000), open_by_hand, universe, site, lane.lane_id)
        through = yield from drive_through(universe, lane, person.plate)
        if through:
            return True
        yield from pay(universe, site, person)
        yield universe.between(MINUTE_MS, 10 * MINUTE_MS)
    return False
