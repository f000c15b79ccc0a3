"""HTTP of the link, for headquarters: the events that were set aside, and trying them again."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from cloud.auth import Role, require
from cloud.db import Connection
from cloud.link import parked
from cloud.link.parked import Parked, Retried
from cloud.lived import NowMs

router = APIRouter(prefix="/api/v1/link", tags=["link"], dependencies=[Depends(require(Role.HQ))])


@router.get("/parked")
async def show_parked(conn: Connection, limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> list[Parked]:
    """Events that could not be taken in, with who refused them and why."""
    return await parked.show(conn, limit=limit)


@router.post("/parked/retry")
async def retry_parked(request: Request, now_ms: NowMs) -> Retried:
    """Try them all again, as after a fix; how many are taken in now, and how many are still set aside."""
    state = request.app.state
    return await parked.retry_all(state.engine, state.projections, now_ms=now_ms)
