"""HTTP for facilities: headquarters configures, staff look."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel

from cloud.auth import STAFF, Role, require
from cloud.db import Connection
from cloud.facilities import store
from cloud.link.decisions import publish
from cloud.lived import NowMs
from cloud.problems import Problem, not_found
from shared.decisions import FacilityConfigured
from shared.facilities import Facility, FacilityStatus, SpaceKind
from shared.ids import ID_PATTERN

router = APIRouter(prefix="/api/v1/facilities", tags=["facilities"])

FacilityId = Annotated[str, Path(pattern=ID_PATTERN)]


class FacilitySummary(BaseModel):
    """A facility in a list. Space counts are of those in service."""

    facility_id: str
    name: str
    address: str
    zone: str
    latitude: float
    longitude: float
    status: FacilityStatus
    regular_spaces: int
    ev_spaces: int
    budget_w: int


@router.put("/{facility_id}", dependencies=[Depends(require(Role.HQ, Role.MANAGER))])
async def configure(facility_id: FacilityId, facility: Facility, conn: Connection, now_ms: NowMs) -> Facility:
    """Set a facility's whole configuration; it reaches the facility within seconds. The same again is harmless."""
    if facility.facility_id != facility_id:
        raise Problem(
            422, f"the address says {facility_id} and the body {facility.facility_id}: a facility keeps its id"
        )
    await store.save(conn, facility, now_ms=now_ms)
    await publish(conn, FacilityConfigured(facility=facility), (facility_id,))
    return facility


@router.get("", dependencies=[Depends(require(*STAFF))])
async def list_facilities(conn: Connection) -> list[FacilitySummary]:
    """Every facility, by id."""
    return [_summary(facility) for facility in await store.all_facilities(conn)]


@router.get("/{facility_id}", dependencies=[Depends(require(Role.HQ, Role.MANAGER))])
async def get_facility(facility_id: FacilityId, conn: Connection) -> Facility:
    """One facility's whole configuration, with the salted hashes of its stations' passwords."""
    facility = await store.facility(conn, facility_id)
    if facility is None:
        raise not_found(f"facility {facility_id}")
    return facility


def _summary(facility: Facility) -> FacilitySummary:
    kinds = [space.kind for space in facility.spaces if space.in_service]
    return FacilitySummary(
        facility_id=facility.facility_id,
        name=facility.name,
        address=facility.address,
        zone=facility.zone,
        latitude=facility.latitude,
        longitude=facility.longitude,
        status=facility.status,
        regular_spaces=kinds.count(SpaceKind.REGULAR),
        ev_spaces=kinds.count(SpaceKind.EV),
        budget_w=facility.power.budget_w,
    )
