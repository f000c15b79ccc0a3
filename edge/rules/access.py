"""Who may enter, in the order the gate asks (blocked, already inside, reservation, subscription, account, unknown
plate), and where the car goes. Pure choices over plain values."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from edge.rules.inputs import Matches
from shared.clock import to_local
from shared.facilities import Facility, FacilityStatus, Hours, Size, Space, SpaceKind
from shared.rights import TICKET_RIGHT, Right, RightKind, RightRef, Vehicle, reference


class Refusal(StrEnum):
    """Why a car is not let through. The texts for the lane's display are in ``TEXTS``."""

    NO_CONFIGURATION = "NO_CONFIGURATION"
    CLOSED = "CLOSED"
    LANE_OUT_OF_SERVICE = "LANE_OUT_OF_SERVICE"
    NO_READ = "NO_READ"
    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    BLOCKED = "BLOCKED"
    ALREADY_INSIDE = "ALREADY_INSIDE"
    FULL = "FULL"
    NO_TARIFF = "NO_TARIFF"
    NOT_INSIDE = "NOT_INSIDE"
    NOT_PAID = "NOT_PAID"
    STILL_CHARGING = "STILL_CHARGING"


TEXTS: dict[Refusal, tuple[str, ...]] = {
    Refusal.NO_CONFIGURATION: ("NOT YET OPEN",),
    Refusal.CLOSED: ("CLOSED",),
    Refusal.LANE_OUT_OF_SERVICE: ("LANE CLOSED", "USE ANOTHER LANE"),
    Refusal.NO_READ: ("PLATE NOT READ", "PRESS FOR HELP"),
    Refusal.LOW_CONFIDENCE: ("PLATE NOT CLEAR", "PRESS FOR HELP"),
    Refusal.BLOCKED: ("NO ENTRY", "PRESS FOR HELP"),
    Refusal.ALREADY_INSIDE: ("ALREADY INSIDE", "PRESS FOR HELP"),
    Refusal.FULL: ("FULL",),
    Refusal.NO_TARIFF: ("NO PRICES SET", "PRESS FOR HELP"),
    Refusal.NOT_INSIDE: ("NO TICKET FOUND", "PRESS FOR HELP"),
    Refusal.NOT_PAID: ("PLEASE PAY AT", "THE MACHINE"),
    Refusal.STILL_CHARGING: ("ONE MOMENT",),
}

_ORDER = (RightKind.RESERVATION, RightKind.SUBSCRIPTION, RightKind.ACCOUNT)


@dataclass(frozen=True, slots=True)
class Admission:
    right: RightRef
    space: Space
    is_ev: bool


def open_at(facility: Facility, now_ms: int) -> bool:
    """Whether the facility lets cars in: active and within its opening hours, which may run past midnight."""
    if facility.status is not FacilityStatus.ACTIVE:
        return False
    local = to_local(now_ms, facility.zone)
    return _within(facility.hours, local.strftime("%H:%M"), local.weekday())


def _within(hours: Hours, at: str, day: int) -> bool:
    if hours.opens == hours.closes:
        return day in hours.days
    if hours.opens < hours.closes:
        return day in hours.days and hours.opens <= at < hours.closes
    return (day in hours.days and at >= hours.opens) or ((day - 1) % 7 in hours.days and at < hours.closes)


def best_right(rights: Collection[Right], facility_id: str, now_ms: int) -> Right | None:
    """The valid right that comes first in the gate's order; of one kind, the one with the lowest id."""
    valid = [r for r in rights if r.valid_at(facility_id, now_ms) and r.kind in _ORDER]
    return min(valid, key=lambda r: (_ORDER.index(r.kind), r.right_id), default=None)


@dataclass(frozen=True, slots=True)
class Inside:
    """The plates that are inside or on their way in, and the spaces that are taken or held for them."""

    plates: Collection[str]
    spaces: Collection[str]


def admit(facility: Facility, plate: str, matches: Matches, inside: Inside, now_ms: int) -> Admission | Refusal:
    """Decide on a well-read plate at an entry lane."""
    if not open_at(facility, now_ms):
        return Refusal.CLOSED
    if matches.block is not None:
        return Refusal.BLOCKED
    if plate in inside.plates:
        return Refusal.ALREADY_INSIDE
    right = best_right(matches.rights, facility.facility_id, now_ms)
    vehicle = (right.vehicle(plate) if right else None) or Vehicle(plate=plate)
    space = choose_space(facility, vehicle, inside.spaces)
    if space is None:
        return Refusal.FULL
    return Admission(reference(right) if right else TICKET_RIGHT, space, vehicle.is_ev)


def choose_space(facility: Facility, vehicle: Vehicle, taken: Collection[str]) -> Space | None:
    """The first free space that fits: an EV space for an EV while there is one, the smallest size that is enough.

    Falls back to the other kind only where the operator has relaxed the rule for the facility. None means full.
    """
    free = [s for s in facility.spaces if s.in_service and s.space_id not in taken and fits(vehicle.size, s.size)]
    for kind in _kinds_for(facility, is_ev=vehicle.is_ev):
        of_kind = [s for s in free if s.kind is kind]
        if of_kind:
            return min(of_kind, key=lambda s: _SIZES.index(s.size))
    return None


_SIZES = (Size.COMPACT, Size.STANDARD, Size.LARGE)


def fits(vehicle: Size, space: Size) -> bool:
    """Whether a vehicle of one size goes into a space of another."""
    return _SIZES.index(vehicle) <= _SIZES.index(space)


def _kinds_for(facility: Facility, *, is_ev: bool) -> tuple[SpaceKind, ...]:
    if is_ev:
        return (SpaceKind.EV,) if facility.evs_only_in_ev_spaces else (SpaceKind.EV, SpaceKind.REGULAR)
    return (SpaceKind.REGULAR,) if facility.only_evs_in_ev_spaces else (SpaceKind.REGULAR, SpaceKind.EV)
