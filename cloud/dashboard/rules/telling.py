"""Events and charges in the words of people: who did what, where, and what it means for them."""

from dataclasses import dataclass

from cloud.dashboard.rules.overview import Concerns, FacilityNow, Presence, Tone
from cloud.dashboard.rules.words import count, moment, zone_name
from shared.events import (
    ChargingRefused,
    DaemonStarted,
    DataLost,
    DataRecovered,
    EntryAbandoned,
    EntryRefused,
    Event,
    ExitRefused,
    LaneFaulted,
    LaneOpened,
    LaneReleased,
    LaneRestored,
    PaymentTaken,
    StationConnected,
    StationDisconnected,
    TailgateDetected,
    TransactionEnded,
    TransactionStarted,
    VehicleEntered,
    VehicleExited,
)
from shared.money import format_usd

TOLD = (
    VehicleEntered,
    VehicleExited,
    EntryRefused,
    ExitRefused,
    EntryAbandoned,
    PaymentTaken,
    TransactionStarted,
    TransactionEnded,
    ChargingRefused,
    TailgateDetected,
    LaneFaulted,
    LaneRestored,
    LaneOpened,
    LaneReleased,
    StationConnected,
    StationDisconnected,
    DaemonStarted,
    DataRecovered,
    DataLost,
)
"""Meter readings, limits and grants are left out: they are many, and what they lead to is told."""

TOLD_TYPES: tuple[str, ...] = tuple(str(kind.model_fields["type"].default) for kind in TOLD)

REASONS = {
    "NO_CONFIGURATION": "the facility is not set up yet",
    "CLOSED": "closed",
    "LANE_OUT_OF_SERVICE": "the lane is closed",
    "NO_READ": "the plate was not read",
    "LOW_CONFIDENCE": "the plate was not clear",
    "BLOCKED": "blocked",
    "ALREADY_INSIDE": "already inside",
    "FULL": "full",
    "NO_TARIFF": "no prices are set",
    "NOT_INSIDE": "no open session",
    "NOT_PAID": "not paid",
}
FAULTS = {
    "STUCK_DOWN": "the arm does not rise",
    "STUCK_UP": "the arm does not come down",
    "LOOP_DEAD": "a loop is dead",
    "BARRIER_DEAD": "the barrier does not answer",
}
CLOSED_LOGS = {
    "DAMAGED": "its file was damaged",
    "COPY": "its file is a copy of an older one",
    "OUTRUN": "its file is older than what is held here",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of an event, a charge or a state of things."""

    text: str
    tone: Tone = Tone.CALM


def tell(event: Event) -> Told | None:
    """An event in words; None for one that is not worth telling."""
    return _tell_of_lanes(event) or _tell_of_charging(event) or _tell_of_equipment(event) or _tell_of_the_box(event)


def _tell_of_lanes(event: Event) -> Told | None:
    match event:
        case VehicleEntered():
            return Told(f"{_car(event.plate)} entered by {event.lane_id}, {event.right.kind.lower()}")
        case VehicleExited():
            price = f", {format_usd(event.quoted_cents)}" if event.quoted_cents else ", nothing to pay"
            return Told(f"{_car(event.plate)} left by {event.lane_id}{price}")
        case EntryRefused():
            return Told(f"{_car(event.plate)} not let in at {event.lane_id}: {_reason(event.reason)}", Tone.ATTENTION)
        case ExitRefused():
            due = f", {format_usd(event.due_cents)} due" if event.due_cents else ""
            reason = _reason(event.reason)
            return Told(f"{_car(event.plate)} not let out at {event.lane_id}: {reason}{due}", Tone.ATTENTION)
        case EntryAbandoned():
            return Told(f"{_car(event.plate)} turned back at {event.lane_id}")
        case PaymentTaken():
            return Told(f"{format_usd(event.amount_cents)} paid {_method(event.method)} at {event.taken_by}")
    return None


def _tell_of_charging(event: Event) -> Told | None:
    match event:
        case TransactionStarted():
            return Told(f"Charging began at {_outlet(event.station_id, event.evse_id)}")
        case TransactionEnded():
            outlet = _outlet(event.station_id, event.evse_id)
            return Told(f"Charging ended at {outlet}, {event.energy_wh / 1000:.1f} kWh")
        case ChargingRefused():
            return Told(f"{event.station_id} refused to charge: {event.reason}", Tone.ATTENTION)
    return None


def _tell_of_equipment(event: Event) -> Told | None:
    match event:
        case TailgateDetected(opened_by=str(by)) if by:
            return Told(f"A car went through {event.lane_id}, opened by {by}: count the cars", Tone.ATTENTION)
        case TailgateDetected():
            return Told(f"A car went through {event.lane_id} without a grant: count the cars", Tone.ATTENTION)
        case LaneOpened(held=held):
            return Told(f"{event.by} {'holds' if held else 'opened'} {event.lane_id}{' open' if held else ''}")
        case LaneReleased():
            return Told(f"{event.by} let {event.lane_id} come down again")
        case LaneFaulted():
            return Told(f"{event.lane_id} is out of order: {FAULTS.get(event.fault, event.fault)}", Tone.ALARM)
        case LaneRestored():
            return Told(f"{event.lane_id} works again")
        case StationConnected():
            return Told(f"Charging station {event.station_id} connected")
        case StationDisconnected():
            return Told(f"Charging station {event.station_id} lost its connection", Tone.ATTENTION)
    return None


def _tell_of_the_box(event: Event) -> Told | None:
    match event:
        case DaemonStarted():
            return Told(f"The facility's computer started, version {event.version}")
        case DataRecovered():
            kept = f"; the damaged file is kept as {event.set_aside}" if event.set_aside else ""
            why = CLOSED_LOGS.get(event.reason, event.reason)
            return Told(f"The facility's computer began a new log: {why}. It had {event.source}{kept}", Tone.ALARM)
        case DataLost():
            upto = f"to {event.upto}" if event.upto else "onwards"
            lost = f"Entries {event.after + 1} {upto} of log {event.former_log_id} are not known on site"
            return Told(f"{lost}: count the cars", Tone.ALARM)
    return None


def _car(plate: str) -> str:
    return plate or "A car without a plate"


def _reason(name: str) -> str:
    return REASONS.get(name, name)


def _method(name: str) -> str:
    return {"CASH": "in cash", "CARD": "by card"}.get(name, f"by {name.lower()}")


def _outlet(station_id: str, evse_id: int) -> str:
    """Most stations have one outlet; then its number says nothing."""
    return station_id if evse_id == 1 else f"{station_id}, outlet {evse_id}"


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a charge stands: its own status, that of its newest payment (with the gateway's words) and of its receipt;
    None where there is none."""

    status: str
    total_cents: int
    payment: str | None = None
    payment_kind: str | None = None
    message: str | None = None
    receipt: str | None = None


def tell_settlement(now: Settlement) -> Told:
    """A charge in words: whether it is paid, how, and whether the customer holds the receipt."""
    if now.status != "PAID":
        if now.payment in ("PENDING", "SUBMITTED"):
            return Told("being collected")
        if now.payment == "DECLINED":
            return Told(f"card declined{f': {now.message}' if now.message else ''}", Tone.ATTENTION)
        return Told("open", Tone.ATTENTION)
    paid = "paid on site" if (now.payment_kind or "").startswith("SITE") else "paid"
    if not now.total_cents:
        paid = "nothing to pay"
    match now.receipt:
        case "SENT":
            return Told(f"{paid}, receipt sent")
        case "PENDING":
            return Told(f"{paid}, receipt on its way")
        case "FAILED" if now.payment_kind == "CARD_ON_FILE":
            return Told(f"{paid}, receipt not delivered", Tone.ATTENTION)
    return Told(paid)


def tell_concerns(facilities: tuple[FacilityNow, ...], concerns: Concerns, *, now_ms: int) -> tuple[Told, ...]:
    """What needs a person, the worst first, each with what to do or what is safe meanwhile. Empty: all is well.

    Says instants, not ages: it is read aloud when it changes, so it must not change every second."""
    over = [f for f in facilities if f.watts and f.watts.worst_case_w > f.watts.budget_w]
    found = [Told(f"{f.name} may draw more than its budget: lower its chargers now.", Tone.ALARM) for f in over]
    for facility in facilities:
        if facility.contested:
            text = f"Two boxes say that they are {facility.name}: the first is kept, the second refused."
            what = f"Switch one off; if the wrong one was kept, see /api/v1/facilities/{facility.facility_id}/box."
            found.append(Told(f"{text} {what}", Tone.ALARM))
    for facility in facilities:
        if facility.presence is Presence.AWAY and facility.heard_at_ms is not None:
            heard = moment(facility.heard_at_ms, facility.zone, now_ms=now_ms)
            heard = f"{heard} {zone_name(facility.heard_at_ms, facility.zone)}"
            text = f"{facility.name} is away, last heard at {heard}. Its gates and chargers go on without us;"
            found.append(Told(f"{text} what happens there arrives when it is back.", Tone.ATTENTION))
    if concerns.parked_events:
        number = count(concerns.parked_events, "event", "events")
        found.append(Told(f"{number} could not be taken in. Nothing is lost; see /api/v1/link/parked.", Tone.ATTENTION))
    if concerns.discrepancies:
        number = count(concerns.discrepancies, "amount", "amounts")
        text = f"{number} did not come out as expected: see /api/v1/discrepancies."
        found.append(Told(text, Tone.ATTENTION))
    return tuple(found)
