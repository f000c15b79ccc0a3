"""HTTP for tariffs: finance publishes versions, staff look."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from cloud.auth import STAFF, Role, require
from cloud.db import Connection
from cloud.link.decisions import publish
from cloud.lived import NowMs
from cloud.problems import Problem, not_found
from cloud.tariffs import store
from cloud.tariffs.rules import refusal
from shared.decisions import TariffPublished
from shared.ids import ID_PATTERN
from shared.tariffs import Tariff

router = APIRouter(prefix="/api/v1/tariffs", tags=["tariffs"])


@router.post("", status_code=201, dependencies=[Depends(require(Role.HQ, Role.FINANCE))])
async def publish_tariff(tariff: Tariff, conn: Connection, now_ms: NowMs, response: Response) -> Tariff:
    """Publish a version to every facility it prices. 200 when exactly this version was published before; 409 when
    another one stands under its number."""
    known = await store.tariff(conn, tariff.tariff_id, tariff.version)
    why_not = refusal(tariff, known=known, latest_version=await store.latest_version(conn, tariff.tariff_id))
    if why_not is not None:
        raise Problem(409, why_not)
    if known is not None:
        response.status_code = 200
        return known
    if not await store.add(conn, tariff, now_ms=now_ms):
        raise Problem(409, f"{tariff.tariff_id}/{tariff.version} was published by someone else at this moment")
    await publish(conn, TariffPublished(tariff=tariff), tariff.facility_ids)
    return tariff


@router.get("", dependencies=[Depends(require(*STAFF))])
async def list_tariffs(conn: Connection) -> list[Tariff]:
    """Every version of every tariff."""
    return list(await store.all_tariffs(conn))


@router.get("/{tariff_id}/{version}", dependencies=[Depends(require(*STAFF))])
async def get_tariff(
    tariff_id: Annotated[str, Path(pattern=ID_PATTERN)], version: Annotated[int, Path(ge=1)], conn: Connection
) -> Tariff:
    """One version."""
    found = await store.tariff(conn, tariff_id, version)
    if found is None:
        raise not_found(f"tariff {tariff_id}/{version}")
    return found
