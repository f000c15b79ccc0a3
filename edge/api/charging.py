"""Charging at the desk: what runs, targets and pauses, the line for the chargers, and EVSEs kept for someone."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from edge.api.commands import AttendantDep
from edge.api.inside import BearerDep, Inside, InsideDep, submitted
from edge.rules import charging_view
from edge.rules.requests import (
    ChargingRequest,
    PauseAsked,
    RequestReply,
    ReservationAsked,
    ReservationCancelled,
    TargetAsked,
    WaitAsked,
    WaitCancelled,
)

router = APIRouter(prefix="/api/v1")


class TargetBody(BaseModel):
    """Whichever is reached first; neither: charge until the car is full. ``departure_ms``: when it leaves; where
    power is short, who has more to get in less time gets more of it."""

    energy_wh: int | None = Field(None, gt=0, le=1_000_000)
    soc_pct: int | None = Field(None, ge=1, le=100)
    departure_ms: int | None = Field(None, ge=0)


class WaitBody(BaseModel):
    """``connector`` is the plug that the car needs; empty: any."""

    plate: str = Field(min_length=1, max_length=20)
    connector: str = ""


class ReservationBody(BaseModel):
    """For a token or for the car of a plate, one of them, from now until ``until_ms``."""

    station_id: str
    evse_id: int = Field(1, ge=1)
    until_ms: int
    id_token: str = Field("", max_length=36)
    plate: str = Field("", max_length=20)


@router.get("/charging/transactions")
async def transactions(inside: InsideDep, _: BearerDep) -> list[dict[str, Any]]:
    """Every transaction that has not ended."""
    return [asdict(t) for t in charging_view.transactions(inside.runtime.state)]


@router.post("/charging/transactions/{station_id}/{transaction_id}/target")
async def target(
    inside: InsideDep, who: AttendantDep, station_id: str, transaction_id: str, body: TargetBody
) -> dict[str, Any]:
    """Stop at an energy or a state of charge."""
    asked = TargetAsked(
        station_id, transaction_id, who.name, body.energy_wh, body.soc_pct, departure_ms=body.departure_ms
    )
    return await _done(inside, asked)


@router.post("/charging/transactions/{station_id}/{transaction_id}/pause")
async def pause(inside: InsideDep, who: AttendantDep, station_id: str, transaction_id: str) -> dict[str, Any]:
    """Hold it at nothing. The idle clock does not run meanwhile."""
    return await _done(inside, PauseAsked(station_id, transaction_id, True, who.name))


@router.post("/charging/transactions/{station_id}/{transaction_id}/resume")
async def resume(inside: InsideDep, who: AttendantDep, station_id: str, transaction_id: str) -> dict[str, Any]:
    """Let it go on."""
    return await _done(inside, PauseAsked(station_id, transaction_id, False, who.name))


@router.get("/charging/refusals")
async def refusals(inside: InsideDep, _: BearerDep) -> list[dict[str, Any]]:
    """Who was not let charge lately, the newest first: ``status`` is what the station was told, ``reason`` what to tell
    the driver."""
    return [asdict(r) for r in charging_view.refusals(inside.runtime.state)]


@router.get("/charging/line")
async def line(inside: InsideDep, _: BearerDep) -> list[dict[str, Any]]:
    """Who waits for a charger: positions from 1, and how long it will probably take."""
    runtime = inside.runtime
    return [asdict(p) for p in charging_view.line(runtime.state, runtime.knowledge, inside.clock.now_ms())]


@router.post("/charging/line", status_code=201)
async def join(inside: InsideDep, who: BearerDep, body: WaitBody) -> dict[str, Any]:
    """Put a parked car in line; pay machines and kiosks may."""
    return await _done(inside, WaitAsked(body.plate, body.connector, who.name))


@router.delete("/charging/line/{waiting_id}")
async def leave(inside: InsideDep, _: BearerDep, waiting_id: str) -> dict[str, Any]:
    return await _done(inside, WaitCancelled(waiting_id))


@router.get("/charging/reservations")
async def reservations(inside: InsideDep, _: BearerDep) -> list[dict[str, Any]]:
    """EVSEs that are kept now, also for those in line."""
    return [asdict(r) for r in charging_view.reservations(inside.runtime.state)]


@router.post("/charging/reservations", status_code=201)
async def reserve(inside: InsideDep, who: AttendantDep, body: ReservationBody) -> dict[str, Any]:
    """Keep a free EVSE."""
    given = ReservationAsked(body.station_id, body.evse_id, body.until_ms, who.name, body.id_token, body.plate)
    return await _done(inside, given)


@router.delete("/charging/reservations/{reservation_id}")
async def cancel(inside: InsideDep, _: AttendantDep, reservation_id: str) -> dict[str, Any]:
    return await _done(inside, ReservationCancelled(reservation_id))


async def _done(inside: Inside, request: ChargingRequest) -> dict[str, Any]:
    reply = await submitted(inside, request)
    if not isinstance(reply, RequestReply):
        raise HTTPException(500, "the rules gave no answer")
    if reply.problem is not None:
        raise HTTPException(409 if reply.found else 404, reply.problem)
    return {"id": reply.id}
