"""What attendants have done at once: lanes opened and held, charges started and stopped, stations managed. Each act is
booked with the name of who had it done.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, HTTPException
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from edge.api.inside import BearerDep, Inside, InsideDep
from edge.runtime import RuntimeStoppedError
from edge.tokens import Bearer, Role
from shared.commands import NOWHERE, CommandResult, Outcome, Reason, parse_command

router = APIRouter(prefix="/api/v1")

LANE_ACTS = {"open": "OpenGate", "hold": "HoldGate", "release": "ReleaseGate"}
STATION_ACTS = {
    "start": "StartCharging",
    "stop": "StopCharging",
    "unlock": "UnlockConnector",
    "reset": "ResetStation",
    "availability": "ChangeAvailability",
    "limit": "SetLimit",
    "firmware": "UpdateFirmware",
    "diagnostics": "CollectDiagnostics",
}
STATUSES = {Outcome.REFUSED: 409, Outcome.FAILED: 503, Outcome.EXPIRED: 503, Outcome.UNKNOWN: 504}
LaneAct = Literal["open", "hold", "release"]
StationAct = Literal["start", "stop", "unlock", "reset", "availability", "limit", "firmware", "diagnostics"]


def _attendant(bearer: BearerDep) -> Bearer:
    if bearer.role is not Role.ATTENDANT:
        raise HTTPException(403, f"a {bearer.role} may not do this; allowed: {Role.ATTENDANT}")
    return bearer


AttendantDep = Annotated[Bearer, Depends(_attendant)]


@router.post("/lanes/{lane_id}/{act}")
async def at_lane(inside: InsideDep, who: AttendantDep, lane_id: str, act: LaneAct) -> dict[str, Any]:
    """Open a gate for one car, hold it up, or release it. The arm never comes down on a car."""
    return await run_command(inside, who, {"type": LANE_ACTS[act], "lane_id": lane_id})


@router.post("/stations/{station_id}/{act}")
async def at_station(
    inside: InsideDep,
    who: AttendantDep,
    station_id: str,
    act: StationAct,
    body: Annotated[dict[str, Any] | None, Body()] = None,
) -> dict[str, Any]:
    """Ask a station for something; the body has the fields of that command in ``shared/commands.py``. Answered once the
    station has answered; that it accepted an update or an upload does not mean that it is done."""
    return await run_command(inside, who, {**(body or {}), "type": STATION_ACTS[act], "station_id": station_id})


async def run_command(inside: Inside, who: Bearer, body: dict[str, Any]) -> dict[str, Any]:
    """Have a command done in the name of who asks, and say what became of it."""
    try:
        result = await inside.commands.run(parse_command(body), who.name)
    except ValidationError as error:
        raise RequestValidationError([{**e, "loc": ("body", *e["loc"][1:])} for e in error.errors()]) from error
    except RuntimeStoppedError as error:
        raise HTTPException(503, "the daemon is stopping; it is not known whether this was done") from error
    if result.outcome is not Outcome.DONE:
        raise HTTPException(_status(result), _detail(result))
    return result.model_dump(mode="json")


def _status(result: CommandResult) -> int:
    if result.reason in NOWHERE:
        return 404
    return 503 if result.reason in (Reason.STATION_AWAY, Reason.NOT_CONFIGURED) else STATUSES[result.outcome]


def _detail(result: CommandResult) -> str:
    if result.outcome is Outcome.UNKNOWN:
        return f"it is not known whether this was done: {result.text or 'nothing was heard in time'}"
    return f"not done: {result.text or result.outcome.lower()}"
