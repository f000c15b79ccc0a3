"""What a lane does with the plate in front of it: let it through or say why not. Reads the state, changes nothing."""

from dataclasses import dataclass

from edge.rules import access, payment
from edge.rules.access import TEXTS, Admission, Inside, Refusal
from edge.rules.lane import Trigger
from edge.rules.state import ExitGrant, ParkingSession, Reading
from edge.rules.turn import Turn
from shared.events import EntryGranted, EntryRefused, Event, ExitGranted, ExitRefused
from shared.facilities import Facility, LaneDirection
from shared.money import format_usd
from shared.rating import NoTariff
from shared.rights import RightKind
from shared.tariffs import tariff_for


@dataclass(frozen=True, slots=True)
class Verdict:
    """``trigger`` moves the lane, ``event`` is what to book, ``lines`` what to show the driver."""

    trigger: Trigger
    event: Event
    lines: tuple[str, ...]
    reason: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """Which session was refused its exit, and what is still to pay if that is why."""

    session_id: str
    due_cents: int | None


def at_entry(turn: Turn, facility: Facility, lane_id: str, reading: Reading) -> Verdict:
    """Judge a well-read plate at an entry lane."""
    state = turn.state
    granted = [x.grant.plate for x in state.lanes.values() if x.grant is not None]
    inside = Inside(
        plates=state.session_of_plate.keys() | set(granted), spaces=state.session_of_space.keys() | state.held_spaces
    )
    found = access.admit(facility, reading.plate, reading.matches, inside, turn.now_ms)
    if isinstance(found, Admission) and not _priced(turn, facility, found):
        found = Refusal.NO_TARIFF
    if not isinstance(found, Admission):
        return refuse(turn, lane_id, reading.plate, found)
    event = EntryGranted(
        lane_id=lane_id,
        plate=reading.plate,
        right=found.right,
        space_id=found.space.space_id,
        space_kind=found.space.kind,
        is_ev=found.is_ev,
    )
    hello = "TAKE TICKET" if found.right.kind is RightKind.TICKET else "WELCOME"
    where = f"LEVEL {found.space.level} AISLE {found.space.aisle}"
    return Verdict(Trigger.GRANTED, event, (hello, reading.plate, where, f"SPACE {found.space.space_id}"))


def _priced(turn: Turn, facility: Facility, found: Admission) -> bool:
    """No car is let in that could not be priced on its way out."""
    tariff = tariff_for(
        turn.knowledge.tariffs,
        kind="PARKING",
        facility_id=facility.facility_id,
        space_kind=found.space.kind,
        at_ms=turn.now_ms,
    )
    return tariff is not None


def at_exit(turn: Turn, facility: Facility, lane_id: str, plate: str) -> Verdict:
    """Judge a plate at an exit lane: a ticket must be paid, everybody else has a pass or a card on file."""
    session = _session_inside(turn, plate)
    if session is None:
        return refuse(turn, lane_id, plate, Refusal.NOT_INSIDE)
    running = payment.running_charges(turn.state, session.session_id, turn.now_ms)
    if running and turn.state.lane(lane_id).reason != Refusal.STILL_CHARGING:
        # A car at the exit is not plugged in: word of its last transaction is on its way, so look again in a moment.
        return refuse(turn, lane_id, plate, Refusal.STILL_CHARGING, Owed(session.session_id, None))
    try:
        event = _exit_granted(turn, facility, lane_id, session)
    except NoTariff:
        return refuse(turn, lane_id, plate, Refusal.NO_TARIFF, Owed(session.session_id, None))
    due_cents = event.quoted_cents - session.paid_cents
    if session.right.kind is RightKind.TICKET and due_cents > 0:
        return refuse(turn, lane_id, plate, Refusal.NOT_PAID, Owed(session.session_id, due_cents))
    return Verdict(Trigger.GRANTED, event, ("GOODBYE", plate, format_usd(event.quoted_cents)))


def let_out(turn: Turn, facility: Facility, lane_id: str, plate: str) -> ExitGranted | None:
    """The grant for a car that a person lets out: its stay ends at the price of now, paid or not, and what is not paid
    stays owed. None when no session is known under the plate, or there is no price."""
    session = _session_inside(turn, plate)
    try:
        return None if session is None else _exit_granted(turn, facility, lane_id, session)
    except NoTariff:
        return None


def _session_inside(turn: Turn, plate: str) -> ParkingSession | None:
    """The session of a plate that no lane is letting out already."""
    session = turn.state.sessions.get(turn.state.session_of_plate.get(plate, ""))
    leaving = {x.grant.session_id for x in turn.state.lanes.values() if isinstance(x.grant, ExitGrant)}
    return None if session is None or session.session_id in leaving else session


def _exit_granted(turn: Turn, facility: Facility, lane_id: str, session: ParkingSession) -> ExitGranted:
    """The grant at the price of now. Raises NoTariff."""
    until_ms = payment.price_until_ms(session, facility, turn.now_ms)
    running = payment.running_charges(turn.state, session.session_id, until_ms)
    price = payment.quote(facility, turn.knowledge.tariffs, session, running, until_ms)
    return ExitGranted(
        session_id=session.session_id,
        lane_id=lane_id,
        plate=session.plate,
        quoted_cents=price.total_cents,
        tariff_versions=price.tariff_versions,
        priced_until_ms=until_ms,
        running=running,
    )


def refuse(turn: Turn, lane_id: str, plate: str, reason: Refusal, owed: Owed | None = None) -> Verdict:
    """The verdict that keeps the arm down, with the reason on the lane's display."""
    session_id, due_cents = (owed.session_id, owed.due_cents) if owed else (None, None)
    lane = turn.knowledge.facility.lane(lane_id) if turn.knowledge.facility else None
    amount = () if due_cents is None else (format_usd(due_cents),)
    event: Event
    if lane is not None and lane.direction is LaneDirection.EXIT:
        event = ExitRefused(lane_id=lane_id, plate=plate, reason=reason, session_id=session_id, due_cents=due_cents)
    else:
        event = EntryRefused(lane_id=lane_id, plate=plate, reason=reason)
    return Verdict(Trigger.REFUSED, event, (*TEXTS[reason], *amount), reason)
