"""How the events of lanes change what is booked: grants, sessions, spaces, payments."""

from collections.abc import Callable
from typing import Any

from edge.rules.state import (
    EntryGrant,
    ExitGrant,
    FacilityState,
    ParkingSession,
)
from shared.events import (
    EntryAbandoned,
    EntryGranted,
    ExitAbandoned,
    ExitGranted,
    LaneOpened,
    LaneReleased,
    PaymentTaken,
    VehicleEntered,
    VehicleExited,
)


def _entry_granted(state: FacilityState, event: EntryGranted, _at_ms: int) -> None:
    state.lane(event.lane_id).grant = EntryGrant(
        event.plate, event.right, event.space_id, event.space_kind, event.is_ev
    )
    state.held_spaces[event.space_id] = event.lane_id


def _entry_abandoned(state: FacilityState, event: EntryAbandoned, _at_ms: int) -> None:
    state.lane(event.lane_id).grant = None
    state.held_spaces.pop(event.space_id, None)


def _vehicle_entered(state: FacilityState, event: VehicleEntered, at_ms: int) -> None:
    state.lane(event.lane_id).grant = None
    state.held_spaces.pop(event.space_id, None)
    state.sessions[event.session_id] = ParkingSession(
        session_id=event.session_id,
        plate=event.plate,
        right=event.right,
        space_id=event.space_id,
        space_kind=event.space_kind,
        is_ev=event.is_ev,
        entered_ms=at_ms,
    )
    state.session_of_plate[event.plate] = event.session_id
    state.session_of_space[event.space_id] = event.session_id


def _exit_granted(state: FacilityState, event: ExitGranted, _at_ms: int) -> None:
    state.lane(event.lane_id).grant = ExitGrant(
        event.session_id,
        event.plate,
        event.quoted_cents,
        event.tariff_versions,
        event.priced_until_ms,
        event.running,
    )


def _exit_abandoned(state: FacilityState, event: ExitAbandoned, _at_ms: int) -> None:
    state.lane(event.lane_id).grant = None


def _vehicle_exited(state: FacilityState, event: VehicleExited, _at_ms: int) -> None:
    state.lane(event.lane_id).grant = None
    session = state.sessions.pop(event.session_id, None)
    if session is not None:
        state.session_of_plate.pop(session.plate, None)
        state.session_of_space.pop(session.space_id, None)


def _payment_taken(state: FacilityState, event: PaymentTaken, _at_ms: int) -> None:
    session = state.sessions.get(event.session_id)
    if session is not None:
        session.paid_cents += event.amount_cents
        session.paid_until_ms = event.priced_until_ms
        session.payment_references.append(event.reference)


def _lane_opened(state: FacilityState, event: LaneOpened, _at_ms: int) -> None:
    if event.held:
        state.lane(event.lane_id).held_by = event.by


def _lane_released(state: FacilityState, event: LaneReleased, _at_ms: int) -> None:
    state.lane(event.lane_id).held_by = ""


FOLDS: dict[type, Callable[[FacilityState, Any, int], None]] = {
    EntryGranted: _entry_granted,
    EntryAbandoned: _entry_abandoned,
    VehicleEntered: _vehicle_entered,
    ExitGranted: _exit_granted,
    ExitAbandoned: _exit_abandoned,
    VehicleExited: _vehicle_exited,
    PaymentTaken: _payment_taken,
    LaneOpened: _lane_opened,
    LaneReleased: _lane_released,
}
