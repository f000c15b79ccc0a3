"""HTTP for sessions: staff look; nobody changes a session here, since sessions come from what happened on site."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from cloud.auth import Role, require
from cloud.db import Connection
from cloud.problems import Problem, not_found
from cloud.sessions import store
from cloud.sessions.queries import Doubtful, Wanted, find_flagged_charging, find_parking_sessions
from cloud.sessions.store import ChargingSession, ParkingSession, SitePayment
from shared.ids import Id, normalise_plate

router = APIRouter(prefix="/api/v1/sessions", tags=["sessions"])
_RUN = [Depends(require(Role.ATTENDANT, Role.MANAGER, Role.HQ))]
_ACCOUNT = [Depends(require(Role.FINANCE, Role.MANAGER, Role.HQ))]


class Page(BaseModel):
    """Sessions, newest first. ``next`` is the ``before`` of the next page, None on the last."""

    sessions: list[ParkingSession]
    next: str | None


class FlaggedPage(BaseModel):
    """Transactions, the last ended first. ``next`` as in ``Page``."""

    charging: list[ChargingSession]
    next: str | None


class SessionDetail(BaseModel):
    """A stay with what was charged and paid on site during it."""

    session: ParkingSession
    charging: list[ChargingSession]
    site_payments: list[SitePayment]


class ListQuery(BaseModel):
    """``plate`` may be written as people write it; ``open`` true: cars that are in."""

    model_config = ConfigDict(extra="forbid")

    facility_id: Id | None = None
    plate: str | None = None
    open: bool | None = None
    before: str | None = None
    limit: int = Field(50, ge=1, le=500)


class FlaggedQuery(BaseModel):
    """Those that ended from ``from_ms`` until before ``until_ms``, milliseconds since 1970 UTC."""

    model_config = ConfigDict(extra="forbid")

    facility_id: Id | None = None
    from_ms: int | None = Field(None, ge=0)
    until_ms: int | None = Field(None, ge=0)
    before: str | None = None
    limit: int = Field(100, ge=1, le=500)


@router.get("", dependencies=_RUN)
async def list_sessions(query: Annotated[ListQuery, Query()], conn: Connection) -> Page:
    """The newest sessions that fit."""
    wanted = Wanted(
        facility_id=query.facility_id,
        plate=None if query.plate is None else normalise_plate(query.plate),
        open=query.open,
        before=None if query.before is None else _place(query.before),
    )
    found = await find_parking_sessions(conn, wanted, limit=query.limit + 1)
    page = list(found[: query.limit])
    more = len(found) > query.limit
    return Page(sessions=page, next=f"{page[-1].entered_ms}_{page[-1].session_id}" if more else None)


@router.get("/charging/flagged", dependencies=_ACCOUNT)
async def list_flagged(query: Annotated[FlaggedQuery, Query()], conn: Connection) -> FlaggedPage:
    """Charging transactions whose energy, times or end are not beyond doubt, for whoever checks the bills of a month:
    why (``flags``), how the energy was come by (``energy_method``), and the session whose charge it is part of."""
    wanted = Doubtful(
        facility_id=query.facility_id,
        from_ms=query.from_ms,
        until_ms=query.until_ms,
        before=None if query.before is None else _end(query.before),
    )
    found = await find_flagged_charging(conn, wanted, limit=query.limit + 1)
    page = list(found[: query.limit])
    more = len(found) > query.limit
    last = page[-1] if more else None
    return FlaggedPage(charging=page, next=last and f"{last.ended_ms}_{last.ended_seq}_{last.ended_log_id}")


@router.get("/{session_id}", dependencies=_RUN)
async def get_session(session_id: Id, conn: Connection) -> SessionDetail:
    """One session, open or closed."""
    session = await store.parking_session(conn, session_id)
    if session is None:
        raise not_found(f"session {session_id}")
    return SessionDetail(
        session=session,
        charging=list(await store.charging_of(conn, session_id)),
        site_payments=list(await store.site_payments_of(conn, session_id)),
    )


def _end(before: str) -> tuple[int, str, int]:
    ended_ms, _, rest = before.partition("_")
    seq, _, log_id = rest.partition("_")
    if not ended_ms.isdecimal() or not seq.isdecimal() or not log_id or len(ended_ms) > 15 or len(seq) > 15:
        raise Problem(422, f"before must be the 'next' of another page, got {before!r}")
    return int(ended_ms), log_id, int(seq)


def _place(before: str) -> tuple[int, str]:
    entered_ms, _, session_id = before.partition("_")
    if not entered_ms.isdecimal() or not session_id or len(entered_ms) > 15:
        raise Problem(422, f"before must be the 'next' of another page, got {before!r}")
    return int(entered_ms), session_id
