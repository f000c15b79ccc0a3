"""A facility's log as the edge keeps it, and what the cloud made of it, for tests of the link."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.link.rules import Line, Told, read
from shared.events import KNOWN_TYPES, Entry, EntryRefused, Event, entry
from shared.sync import Batch, SyncEntry

NOON_MS = 1_767_286_800_000


class EdgeLog:
    """Events numbered from 1; ``batch`` is what the edge's link would send of them."""

    def __init__(self, log_id: str = "log-a") -> None:
        self.log_id = log_id
        self.entries: list[Entry] = []

    def append(self, *events: Event) -> "EdgeLog":
        for event in events:
            seq = len(self.entries) + 1
            self.entries.append(entry(seq, NOON_MS + seq * 1_000, event))
        return self

    def append_raw(self, type_: str, body: dict[str, Any]) -> "EdgeLog":
        seq = len(self.entries) + 1
        self.entries.append(Entry(seq=seq, at_ms=NOON_MS + seq * 1_000, type=type_, body=body))
        return self

    def batch(self, after: int = 0, upto: int | None = None) -> Batch:
        upto = len(self.entries) if upto is None else upto
        entries = tuple(
            SyncEntry(position=e.seq, body={"at_ms": e.at_ms, "type": e.type, "body": e.body})
            for e in self.entries[after:upto]
        )
        return Batch(log_id=self.log_id, after=after, upto=upto, entries=entries, head=len(self.entries))


def told(entries: Sequence[Entry]) -> list[Told]:
    """Entries as projections are given them."""
    events, _ = read([Line(e.seq, e.at_ms, e.type, e.body) for e in entries], KNOWN_TYPES)
    return events


class Tally:
    """A projection that counts what it is given in a table of its own, and chokes on the plates it is told to."""

    name = "tally"
    types = frozenset({"EntryRefused", "TailgateDetected"})

    def __init__(self, poison: Sequence[str] = ()) -> None:
        self.poison = frozenset(poison)

    @staticmethod
    async def prepare(conn: AsyncConnection) -> None:
        await conn.execute(
            text(
                "CREATE TABLE tally (facility_id text, log_id text, seq bigint, PRIMARY KEY (facility_id, log_id, seq))"
            )
        )

    async def __call__(self, conn: AsyncConnection, facility_id: str, log_id: str, told: Sequence[Told]) -> None:
        for e in told:
            await conn.execute(
                text("INSERT INTO tally VALUES (:facility_id, :log_id, :seq)"),
                {"facility_id": facility_id, "log_id": log_id, "seq": e.seq},
            )
            if isinstance(e.event, EntryRefused) and e.event.plate in self.poison:
                raise ValueError(f"cannot take {e.event.plate}")


async def held(conn: AsyncConnection, facility_id: str = "here", log_id: str = "log-a") -> list[Entry]:
    """The cloud's copy of a log."""
    rows = await conn.execute(
        text(
            "SELECT seq, at_ms, type, body FROM link.events WHERE facility_id = :facility_id AND log_id = :log_id"
            " ORDER BY seq"
        ),
        {"facility_id": facility_id, "log_id": log_id},
    )
    return [Entry(**row) for row in rows.mappings()]


async def tallied(conn: AsyncConnection, facility_id: str = "here") -> list[int]:
    rows = await conn.scalars(
        text("SELECT seq FROM tally WHERE facility_id = :facility_id ORDER BY log_id, seq"),
        {"facility_id": facility_id},
    )
    return list(rows)


async def parked(conn: AsyncConnection) -> list[tuple[int, str, str]]:
    rows = await conn.execute(text("SELECT seq, projection, error FROM link.parked ORDER BY seq, projection"))
    return [tuple(row) for row in rows]
