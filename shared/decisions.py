"""What headquarters settles, keyed; the newest per key counts. Travels down to every facility it concerns.

A decision is a whole new value, never a change to one, so a facility that missed nine of ten is right after the tenth.
Types are only added, and fields only with a default: a facility that meets an unknown type keeps it and goes on.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from shared.facilities import Facility, Frozen
from shared.ids import Id, Plate
from shared.rights import Right
from shared.tariffs import Tariff


class FacilityConfigured(Frozen):
    type: Literal["FacilityConfigured"] = "FacilityConfigured"
    facility: Facility

    @property
    def key(self) -> str:
        return f"facility/{self.facility.facility_id}"


class TariffPublished(Frozen):
    type: Literal["TariffPublished"] = "TariffPublished"
    tariff: Tariff

    @property
    def key(self) -> str:
        return f"tariff/{self.tariff.tariff_id}/{self.tariff.version}"


class RightAssigned(Frozen):
    type: Literal["RightAssigned"] = "RightAssigned"
    right: Right

    @property
    def key(self) -> str:
        return f"right/{self.right.right_id}"


class RightRevoked(Frozen):
    type: Literal["RightRevoked"] = "RightRevoked"
    right_id: Id
    reason: str

    @property
    def key(self) -> str:
        return f"right/{self.right_id}"


class PlateBlocked(Frozen):
    type: Literal["PlateBlocked"] = "PlateBlocked"
    plate: Plate
    reason: str

    @property
    def key(self) -> str:
        return f"block/{self.plate}"


class PlateUnblocked(Frozen):
    type: Literal["PlateUnblocked"] = "PlateUnblocked"
    plate: Plate

    @property
    def key(self) -> str:
        return f"block/{self.plate}"


Decision = FacilityConfigured | TariffPublished | RightAssigned | RightRevoked | PlateBlocked | PlateUnblocked

_decisions: TypeAdapter[Decision] = TypeAdapter(Annotated[Decision, Field(discriminator="type")])
_known = frozenset(
    kind.model_fields["type"].default
    for kind in (FacilityConfigured, TariffPublished, RightAssigned, RightRevoked, PlateBlocked, PlateUnblocked)
)


def parse_decision(body: dict[str, Any]) -> Decision | None:
    """Read a decision's body; None for a type that this version does not know.

    Raises pydantic.ValidationError when a known type's body does not fit.
    """
    if body.get("type") not in _known:
        return None
    return _decisions.validate_python(body)
