"""Bugs of chargers that are kept for somebody."""

from edge.rules import authorization, reservations
from edge.rules.state import FacilityState
from edge.rules.state_queueing import Reservation
from provisioning.simulation.planting import Bug, Replace


def _anybody(replace: Replace) -> None:
    replace(authorization, "kept_for_another", lambda *_: None)


def _kept_twice(replace: Replace) -> None:
    def nobody(_state: FacilityState, _station_id: str, _evse_id: int) -> Reservation | None:
        return None

    replace(reservations, "kept_at", nobody)


ANYBODY_CHARGES = Bug("anybody-charges", "a charger that is kept for one lets another charge", _anybody)
KEPT_TWICE = Bug("kept-twice", "a charger that is kept is kept for another as well", _kept_twice)
