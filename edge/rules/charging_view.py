"""The charging side as people see it: transactions, the line and reservations. A reading of the state, no decisions."""

from dataclasses import dataclass

from edge.rules.inputs import Knowledge
from edge.rules.state import FacilityState, TransactionState, evse_key
from edge.rules.state_queueing import Refused
from edge.rules.waiting import Place, places
from shared.clock import MINUTE_MS

CLOCKS_APART_MS = MINUTE_MS
"""By how much a station's clock, which says when a transaction began, may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class TransactionView:
    """``energy_wh`` is what would be billed now; ``flags`` as in ``TransactionFlagged``.

    ``status``: CHARGING, IDLE (the car takes nothing more), PAUSED (by a person), HELD (the site gives nothing),
    PLUGGED_IN or CLOSING (it is over, messages of it are missing). ``problem`` says why nobody pays for it; empty when
    somebody does.
    """

    station_id: str
    evse_id: int
    transaction_id: str
    status: str
    plate: str
    session_id: str | None
    started_ms: int
    finished_ms: int | None
    energy_wh: int
    power_w: int | None
    soc_pct: int | None
    target_energy_wh: int | None
    target_soc_pct: int | None
    offline: bool
    flags: tuple[str, ...]
    problem: str


@dataclass(frozen=True, slots=True)
class ReservationView:
    """An EVSE that is kept; ``waiting_id`` empty when it is not for the line."""

    reservation_id: str
    station_id: str
    evse_id: int
    id_token: str
    plate: str
    until_ms: int
    waiting_id: str


def transactions(state: FacilityState) -> list[TransactionView]:
    """All that have not ended, the first begun first."""
    return [_transaction(state, t) for t in sorted(state.transactions.values(), key=lambda t: t.started_ms)]


def line(state: FacilityState, knowledge: Knowledge, now_ms: int) -> list[Place]:
    """Who waits, with positions and estimates; nobody before the facility is configured."""
    return places(state, knowledge.facility, now_ms) if knowledge.facility else []


def refusals(state: FacilityState) -> list[Refused]:
    """Who was not let charge lately and why, the newest first."""
    return state.refusals[::-1]


def reservations(state: FacilityState) -> list[ReservationView]:
    return [
        ReservationView(k.reservation_id, k.station_id, k.evse_id, k.id_token, k.plate, k.until_ms, k.waiting_id)
        for k in state.reservations.values()
    ]


def _transaction(state: FacilityState, running: TransactionState) -> TransactionView:
    session = state.sessions.get(running.session_id or "")
    target = running.target
    return TransactionView(
        station_id=running.station_id,
        evse_id=running.evse_id,
        transaction_id=running.transaction_id,
        status=_status(state, running),
        plate="" if session is None else session.plate,
        session_id=running.session_id,
        started_ms=running.started_ms,
        finished_ms=running.finished_ms,
        energy_wh=running.readings.total(running.rating_w).energy_wh,
        power_w=running.power_w,
        soc_pct=running.soc_pct,
        target_energy_wh=None if target is None else target.energy_wh,
        target_soc_pct=None if target is None else target.soc_pct,
        offline=running.offline,
        flags=tuple(running.flags),
        problem="" if running.session_id is not None else _why_unpaid(state, running),
    )


def _why_unpaid(state: FacilityState, running: TransactionState) -> str:
    here, since_ms = (running.station_id, running.evse_id), running.started_ms - CLOCKS_APART_MS
    told = (r.reason for r in refusals(state) if (r.station_id, r.evse_id) == here and r.at_ms >= since_ms)
    return next(told, "no token was shown")


def _status(state: FacilityState, running: TransactionState) -> str:
    if running.closing is not None:
        return "CLOSING"
    if running.finished_ms is not None:
        return "IDLE"
    if state.caps.get(evse_key(running.station_id, running.evse_id)) == 0:
        return "PAUSED"
    return {"SuspendedEVSE": "HELD", "Charging": "CHARGING", "": "CHARGING"}.get(running.charging_state, "PLUGGED_IN")
