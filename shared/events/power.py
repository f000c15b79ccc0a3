"""Power. Every limit sent and its answer are on record; the auditor recomputes the worst case from them."""

from typing import Literal

from shared.facilities import Frozen
from shared.ids import StationId


class LimitSent(Frozen):
    """A limit for one EVSE. ``until_ms`` None is the permanent fallback; otherwise a lease that ends by itself."""

    type: Literal["LimitSent"] = "LimitSent"
    request_id: int
    station_id: StationId
    evse_id: int
    limit_w: int
    from_ms: int
    until_ms: int | None


class LimitAnswered(Frozen):
    """``outcome``: ACCEPTED, REJECTED (the station said no or CALLERROR), UNKNOWN (no answer: it may be in force) or
    UNSENT (it never left, so it is surely not in force and says nothing about the station)."""

    type: Literal["LimitAnswered"] = "LimitAnswered"
    request_id: int
    station_id: StationId
    evse_id: int
    outcome: Literal["ACCEPTED", "REJECTED", "UNKNOWN", "UNSENT"]
    reason: str = ""


class SitePowerSampled(Frozen):
    """What the chargers draw together, what could be drawn at worst under the limits that may be in force, and the
    budget."""

    type: Literal["SitePowerSampled"] = "SitePowerSampled"
    drawn_w: int
    worst_case_w: int
    budget_w: int


class EvseCapped(Frozen):
    """A person's ceiling for one EVSE, whatever its share would be; None lifts it, 0 pauses what charges there. It ends
    with the transaction that runs when it is set, if one does."""

    type: Literal["EvseCapped"] = "EvseCapped"
    station_id: StationId
    evse_id: int
    limit_w: int | None
    by: str
