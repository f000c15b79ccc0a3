"""Every command and what became of it: those asked for here, and those that people on site gave their box, whose log
tells of both. What the log says of a command counts more than that nobody heard an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.link.rules import Told
from shared.commands import CommandResult
from shared.events import CommandCompleted, CommandTaken

_TAKE = text(
    """
    INSERT INTO link.commands (command_id, facility_id, asked_by, command, asked_at_ms, reason, details)
    VALUES (:command_id, :facility_id, :asked_by, :command, :asked_at_ms, '', '{}')
    ON CONFLICT DO NOTHING RETURNING command_id
    """
).bindparams(bindparam("command", type_=JSONB))
_SETTLE = text(
    """
    UPDATE link.commands SET outcome = :outcome, reason = :reason, details = :details, settled_at_ms = :settled_at_ms
    WHERE command_id = :command_id AND (outcome IS NULL OR outcome = 'UNKNOWN' AND :outcome <> 'UNKNOWN')
    """
).bindparams(bindparam("details", type_=JSONB))
_COLUMNS = (
    "SELECT command_id, facility_id, asked_by, command, asked_at_ms, outcome, reason, details, settled_at_ms"
    " FROM link.commands"
)
_ONE = text(f"{_COLUMNS} WHERE command_id = :command_id")
_NEWEST = text(f"{_COLUMNS} WHERE facility_id = :facility_id ORDER BY asked_at_ms DESC, command_id DESC LIMIT :limit")
_WHERE = text(
    """
    SELECT p.online, coalesce(b.log_id, p.log_id) AS log_id
    FROM link.presence AS p LEFT JOIN link.boxes AS b USING (facility_id) WHERE p.facility_id = :facility_id
    """
)


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """``outcome`` None: not known, or not known yet."""

    command_id: str
    facility_id: str
    asked_by: str
    command: dict[str, Any]
    asked_at_ms: int
    outcome: str | None = None
    reason: str = ""
    details: dict[str, Any] | None = None
    settled_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Whether a facility counts as there, and the log of the box that is it."""

    online: bool
    log_id: str


async def whereabouts(conn: AsyncConnection, facility_id: str) -> Whereabouts | None:
    """Where a command would go; None for a facility that was never heard of."""
    row = (await conn.execute(_WHERE, {"facility_id": facility_id})).one_or_none()
    return None if row is None else Whereabouts(row.online, row.log_id)


async def open_record(conn: AsyncConnection, asked: CommandRecord) -> bool:
    """Write a command down before it is sent. False: one with this id was written down before."""
    values = {
        "command_id": asked.command_id,
        "facility_id": asked.facility_id,
        "asked_by": asked.asked_by,
        "command": asked.command,
        "asked_at_ms": asked.asked_at_ms,
    }
    return await conn.scalar(_TAKE, values) is not None


async def settle(conn: AsyncConnection, result: CommandResult, *, now_ms: int) -> None:
    """Write down what became of a command."""
    await conn.execute(_SETTLE, {**result.model_dump(mode="json"), "settled_at_ms": now_ms})


async def record(conn: AsyncConnection, command_id: str) -> CommandRecord | None:
    """One command, or None."""
    row = (await conn.execute(_ONE, {"command_id": command_id})).mappings().one_or_none()
    return None if row is None else CommandRecord(**row)


async def newest(conn: AsyncConnection, facility_id: str, *, limit: int) -> list[CommandRecord]:
    """A facility's commands, newest first."""
    rows = (await conn.execute(_NEWEST, {"facility_id": facility_id, "limit": limit})).mappings()
    return [CommandRecord(**row) for row in rows]


class CommandsProjection:
    """A facility's log tells of commands that were given on site, and how those ended that nobody heard of here."""

    name = "commands"
    types = frozenset({"CommandTaken", "CommandCompleted"})

    async def __call__(self, conn: AsyncConnection, facility_id: str, log_id: str, told: Sequence[Told]) -> None:  # noqa: ARG002 - ids are unique over all logs
        for _, at_ms, _, event in told:
            match event:
                case CommandTaken(command_id=command_id, by=by, command=command):
                    await open_record(conn, CommandRecord(command_id, facility_id, by, command, at_ms))
                case CommandCompleted():
                    result = CommandResult.model_validate(event.model_dump(exclude={"type"}))
                    await settle(conn, result, now_ms=at_ms)
