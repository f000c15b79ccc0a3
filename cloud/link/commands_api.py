"""HTTP of the link: commands to facilities with their record, and which box is a facility."""

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.auth import STAFF, Caller, Role, require
from cloud.db import Connection, transaction
from cloud.link import boxes, commands
from cloud.link.commands import CommandRecord
from cloud.link.desk import LANE_REAL_S, STATION_REAL_S, BrokerAway, Desk
from cloud.lived import NowMs
from cloud.problems import Problem, not_found
from shared.clock import Clock
from shared.commands import (
    NOWHERE,
    AnyCommand,
    Command,
    CommandRequest,
    CommandResult,
    LaneCommand,
    Outcome,
    Reason,
    StartCharging,
    StopCharging,
    UnlockConnector,
)
from shared.ids import ID_PATTERN, Id

router = APIRouter(prefix="/api/v1/facilities", tags=["commands"])

FacilityId = Annotated[str, Path(pattern=ID_PATTERN)]
WHO = (Role.ATTENDANT, Role.MANAGER, Role.HQ)
FOR_ATTENDANTS = (LaneCommand, StartCharging, StopCharging, UnlockConnector)
"""What attendants may have done; the rest is for managers and headquarters."""
STATUSES = {Outcome.REFUSED: 409, Outcome.FAILED: 503, Outcome.EXPIRED: 503, Outcome.UNKNOWN: 504}


class CommandAsked(BaseModel):
    """With a ``command_id`` of the caller's own, the same request again is answered and not done again."""

    command: AnyCommand
    command_id: Id | None = None


class BoxChoice(BaseModel):
    """The log of the box that is to count as the facility."""

    log_id: Id


@router.post("/{facility_id}/commands")
async def command(
    facility_id: FacilityId, asked: CommandAsked, request: Request, caller: Annotated[Caller, Depends(require(*WHO))]
) -> CommandResult:
    """Have something done at a facility at once. 200 only when it is done (a station's order: accepted). 409 refused or
    away, 404 no such thing there, 503 not done, 504 not known whether done."""
    if caller.role is Role.ATTENDANT and not isinstance(asked.command, FOR_ATTENDANTS):
        raise Problem(403, f"an attendant may not give {asked.command.type}; a manager may")
    clock: Clock = request.app.state.clock
    engine: AsyncEngine = request.app.state.engine
    body = asked.command.model_dump(mode="json")
    by, command_id = f"{caller.role} {caller.subject}", asked.command_id or secrets.token_hex(16)
    wanted = CommandRecord(command_id, facility_id, by, body, asked_at_ms=clock.now_ms())
    async with transaction(engine) as conn:
        where = await commands.whereabouts(conn, facility_id)
        if where is None:
            raise not_found(f"facility {facility_id} that was ever heard of")
        known = None if await commands.open_record(conn, wanted) else await commands.record(conn, command_id)
    if known is not None:
        return _answer(_known(known, wanted))
    if not where.online:
        result = _failed(command_id, "the facility is away")
    else:
        sent = CommandRequest(
            command_id=command_id,
            facility_id=facility_id,
            log_id=where.log_id,
            by=by,
            command=body,
            issued_at_ms=wanted.asked_at_ms,
        )
        result = await _ask(request.app.state.desk, sent, asked.command)
    async with transaction(engine) as conn:
        await commands.settle(conn, result, now_ms=clock.now_ms())
    return _answer(result, away=not where.online)


async def _ask(desk: Desk | None, sent: CommandRequest, command: Command) -> CommandResult:
    if desk is None:
        return _failed(sent.command_id, "this process was given no broker")
    try:
        return await desk.ask(sent, within_real_s=LANE_REAL_S if isinstance(command, LaneCommand) else STATION_REAL_S)
    except BrokerAway:
        return _failed(sent.command_id, "the broker cannot be reached, so nothing was done")


def _failed(command_id: str, reason: str) -> CommandResult:
    return CommandResult(command_id=command_id, outcome=Outcome.FAILED, reason=reason)


def _known(known: CommandRecord, wanted: CommandRecord) -> CommandResult:
    if (known.facility_id, known.command) != (wanted.facility_id, wanted.command):
        raise Problem(409, f"command {known.command_id} is another one: a command keeps its id")
    if known.outcome is None:
        raise Problem(409, f"command {known.command_id} is being done, or it is not known what became of it")
    return CommandResult(
        command_id=known.command_id,
        outcome=Outcome(known.outcome),
        reason=known.reason,
        details=known.details or {},
    )


def _answer(result: CommandResult, *, away: bool = False) -> CommandResult:
    if result.outcome is Outcome.DONE:
        return result
    gone = result.reason in (Reason.STATION_AWAY, Reason.NOT_CONFIGURED)
    status = 404 if result.reason in NOWHERE else 409 if away or gone else STATUSES[result.outcome]
    said = "it is not known whether this was done" if result.outcome is Outcome.UNKNOWN else "not done"
    raise Problem(status, f"command {result.command_id}: {said}: {result.text or result.outcome.lower()}")


@router.get("/{facility_id}/commands", dependencies=[Depends(require(*STAFF))])
async def list_commands(
    facility_id: FacilityId, conn: Connection, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> list[CommandRecord]:
    """A facility's commands with who gave them and what became of them, newest first."""
    return await commands.newest(conn, facility_id, limit=limit)


@router.get("/{facility_id}/box", dependencies=[Depends(require(*STAFF))])
async def box(facility_id: FacilityId, conn: Connection) -> dict[str, Any]:
    """Which box is the facility, by its log, and which other one was refused last (empty: none)."""
    row = await boxes.standing(conn, facility_id)
    if row is None:
        raise not_found(f"box of {facility_id} that was ever heard of")
    return row


@router.put("/{facility_id}/box", dependencies=[Depends(require(Role.HQ, Role.MANAGER))])
async def choose_box(facility_id: FacilityId, chosen: BoxChoice, conn: Connection, now_ms: NowMs) -> dict[str, Any]:
    """Say which box is the facility when two claim to be: the other one is refused from now on. The one chosen is taken
    when it asks next, within a minute; nothing that either booked is lost."""
    await boxes.choose(conn, facility_id, boxes.Box(chosen.log_id), now_ms=now_ms)
    return await box(facility_id, conn)
