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


class LimitBreached(Frozen):
    """An EVSE draws above its limit though it had time to obey: it is counted at what it draws and starts no other car.
    Booked again while it goes on, once a minute or when it draws more."""

    type: Literal["LimitBreached"] = "LimitBreached"
    station_id: StationId
    evse_id: int
    limit_w: int
    drawn_w: int


class LimitObeyed(Frozen):
    """The end of what LimitBreached began: it has kept its limits for a while, or a person (``by``) says that it is
    mended."""

    type: Literal["LimitObeyed"] = "LimitObeyed"
    station_id: StationId
    evse_id: int
    by: str = ""


class NeedsKnown(Frozen):
    """What a running transaction's car needs: energy in all, from the transaction's beginning, and when it leaves. None
    is unknown. The newest counts."""

    type: Literal["NeedsKnown"] = "NeedsKnown"
    station_id: StationId
    evse_id: int
    transaction_id: str
    energy_wh: int | None = None
    departure_ms: int | None = None
    by: str = ""


class BuildingLoadChanged(Frozen):
    """What the building beside the chargers draws, in whole kilowatts rounded up; None: its meter is silent, so its
    most is assumed."""

    type: Literal["BuildingLoadChanged"] = "BuildingLoadChanged"
    load_w: int | None


class BuildingLoadExceeded(Frozen):
    """The building draws more than the most that it was said to: an alarm, for the chargers' fallbacks were made to fit
    beside that most. Booked when its load rises above it."""

    type: Literal["BuildingLoadExceeded"] = "BuildingLoadExceeded"
    load_w: int
    load_w_max: int


class LimitRoundedUp(Frozen):
    """An EVSE makes more of a limit, as stations do that know whole amperes only: it drew ``drawn_w`` where it may draw
    ``limit_w``. All that it was told until now is counted ``by_w`` higher, and it is asked for less from now on."""

    type: Literal["LimitRoundedUp"] = "LimitRoundedUp"
    station_id: StationId
    evse_id: int
    limit_w: int
    drawn_w: int
    by_w: int


class EvseCapped(Frozen):
    """A person's ceiling for one EVSE, whatever its share would be; None lifts it, 0 pauses what charges there. It ends
    with the transaction that runs when it is set, if one does."""

    type: Literal["EvseCapped"] = "EvseCapped"
    station_id: StationId
    evse_id: int
    limit_w: int | None
    by: str
