"""What stations tell of themselves that goes on record: alerts, long tasks, reservations let go, what a car needs."""

from edge.rules.inputs import (
    MessageByHand,
    NeedsReported,
    NeedsTaken,
    ReservationUpdated,
    SecurityReported,
    TaskReported,
)
from edge.rules.state import TaskState
from edge.rules.turn import Turn
from shared.clock import MINUTE_MS
from shared.events import (
    EvNeedsReported,
    SecurityEventReported,
    StationMessageSent,
    StationReservationEnded,
    StationTaskProgressed,
)

ALERT_EVERY_MS = MINUTE_MS
"""Of one kind and station, one alert in this time is booked: a station that repeats itself must not fill the log."""


def security(turn: Turn, given: SecurityReported) -> None:
    """Raise an alert (A04.FR.02), not again for the same event or within a minute of its like."""
    alerted = turn.state.station(given.station_id).alerts.get(given.kind)
    if alerted is not None:
        repeated = alerted.reported_ms == given.at_ms
        if repeated or 0 <= turn.now_ms - alerted.booked_ms < ALERT_EVERY_MS:
            return
    turn.record(
        SecurityEventReported(
            station_id=given.station_id,
            kind=given.kind,
            reported_at_ms=given.at_ms,
            critical=given.critical,
            info=given.info,
        )
    )


def task(turn: Turn, given: TaskReported) -> None:
    """Book how far a task has come, when that is news."""
    told = TaskState(given.request_id, given.status, given.info)
    if turn.state.station(given.station_id).tasks.get(given.task) != told:
        turn.record(
            StationTaskProgressed(
                station_id=given.station_id,
                task=given.task,
                request_id=given.request_id,
                status=given.status,
                info=given.info,
            )
        )


def reservation(turn: Turn, given: ReservationUpdated) -> None:
    """Book that a station let go of a reservation (H04)."""
    turn.record(
        StationReservationEnded(station_id=given.station_id, reservation_id=given.reservation_id, status=given.status)
    )


def needs(turn: Turn, given: NeedsReported) -> NeedsTaken:
    """Book what a car needs, for the sharing of power (K15). Not taken for an EVSE that the facility does not have."""
    facility = turn.knowledge.facility
    station = facility.station(given.station_id) if facility is not None else None
    if station is None or given.evse_id not in [evse.evse_id for evse in station.evses]:
        return NeedsTaken(False)
    turn.record(
        EvNeedsReported(
            station_id=given.station_id,
            evse_id=given.evse_id,
            energy_wh=given.energy_wh,
            departure_ms=given.departure_ms,
            power_max_w=given.power_max_w,
        )
    )
    return NeedsTaken(True)


def by_hand(turn: Turn, given: MessageByHand) -> None:
    """Put on record who sends a station a message of the protocol itself."""
    turn.record(StationMessageSent(station_id=given.station_id, action=given.action, sent_by=given.sent_by))
