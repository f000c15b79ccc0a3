"""Which box is a facility, when two of them say so: pure choices, and the row that keeps the choice.

A box is a log and the process that writes it. A new log may be a replaced box, or a second one that was given the name
of a first. They are told apart by whether the first one speaks again: the broker ends a box's connection when another
of its name connects, and a box that lives is back within a second. docs/decisions/0007 has the reasons.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

QUIET_REAL_MS = 15_000
"""A new box waits so long for the one before it to speak, if that one was heard lately."""
LATELY_REAL_MS = 60_000
CONTESTED_REAL_MS = 600_000
"""A box that was refused once, because both lived, takes over only when the other was silent for so long."""
SUPERSEDED_KEPT = 100


@dataclass(frozen=True, slots=True)
class Box:
    """``instance`` is empty for boxes of a version that does not tell it."""

    log_id: str
    instance: str = ""


class Verdict(StrEnum):
    TAKEN = "TAKEN"
    WAIT = "WAIT"
    """Neither taken nor refused yet: it sends again by itself."""
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Boxes:
    """What is known of a facility's boxes. ``ours`` None: nothing yet. ``superseded`` are processes of our log that a
    later one followed; one of them that speaks again is a second box with a copy of the log."""

    ours: Box | None = None
    heard_real_ms: int = 0
    rival: Box | None = None
    candidate: Box | None = None
    since_real_ms: int = 0
    superseded: tuple[str, ...] = ()


def spoke(boxes: Boxes, box: Box, now_real_ms: int) -> tuple[Boxes, Verdict]:
    """A box said that it is there, or sent something. What is known now, and what to do with it."""
    ours = boxes.ours
    if ours is None:
        return Boxes(ours=box, heard_real_ms=now_real_ms), Verdict.TAKEN
    if box.log_id == ours.log_id:
        return _of_our_log(boxes, ours, box, now_real_ms)
    silent_ms = now_real_ms - boxes.heard_real_ms
    if boxes.rival is not None and boxes.rival.log_id == box.log_id:
        return _take_over(boxes, box, now_real_ms, silent_ms > CONTESTED_REAL_MS, Verdict.REFUSED)
    if silent_ms > LATELY_REAL_MS:
        return _take_over(boxes, box, now_real_ms, True, Verdict.TAKEN)
    if boxes.candidate is None or boxes.candidate.log_id != box.log_id:
        return replace(boxes, candidate=box, since_real_ms=now_real_ms), Verdict.WAIT
    quiet = now_real_ms - max(boxes.since_real_ms, boxes.heard_real_ms) > QUIET_REAL_MS
    return _take_over(boxes, box, now_real_ms, quiet, Verdict.WAIT)


def _take_over(boxes: Boxes, box: Box, now_real_ms: int, may: bool, otherwise: Verdict) -> tuple[Boxes, Verdict]:
    if may:
        return Boxes(ours=box, heard_real_ms=now_real_ms), Verdict.TAKEN
    return boxes, otherwise


def _of_our_log(boxes: Boxes, ours: Box, box: Box, now_real_ms: int) -> tuple[Boxes, Verdict]:
    if boxes.rival == box:
        return boxes, Verdict.REFUSED
    heard = replace(boxes, heard_real_ms=now_real_ms, candidate=None, rival=boxes.candidate or boxes.rival)
    if box.instance in ("", ours.instance):
        return heard, Verdict.TAKEN
    if box.instance in boxes.superseded:
        # The first one lives: what looked like its restart is another box with a copy of its log.
        return replace(heard, ours=box, rival=ours), Verdict.TAKEN
    superseded = (*boxes.superseded, ours.instance)[-SUPERSEDED_KEPT:]
    return replace(heard, ours=box, superseded=superseded), Verdict.TAKEN


def refusal(ours: Box, box: Box) -> str:
    """What a refused box is told, for whoever stands before it."""
    if ours.log_id == box.log_id:
        return (
            f"another box with a copy of this one's log {box.log_id} is this facility and was here first: switch one of"
            " them off, and give it an empty data folder before it comes back"
        )
    return (
        f"another box of this facility's name is there and writes log {ours.log_id}: this one (log {box.log_id}) is"
        " refused and keeps what it books. Switch the wrong one off; if this is the right one, headquarters can say so"
    )


_READ = text("SELECT log_id, instance FROM link.boxes WHERE facility_id = :facility_id")
_STANDING = text(
    "SELECT facility_id, log_id, since_ms, rival_log_id, rival_at_ms FROM link.boxes WHERE facility_id = :facility_id"
)
_TRUST = text(
    """
    INSERT INTO link.boxes (facility_id, log_id, instance, since_ms, rival_log_id, rival_at_ms)
    VALUES (:facility_id, :log_id, :instance, :now_ms, '', 0)
    ON CONFLICT (facility_id) DO UPDATE SET log_id = excluded.log_id, instance = excluded.instance,
        since_ms = CASE WHEN boxes.log_id = excluded.log_id THEN boxes.since_ms ELSE excluded.since_ms END,
        rival_log_id = CASE WHEN boxes.rival_log_id = excluded.log_id THEN '' ELSE boxes.rival_log_id END,
        rival_at_ms = CASE WHEN boxes.rival_log_id = excluded.log_id THEN 0 ELSE boxes.rival_at_ms END
    """
)
_RIVAL = text("UPDATE link.boxes SET rival_log_id = :log_id, rival_at_ms = :now_ms WHERE facility_id = :facility_id")


async def chosen(conn: AsyncConnection, facility_id: str) -> Box | None:
    """The box that counts as the facility, as last written; None before the first."""
    row = (await conn.execute(_READ, {"facility_id": facility_id})).one_or_none()
    return None if row is None else Box(row.log_id, row.instance)


async def standing(conn: AsyncConnection, facility_id: str) -> dict[str, Any] | None:
    """The row of a facility; None before its first box."""
    row = (await conn.execute(_STANDING, {"facility_id": facility_id})).mappings().one_or_none()
    return None if row is None else dict(row)


async def choose(conn: AsyncConnection, facility_id: str, box: Box, *, now_ms: int) -> None:
    """Write down that this box is the facility."""
    values = {"facility_id": facility_id, "log_id": box.log_id, "instance": box.instance, "now_ms": now_ms}
    await conn.execute(_TRUST, values)


async def note_rival(conn: AsyncConnection, facility_id: str, box: Box, *, now_ms: int) -> None:
    """Write down that another box was here just now and was refused."""
    await conn.execute(_RIVAL, {"facility_id": facility_id, "log_id": box.log_id, "now_ms": now_ms})
