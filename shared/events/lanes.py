"""At the lanes. A session opens when the car is through the arm (VehicleEntered), not when the arm is told to rise."""

from typing import Literal

from shared.facilities import Frozen, SpaceKind
from shared.ids import Id, StationId
from shared.rating import ChargingUse
from shared.rights import RightRef


class EntryGranted(Frozen):
    type: Literal["EntryGranted"] = "EntryGranted"
    lane_id: Id
    plate: str
    right: RightRef
    space_id: Id
    space_kind: SpaceKind
    is_ev: bool = False


class EntryRefused(Frozen):
    type: Literal["EntryRefused"] = "EntryRefused"
    lane_id: Id
    plate: str
    reason: str


class EntryAbandoned(Frozen):
    """Granted, but the car backed out or never drove through; the space is free again."""

    type: Literal["EntryAbandoned"] = "EntryAbandoned"
    lane_id: Id
    plate: str
    space_id: Id


class VehicleEntered(Frozen):
    """A parking session began. ``plate`` is empty for a ticket taken with an unread plate."""

    type: Literal["VehicleEntered"] = "VehicleEntered"
    session_id: Id
    lane_id: Id
    plate: str
    right: RightRef
    space_id: Id
    space_kind: SpaceKind
    is_ev: bool = False


class RunningCharge(Frozen):
    """A charging transaction that had not ended when its car was let out, as far as it was known then."""

    station_id: StationId
    transaction_id: str
    use: ChargingUse


class ExitGranted(Frozen):
    """``quoted_cents`` is the whole price at the moment of the grant, by ``shared.rating``; what the cloud charges.
    ``running`` is part of that price, whatever is heard of those transactions later."""

    type: Literal["ExitGranted"] = "ExitGranted"
    session_id: Id
    lane_id: Id
    plate: str
    quoted_cents: int
    tariff_versions: tuple[str, ...]
    priced_until_ms: int
    running: tuple[RunningCharge, ...] = ()


class ExitRefused(Frozen):
    type: Literal["ExitRefused"] = "ExitRefused"
    lane_id: Id
    plate: str
    reason: str
    session_id: Id | None = None
    due_cents: int | None = None


class ExitAbandoned(Frozen):
    type: Literal["ExitAbandoned"] = "ExitAbandoned"
    session_id: Id
    lane_id: Id
    plate: str


class VehicleExited(Frozen):
    """A parking session ended. It is priced from entry to ``priced_until_ms``, the moment the exit was granted (for one
    paid at the machine: the moment of paying), so that a slow arm costs the driver nothing."""

    type: Literal["VehicleExited"] = "VehicleExited"
    session_id: Id
    lane_id: Id
    plate: str
    space_id: Id
    quoted_cents: int
    tariff_versions: tuple[str, ...]
    priced_until_ms: int
    paid_cents: int = 0
    running: tuple[RunningCharge, ...] = ()


class TailgateDetected(Frozen):
    """A car went under the arm without a grant; occupancy is unsure by one until reconciled."""

    type: Literal["TailgateDetected"] = "TailgateDetected"
    lane_id: Id
    opened_by: str = ""
    """Who had opened the arm by a command; empty: nobody."""


class LaneOpened(Frozen):
    """A person had the arm raised: for one car, or ``held`` up until LaneReleased."""

    type: Literal["LaneOpened"] = "LaneOpened"
    lane_id: Id
    by: str
    held: bool = False


class LaneReleased(Frozen):
    """A person let go of an arm that was held up."""

    type: Literal["LaneReleased"] = "LaneReleased"
    lane_id: Id
    by: str


class LaneFaulted(Frozen):
    """The lane has stopped deciding. ``fault`` is one of the names in ``edge/rules/lane.py``."""

    type: Literal["LaneFaulted"] = "LaneFaulted"
    lane_id: Id
    fault: str


class LaneRestored(Frozen):
    type: Literal["LaneRestored"] = "LaneRestored"
    lane_id: Id


class PaymentTaken(Frozen):
    """Money received on site (pay machine or attendant) against an open session."""

    type: Literal["PaymentTaken"] = "PaymentTaken"
    session_id: Id
    amount_cents: int
    method: Literal["CASH", "CARD"]
    reference: str
    taken_by: str
    priced_until_ms: int
