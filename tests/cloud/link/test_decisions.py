"""Decisions are published in the transaction that makes them and read compacted, in order, without gaps."""

import asyncio
import random

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.db import transaction
from cloud.link import decisions
from cloud.link.decisions import decision_log, publish, read_batch
from shared.decisions import Decision, PlateBlocked, PlateUnblocked, RightAssigned, RightRevoked, parse_decision
from shared.sync import Batch, receive
from tests import builders

pytestmark = pytest.mark.anyio


def block(number: int) -> PlateBlocked:
    return PlateBlocked(plate=f"P{number}", reason="unpaid")


async def say(engine: AsyncEngine, *said: Decision, to: tuple[str, ...] = ()) -> None:
    async with transaction(engine) as conn:
        for decision in said:
            await publish(conn, decision, to)


async def ask(engine: AsyncEngine, facility_id: str = "here", after: int = 0, **limits: int) -> Batch:
    async with transaction(engine) as conn:
        log_id, _ = await decision_log(conn)
        return await read_batch(conn, facility_id, log_id=log_id, after=after, **limits)


def told(batch: Batch) -> list[Decision | None]:
    return [parse_decision(entry.body) for entry in batch.entries]


async def test_a_new_database_begins_a_log_of_its_own_without_decisions(engine: AsyncEngine) -> None:
    async with transaction(engine) as conn:
        log_id, version = await decision_log(conn)
    assert log_id.startswith("hq-")
    assert version == 0
    assert (await ask(engine)).upto == 0


async def test_decisions_are_read_in_the_order_they_were_made(engine: AsyncEngine) -> None:
    await say(engine, block(1), block(2))
    batch = await ask(engine)
    assert told(batch) == [block(1), block(2)]
    assert [e.position for e in batch.entries] == [1, 2]
    assert (batch.after, batch.upto, batch.head) == (0, 2, 2)
    assert told(await ask(engine, after=1)) == [block(2)]


async def test_only_the_newest_of_a_key_is_read_and_the_others_leave_no_gap_to_wait_for(engine: AsyncEngine) -> None:
    assigned, revoked = (
        RightAssigned(right=builders.right("ann", "A1")),
        RightRevoked(right_id="ann", reason="moved"),
    )
    await say(engine, assigned, block(1), PlateUnblocked(plate="P1"), revoked)
    batch = await ask(engine)
    assert told(batch) == [PlateUnblocked(plate="P1"), revoked]
    assert (batch.after, batch.upto) == (0, 4)


async def test_a_decision_for_some_facilities_goes_to_no_other(engine: AsyncEngine) -> None:
    await say(engine, block(1), to=("here", "there"))
    await say(engine, block(2))
    assert told(await ask(engine, "here")) == [block(1), block(2)]
    elsewhere = await ask(engine, "elsewhere")
    assert told(elsewhere) == [block(2)]
    assert elsewhere.upto == 2


async def test_who_was_told_of_a_key_hears_of_its_replacement_although_it_is_for_others(engine: AsyncEngine) -> None:
    old, new = builders.right("ann", "A1"), builders.right("ann", "A1", facility_ids=("there",))
    await say(engine, RightAssigned(right=old), to=("here",))
    await say(engine, RightAssigned(right=new), to=("there",))
    assert told(await ask(engine, "here", after=1)) == [RightAssigned(right=new)]
    await say(engine, RightRevoked(right_id="ann", reason="left"))
    assert told(await ask(engine, "anywhere")) == [RightRevoked(right_id="ann", reason="left")]


async def test_a_long_log_is_read_in_pieces(engine: AsyncEngine) -> None:
    await say(engine, *map(block, range(1, 8)))
    first = await ask(engine, entries_max=3)
    assert (first.upto, first.head, len(first.entries)) == (3, 7, 3)
    rest = await ask(engine, after=3, entries_max=10)
    assert (rest.upto, len(rest.entries)) == (7, 4)


async def test_a_batch_stops_before_it_grows_too_big_for_a_broker(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "BYTES_MAX", 150)
    await say(engine, *map(block, range(1, 8)))
    first = await ask(engine)
    assert 1 <= len(first.entries) < 7
    assert first.upto == first.entries[-1].position
    monkeypatch.setattr(decisions, "BYTES_MAX", 1)
    assert (await ask(engine)).upto == 1, "one that alone is too big is sent all the same"


async def test_a_facility_that_holds_another_log_is_told_everything(engine: AsyncEngine) -> None:
    await say(engine, block(1), block(2))
    async with transaction(engine) as conn:
        batch = await read_batch(conn, "here", log_id="hq-before-the-restore", after=2)
    assert told(batch) == [block(1), block(2)]
    assert batch.after == 0


async def test_a_decision_of_a_transaction_that_rolled_back_never_was_and_leaves_no_gap(engine: AsyncEngine) -> None:
    async with engine.connect() as conn:
        await publish(conn, block(1))
        await conn.rollback()
    await say(engine, block(2))
    assert [e.position for e in (await ask(engine)).entries] == [1]


async def test_listeners_are_told_at_the_commit(engine: AsyncEngine, database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as listener:
        await listener.execute(f"LISTEN {decisions.CHANNEL}")
        await say(engine, block(1))
        notes = [note.payload async for note in listener.notifies(timeout=5, stop_after=1)]
    assert notes == ["1"]


async def test_a_reader_that_follows_many_writers_never_skips_a_decision(engine: AsyncEngine) -> None:
    """Writers take their version at one moment and commit at another; versions must become visible in order."""
    writers, each = 12, 8
    running = True

    async def write(number: int) -> None:
        dice = random.Random(number)  # noqa: S311 - no secret
        for n in range(each):
            async with transaction(engine) as conn:
                await asyncio.sleep(dice.random() / 200)
                await publish(conn, block(number * each + n))
                await asyncio.sleep(dice.random() / 200)

    async def follow() -> list[str]:
        seen: list[str] = []
        at = 0
        while running or at < writers * each:
            batch = await ask(engine, after=at, entries_max=3)
            fresh, at = receive(at, batch)
            seen += [entry.body["plate"] for entry in fresh]
            await asyncio.sleep(0)
        return seen

    following = asyncio.create_task(follow())
    await asyncio.gather(*map(write, range(writers)))
    running = False
    seen = await asyncio.wait_for(following, 30)
    assert len(seen) == writers * each
    assert set(seen) == {f"P{n}" for n in range(writers * each)}
    async with transaction(engine) as conn:
        versions = list(await conn.scalars(text("SELECT version FROM link.decisions ORDER BY version")))
    assert versions == list(range(1, writers * each + 1))
