"""Chargers that are kept for somebody, told from each facility's log: for one at a time, for nobody else, until its
time and no longer. Whom a charger is kept for is not refused because it is kept."""

from dataclasses import dataclass, field

from provisioning.simulation.auditor import Hearing, Subject
from provisioning.simulation.books.lives import Lives
from provisioning.simulation.happenings import Logged
from shared.events import (
    ChargingRefused,
    EvseReserved,
    ReservationEnded,
    StationReservationEnded,
    TransactionAuthorized,
    TransactionStarted,
    VehicleEntered,
)

AHEAD_MAX_MS = 86_400_000
LATE_MAX_MS = 60_000
"""From the first entry after its time: a box that was down ends it in the turn in which it starts."""
KEPT_FOR_ANOTHER = "kept for another"
ENDINGS = frozenset({"EvseReserved", "ReservationEnded", "StationReservationEnded"})


@dataclass(slots=True)
class _Kept:
    """Reservations in force by id, those that were found there after their time, and plates by session."""

    in_force: dict[str, EvseReserved] = field(default_factory=dict)
    overdue_ms: dict[str, int] = field(default_factory=dict)
    plates: dict[str, str] = field(default_factory=dict)


class ReservationBook:
    reads = ENDINGS | {"TransactionStarted", "TransactionAuthorized", "ChargingRefused", "VehicleEntered"}

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._known: Lives[_Kept] = Lives(subject.facilities, lambda _: _Kept())

    def hears(self) -> Hearing:
        return {Logged: self._logged, **self._known.hears()}

    def _logged(self, told: Logged) -> None:
        known, here, at_ms = self._known[told.facility_id], told.facility_id, told.entry.at_ms
        match told.event:
            case EvseReserved() as event:
                self._reserved(known, here, event, at_ms)
            case ReservationEnded(reservation_id=name, reason=reason):
                kept = known.in_force.pop(name, None)
                if kept is not None and reason == "EXPIRED" and at_ms < kept.until_ms:
                    self._subject.fail(f"{here}: {name} expired before its time")
            case StationReservationEnded(station_id=station_id, reservation_id=number):
                gone = [k for k, r in known.in_force.items() if (r.station_id, r.number) == (station_id, number)]
                for name in gone:
                    del known.in_force[name]
            case VehicleEntered(session_id=session_id, plate=plate):
                known.plates[session_id] = plate
            case TransactionStarted() | TransactionAuthorized() as event if event.right is not None:
                self._charges(known, here, event, at_ms)
            case ChargingRefused() as event if KEPT_FOR_ANOTHER in event.reason:
                self._refused(known, here, event)
        if known.in_force and told.event is not None and told.entry.type not in ENDINGS:
            self._look_for_overdue(known, here, at_ms)

    def _reserved(self, known: _Kept, here: str, event: EvseReserved, at_ms: int) -> None:
        if self._kept(known, event.station_id, event.evse_id) is not None:
            self._subject.fail(f"{here}: {event.station_id}/{event.evse_id} is kept twice")
        if not at_ms < event.until_ms <= at_ms + AHEAD_MAX_MS:
            self._subject.fail(f"{here}: {event.reservation_id} is kept until {event.until_ms}, asked for at {at_ms}")
        known.in_force[event.reservation_id] = event

    def _charges(self, known: _Kept, here: str, event: TransactionStarted | TransactionAuthorized, at_ms: int) -> None:
        kept = self._kept(known, event.station_id, event.evse_id)
        offline = isinstance(event, TransactionStarted) and event.offline
        if kept is None or offline or at_ms >= kept.until_ms:
            return
        if not _is_for(kept, event.id_token, known.plates.get(event.session_id or "", "")):
            self._subject.fail(f"{here}: {event.id_token} charges at {event.station_id}, kept for another")

    def _refused(self, known: _Kept, here: str, event: ChargingRefused) -> None:
        kept = self._kept(known, event.station_id, event.evse_id or 1)
        if kept is None:
            self._subject.fail(f"{here}: {event.id_token} was refused for {event.station_id}, which is not kept")
        elif kept.id_token and _is_for(kept, event.id_token, ""):
            self._subject.fail(f"{here}: {event.id_token} was refused for {event.station_id}, which is kept for it")

    def _look_for_overdue(self, known: _Kept, here: str, at_ms: int) -> None:
        for name, kept in known.in_force.items():
            if kept.until_ms <= at_ms and at_ms > known.overdue_ms.setdefault(name, at_ms) + LATE_MAX_MS:
                self._subject.fail(f"{here}: {name} is kept after its time")

    def _kept(self, known: _Kept, station_id: str, evse_id: int) -> EvseReserved | None:
        here = (station_id, evse_id)
        return next((r for r in known.in_force.values() if (r.station_id, r.evse_id) == here), None)


def _is_for(kept: EvseReserved, token: str, plate: str) -> bool:
    return (kept.id_token != "" and kept.id_token.casefold() == token.casefold()) or (
        kept.plate != "" and kept.plate == plate
    )
