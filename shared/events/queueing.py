"""Who is next at the chargers: the line of waiting cars, and EVSEs kept for someone."""

from typing import Literal

from shared.facilities import Frozen
from shared.ids import Id, StationId


class WaitingJoined(Frozen):
    """A parked car joined the end of the line for a charger. ``connector`` is the plug it wants; empty: any that
    fits."""

    type: Literal["WaitingJoined"] = "WaitingJoined"
    waiting_id: Id
    plate: str
    connector: str = ""
    by: str = ""


class WaitingLeft(Frozen):
    """``reason``: CHARGING, CANCELLED, EXITED, or MISSED (an EVSE was kept for the car and it did not come)."""

    type: Literal["WaitingLeft"] = "WaitingLeft"
    waiting_id: Id
    reason: Literal["CHARGING", "CANCELLED", "EXITED", "MISSED"]


class EvseReserved(Frozen):
    """An EVSE is kept until an instant for a token, or for the car of a plate; with ``waiting_id`` for whoever was next
    in line. ``number`` is the reservation's id at the station."""

    type: Literal["EvseReserved"] = "EvseReserved"
    reservation_id: Id
    number: int
    station_id: StationId
    evse_id: int
    until_ms: int
    id_token: str = ""
    plate: str = ""
    waiting_id: str = ""
    by: str = ""


class ReservationEnded(Frozen):
    """The EVSE is kept no longer. USED: the one it was kept for charges there. EXPIRED: nobody came in time.
    UNAVAILABLE: the station cannot keep it, because it is occupied, faulted or out of service."""

    type: Literal["ReservationEnded"] = "ReservationEnded"
    reservation_id: Id
    reason: Literal["USED", "EXPIRED", "CANCELLED", "UNAVAILABLE"]
    details: str = ""
