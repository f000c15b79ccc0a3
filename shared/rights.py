"""A right is what lets a plate or a token in: a pass, a reservation and an account each just assign one."""

from enum import StrEnum

from pydantic import Field

from shared.facilities import ConnectorType, Frozen, Size
from shared.ids import Id, Plate


class RightKind(StrEnum):
    """Who may enter, in the order in which the gate asks (REQUIREMENTS lane order)."""

    RESERVATION = "RESERVATION"
    SUBSCRIPTION = "SUBSCRIPTION"
    ACCOUNT = "ACCOUNT"
    TICKET = "TICKET"


class Vehicle(Frozen):
    """``connector`` is the inlet to charge it by; None when nobody said."""

    plate: Plate
    is_ev: bool = False
    size: Size = Size.STANDARD
    connector: ConnectorType | None = None


class Right(Frozen):
    """A customer's right to use facilities with certain vehicles and tokens.

    ``facility_ids`` empty means every facility. Instants are milliseconds UTC; ``until_ms`` None means until revoked.
    What the right covers is not charged; the rest is billed to the customer's payment method.
    """

    right_id: Id
    kind: RightKind
    customer_id: Id
    vehicles: tuple[Vehicle, ...] = ()
    tokens: tuple[str, ...] = Field((), description="OCPP id tokens, compared without regard to case")
    group_id: str = Field("", description="tokens of rights with the same group may stop each other's charging")
    facility_ids: tuple[Id, ...] = ()
    from_ms: int = 0
    until_ms: int | None = None
    covers_parking: bool = False
    covers_charging: bool = False
    priority: int = Field(0, description="where power is short, a higher class charges before a lower")

    def valid_at(self, facility_id: str, now_ms: int) -> bool:
        """Whether the right holds at a facility at an instant."""
        here = not self.facility_ids or facility_id in self.facility_ids
        return here and self.from_ms <= now_ms and (self.until_ms is None or now_ms < self.until_ms)

    def vehicle(self, plate: str) -> Vehicle | None:
        """The vehicle of that plate, or None."""
        return next((v for v in self.vehicles if v.plate == plate), None)


class RightRef(Frozen):
    """What a session remembers of the right it began under, so that a later change does not reprice it."""

    kind: RightKind
    right_id: str | None = None
    customer_id: str | None = None
    covers_parking: bool = False
    covers_charging: bool = False
    group_id: str = ""
    priority: int = 0


TICKET_RIGHT = RightRef(kind=RightKind.TICKET)


def reference(right: Right) -> RightRef:
    """The part of a right that a session keeps."""
    return RightRef(
        kind=right.kind,
        right_id=right.right_id,
        customer_id=right.customer_id,
        covers_parking=right.covers_parking,
        covers_charging=right.covers_charging,
        group_id=right.group_id,
        priority=right.priority,
    )
