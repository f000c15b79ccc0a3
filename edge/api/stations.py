"""Charging stations: what is known of each, and any message of the protocol sent by hand."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from edge.api.inside import BearerDep, Inside, InsideDep, submitted
from edge.api.problems import problem
from edge.ocpp.notes import Kind, Note
from edge.ocpp.rpc import FRAME_BYTES_MAX, Answered, ErrorCode, Payload, Refused
from edge.ocpp.version import Registration
from edge.rules import station_quarantine
from edge.rules.inputs import MessageByHand
from edge.rules.quarantine_requests import ReleaseAsked
from edge.rules.state import StationState
from edge.station_calls import NoAnswer, StationAway, StationBusy
from edge.station_renewal import renew_password
from edge.stations import NotByHand
from edge.tokens import Bearer, Role
from shared.facilities import Station

VARIABLES_MAX = 1_000
SECURITY_SHOWN = 20
ANSWER_WITHIN_REAL_S = 60.0
"""A message that waits behind others for so long is given up, and not sent any more."""
FOR_ATTENDANTS = frozenset(
    (
        "CancelReservation",
        "ChangeAvailability",
        "ClearCache",
        "ClearDisplayMessage",
        "CostUpdated",
        "GetBaseReport",
        "GetChargingProfiles",
        "GetCompositeSchedule",
        "GetConfiguration",
        "GetDisplayMessages",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetMonitoringReport",
        "GetReport",
        "GetTransactionStatus",
        "GetVariables",
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "RequestStartTransaction",
        "RequestStopTransaction",
        "ReserveNow",
        "Reset",
        "SetDisplayMessage",
        "TriggerMessage",
        "UnlockConnector",
    )
)
"""What runs a site day by day. All else changes what a station is, whom it trusts or what it tells: for managers."""
router = APIRouter(prefix="/api/v1/stations")


class RegistrationRequest(BaseModel):
    status: Registration


@router.get("")
async def stations(inside: InsideDep, _: BearerDep) -> dict[str, Any]:
    """Every configured station with its state."""
    facility = inside.runtime.knowledge.facility
    return {"stations": [] if facility is None else [_summary(inside, x) for x in facility.stations]}


@router.get("/{station_id}")
async def station(inside: InsideDep, _: BearerDep, station_id: str) -> dict[str, Any]:
    """One station: its state, what it is made of, how far its firmware and logs are, its newest security events, and
    how many notes of which kind can be read."""
    known = _station(inside, station_id)
    booked, book = _booked(inside, station_id), inside.stations.book
    boot = await book.note(station_id, Kind.BOOT)
    security = await book.notes(station_id, Kind.SECURITY)
    return {
        **_summary(inside, known),
        "registration": await book.registration(station_id),
        "charging_station": None if boot is None else boot.body,
        "tasks": {name: asdict(task) for name, task in booked.tasks.items()},
        "security_events": [asdict(kept) for kept in reversed(security[-SECURITY_SHOWN:])],
        "external_limits": [asdict(kept) for kept in await book.notes(station_id, Kind.EXTERNAL_LIMIT)],
        "notes": await book.counts(station_id),
    }


@router.get("/{station_id}/variables")
async def variables(
    inside: InsideDep,
    _: BearerDep,
    station_id: str,
    name: Annotated[str, Query(description="part of a name such as EVSE[1].Power; case does not count")] = "",
    offset: Annotated[int, Query(ge=0)] = 0,
) -> dict[str, Any]:
    """The device model as last reported, by name, at most 1000 at a time, and the reports it is made of."""
    _station(inside, station_id)
    kept = await inside.stations.book.notes(station_id, Kind.VARIABLE)
    found = sorted((x for x in kept if name.casefold() in x.key.casefold()), key=lambda x: x.key)
    return {
        "station_id": station_id,
        "total": len(found),
        "variables": [
            {"name": x.key, "noted_ms": x.noted_ms, **x.body} for x in found[offset : offset + VARIABLES_MAX]
        ],
        "reports": [asdict(x) for x in await inside.stations.book.notes(station_id, Kind.REPORT)],
    }


@router.get("/{station_id}/notes/{kind}")
async def notes(inside: InsideDep, bearer: BearerDep, station_id: str, kind: Kind) -> dict[str, Any]:
    """Everything of one kind that a station told, the newest first. What it told of customers is for managers."""
    _station(inside, station_id)
    if kind is Kind.CUSTOMER:
        _require(bearer, Role.MANAGER)
    kept = await inside.stations.book.notes(station_id, kind)
    return {"station_id": station_id, "kind": kind, "notes": [asdict(x) for x in reversed(kept)]}


@router.put("/{station_id}/registration")
async def register(inside: InsideDep, bearer: BearerDep, station_id: str, asked: RegistrationRequest) -> dict[str, Any]:
    """What the station's next boot is answered (B01 to B03): Pending and Rejected hold it back until Accepted."""
    _station(inside, station_id)
    _require(bearer, Role.MANAGER)
    note = Note(Kind.REGISTRATION, "", {"status": asked.status, "by": bearer.name})
    await inside.stations.book.keep(station_id, [note], inside.clock.now_ms())
    return {"station_id": station_id, "registration": asked.status}


@router.put("/{station_id}/password")
async def password(inside: InsideDep, bearer: BearerDep, station_id: str) -> dict[str, Any]:
    """Give the station a new password that nobody needs to know (OCPP 2.0.1 A01). UNKNOWN: it may have taken it, and
    may sign in with either. 503: the station is away or busy, and nothing was sent."""
    known = _station(inside, station_id)
    _require(bearer, Role.MANAGER)
    await submitted(inside, MessageByHand(station_id, "password", bearer.name))
    try:
        became = await renew_password(inside.stations, inside.stations.secrets, known)
    except (StationAway, StationBusy) as error:
        raise HTTPException(503, str(error)) from error
    return {"station_id": station_id, "outcome": became.outcome, "reason": became.reason}


@router.put("/{station_id}/certificate", response_model=None)
async def certificate(inside: InsideDep, bearer: BearerDep, station_id: str) -> Payload | JSONResponse:
    """Make the station draw a new key and ask for a certificate, which is signed here (A02). Answered as ``send``."""
    _station(inside, station_id)
    _require(bearer, Role.MANAGER)
    await submitted(inside, MessageByHand(station_id, "certificate", bearer.name))
    version = inside.stations.version_of(station_id)
    if version is None:
        raise HTTPException(503, f"{station_id} is not connected")
    wanted = version.certificate_wanted
    try:
        told = await inside.stations.call(station_id, wanted.action, wanted.payload)
    except (StationAway, StationBusy) as error:
        raise HTTPException(503, str(error)) from error
    except NoAnswer as error:
        raise HTTPException(504, str(error)) from error
    return _told(station_id, told)


@router.delete("/{station_id}/quarantine")
async def release(inside: InsideDep, bearer: BearerDep, station_id: str) -> dict[str, Any]:
    """End a station's quarantine now."""
    _station(inside, station_id)
    _require(bearer, Role.ATTENDANT)
    await submitted(inside, ReleaseAsked(station_id, bearer.name))
    return {"station_id": station_id, "quarantine": _quarantine(inside, station_id)}


@router.post("/{station_id}/messages/{action}", response_model=None)
async def send(
    inside: InsideDep,
    bearer: BearerDep,
    station_id: str,
    action: str,
    payload: Annotated[Payload | None, Body(description="the message's own payload")] = None,
) -> Payload | JSONResponse:
    """Send a message of the protocol and wait for the station's answer, which is the answer here.

    404 unknown station or action, 422 the payload is not as the schema asks, 403 not for this role, 409 it would break
    the power books, 503 the station is away or busy, 504 no answer came (it may have been done), 502 the station
    answered with a CALLERROR, or with something that its own schema refuses.
    """
    _station(inside, station_id)
    payload = payload or {}
    _judge(inside, bearer, station_id, action, payload=payload)
    await submitted(inside, MessageByHand(station_id, action, bearer.name))
    try:
        async with asyncio.timeout(ANSWER_WITHIN_REAL_S):
            told = await inside.stations.call(station_id, action, payload)
    except (StationAway, StationBusy) as error:
        raise HTTPException(503, str(error)) from error
    except NoAnswer as error:
        raise HTTPException(504, f"{error}; it may have been done") from error
    except TimeoutError as error:
        raise HTTPException(504, f"no answer within {ANSWER_WITHIN_REAL_S:g} s; it may have been done") from error
    return _told(station_id, told)


def _judge(inside: Inside, bearer: Bearer, station_id: str, action: str, *, payload: Payload) -> None:
    if not inside.stations.knows(station_id, action):
        raise HTTPException(404, f"no OCPP version that {station_id} speaks has an action {action[:50]!r} to a station")
    _require(bearer, Role.ATTENDANT if action in FOR_ATTENDANTS else Role.MANAGER)
    try:
        if len(json.dumps(payload, allow_nan=False)) > FRAME_BYTES_MAX:
            raise HTTPException(422, f"the payload is longer than {FRAME_BYTES_MAX} bytes")
        inside.stations.judge_by_hand(station_id, action, payload)
    except ValueError as error:
        status = 409 if isinstance(error, NotByHand) else 422
        raise HTTPException(status, str(error)) from error
    except StationAway as error:
        raise HTTPException(503, str(error)) from error


def _told(station_id: str, told: Answered | Refused) -> Payload | JSONResponse:
    if isinstance(told, Refused):
        detail = f"{station_id} answered CALLERROR {told.code}: {told.description}"
        return problem(502, detail, code=told.code, description=told.description)
    if told.problem is not None:
        detail = f"{station_id} answered what its schema refuses: {told.problem.description}"
        return problem(502, detail, code=ErrorCode.FORMAT_VIOLATION, response=told.payload)
    return told.payload


def _require(bearer: Bearer, least: Role) -> None:
    """Managers may do what attendants may; a device may neither."""
    if bearer.role not in (least, Role.MANAGER):
        raise HTTPException(403, f"this is for the role {least}, the token's is {bearer.role}")


def _station(inside: Inside, station_id: str) -> Station:
    facility = inside.runtime.knowledge.facility
    found = facility.station(station_id) if facility is not None else None
    if found is None:
        raise HTTPException(404, f"this facility has no station {station_id[:48]!r}")
    return found


def _booked(inside: Inside, station_id: str) -> StationState:
    return inside.runtime.state.stations.get(station_id) or StationState()


def _summary(inside: Inside, known: Station) -> dict[str, Any]:
    booked, state = _booked(inside, known.station_id), inside.runtime.state
    status = inside.stations.status().get(known.station_id)
    connectors = sorted(booked.connectors.items())
    return {
        "station_id": known.station_id,
        "level": known.level,
        "connected": status is not None and status.connected,
        "last_seen_ms": None if status is None else status.last_seen_ms,
        "ocpp_version": booked.ocpp_version,
        "model": booked.model,
        "firmware": booked.firmware,
        "quarantine": _quarantine(inside, known.station_id),
        "evses": [
            {
                "evse_id": evse.evse_id,
                "connector": evse.connector,
                "status": booked.statuses.get(evse.evse_id, ""),
                "connectors": {key: x for key, x in connectors if key.startswith(f"{evse.evse_id}/")},
            }
            for evse in known.evses
        ],
        "transactions": [x.transaction_id for x in state.transactions.values() if x.station_id == known.station_id],
    }


def _quarantine(inside: Inside, station_id: str) -> dict[str, Any] | None:
    until_ms = station_quarantine.until(inside.runtime.state, station_id, inside.clock.now_ms())
    return None if until_ms is None else {"until_ms": until_ms, "reason": _booked(inside, station_id).quarantine_reason}
