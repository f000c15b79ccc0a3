"""Blocked plates over HTTP: no gate lets them in, within seconds of being blocked. Who blocked a plate is on record."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from cloud.auth import STAFF, Caller, Role, require
from cloud.customers import store
from cloud.customers.inputs import NO_CONTROLS, TypedPlate
from cloud.customers.rules import Block
from cloud.db import Connection
from cloud.link.decisions import publish
from cloud.lived import NowMs
from cloud.problems import not_found
from shared.decisions import PlateBlocked, PlateUnblocked
from shared.ids import Plate

router = APIRouter(prefix="/blocks", tags=["blocks"])

Blocker = Annotated[Caller, Depends(require(Role.MANAGER, Role.HQ))]
Staff = Annotated[Caller, Depends(require(*STAFF))]


class Why(BaseModel):
    reason: str = Field(min_length=1, max_length=200, pattern=NO_CONTROLS)


class BlockView(BaseModel):
    plate: Plate
    reason: str
    blocked_by: str
    blocked_ms: int


@router.put("/{plate}")
async def block(plate: TypedPlate, why: Why, conn: Connection, now_ms: NowMs, caller: Blocker) -> BlockView:
    """Block a plate at every facility, or say anew why."""
    made = Block(plate, why.reason, blocked_by=caller.subject, blocked_ms=now_ms)
    await store.put_block(conn, made)
    await publish(conn, PlateBlocked(plate=plate, reason=why.reason))
    return _view(made)


@router.delete("/{plate}", status_code=204)
async def unblock(plate: TypedPlate, conn: Connection, _caller: Blocker) -> None:
    """Let a plate in again."""
    if not await store.remove_block(conn, plate):
        raise not_found(f"block of plate {plate}")
    await publish(conn, PlateUnblocked(plate=plate))


@router.get("")
async def blocked(conn: Connection, _caller: Staff) -> list[BlockView]:
    """Every blocked plate."""
    return [_view(each) for each in await store.all_blocks(conn)]


def _view(made: Block) -> BlockView:
    return BlockView(plate=made.plate, reason=made.reason, blocked_by=made.blocked_by, blocked_ms=made.blocked_ms)
