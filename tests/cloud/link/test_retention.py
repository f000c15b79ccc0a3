"""What is too old is let go of in pieces, and what anybody may still need is not."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud import main
from cloud.db import transaction
from cloud.link import commands, retention
from cloud.link.commands import CommandRecord
from cloud.link.parked import Retried, retry_all
from cloud.link.retention import KEPT, Keeping, Retention
from shared.clock import DAY_MS, HOUR_MS, REAL_TIME, Clock
from shared.sync import Ack, Batch
from tests.builders import NINE_MS
from tests.cloud.billing.stays import open_site
from tests.cloud.link.books import NOON_MS, Tally, held, parked
from tests.cloud.link.test_ingest import log_of, take

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("tally_table")]


@pytest.fixture
async def tally_table(engine: AsyncEngine) -> None:
    async with transaction(engine) as conn:
        await Tally.prepare(conn)


def keeper(engine: AsyncEngine, now_ms: int, kept: Sequence[Keeping] = KEPT) -> Retention:
    """One day is kept."""
    return Retention(engine, Clock(REAL_TIME, lambda: now_ms / 1_000), kept, keep_days=1)


async def let_go(engine: AsyncEngine, now_ms: int, kept: Sequence[Keeping] = KEPT) -> dict[str, float]:
    """What was removed, by its name."""
    keeping = keeper(engine, now_ms, kept)
    await keeping.let_go(asyncio.Event())
    return {name.split("_")[2]: read() for name, (_, read) in keeping.gauges().items()}


async def seqs(engine: AsyncEngine, log_id: str = "log-a") -> list[int]:
    async with transaction(engine) as conn:
        return [e.seq for e in await held(conn, log_id=log_id)]


def after(entry: int) -> int:
    """The instant at which the entries of a log up to this one, and no more, are over a day old."""
    return NOON_MS + entry * 1_000 + 500 + DAY_MS


async def test_the_oldest_events_go_in_pieces_and_the_young_ones_stay(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PIECE", 3)
    await take(engine, log_of(10).batch())
    assert (await let_go(engine, after(0)))["events"] == 0
    assert (await let_go(engine, after(8)))["events"] == 8
    assert await seqs(engine) == [9, 10]
    assert (await let_go(engine, after(10)))["events"] == 2
    assert await seqs(engine) == []


async def test_every_log_of_a_facility_goes_by_its_own_age(engine: AsyncEngine) -> None:
    await take(engine, log_of(3).batch())
    await take(engine, log_of(6, "log-b").batch())
    await let_go(engine, after(4))
    assert (await seqs(engine), await seqs(engine, "log-b")) == ([], [5, 6])


async def test_an_entry_from_a_clock_that_was_ahead_keeps_those_after_it(engine: AsyncEngine) -> None:
    log = log_of(4)
    log.entries[1] = log.entries[1].model_copy(update={"at_ms": NOON_MS + 9 * DAY_MS})
    await take(engine, log.batch())
    await let_go(engine, after(4))
    assert await seqs(engine) == [2, 3, 4]


async def test_a_facility_goes_on_where_it_was_though_nothing_of_its_log_is_left(engine: AsyncEngine) -> None:
    log = log_of(6)
    await take(engine, log.batch(upto=4))
    await let_go(engine, after(9))
    asking = Batch(log_id="log-a", after=0, upto=0, entries=(), head=6)
    assert await take(engine, asking) == Ack(log_id="log-a", upto=4), "it asks what is held"
    older_copy = Batch(log_id="log-a", after=0, upto=0, entries=(), head=2)
    assert await take(engine, older_copy) == Ack(log_id="log-a", upto=4), "a box with less of its log is told so"
    assert await take(engine, log.batch(after=0)) == Ack(log_id="log-a", upto=6), "a box that sends all again"
    assert await seqs(engine) == [5, 6], "what went does not come back"


async def test_what_is_set_aside_stays_until_it_is_taken_in_and_then_goes_too(engine: AsyncEngine) -> None:
    await take(engine, log_of(5).batch(), Tally(poison=["P2"]))
    assert (await let_go(engine, after(4)))["events"] == 3
    assert await seqs(engine) == [2, 5]
    async with transaction(engine) as conn:
        assert [seq for seq, _, _ in await parked(conn)] == [2]
    assert await retry_all(engine, [Tally(poison=["P2"])], now_ms=NOON_MS) == Retried(parked=1)
    assert await seqs(engine) == [2, 5]
    assert await retry_all(engine, [Tally()], now_ms=NOON_MS) == Retried(applied=1)
    assert await seqs(engine) == [5]


async def test_a_log_that_takes_a_batch_now_is_passed_over_and_waits_for_nothing(engine: AsyncEngine) -> None:
    await take(engine, log_of(3).batch())
    await take(engine, log_of(3, "log-b").batch())
    async with transaction(engine) as conn:
        await conn.execute(text("SELECT FROM link.cursors WHERE log_id = 'log-a' FOR UPDATE"))
        async with asyncio.timeout(60):
            await let_go(engine, after(9))
        assert (await seqs(engine), await seqs(engine, "log-b")) == ([1, 2, 3], [])
    await let_go(engine, after(9))
    assert await seqs(engine) == []


async def test_two_workers_let_go_of_everything_once(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PIECE", 7)
    for name in ("log-a", "log-b"):
        await take(engine, log_of(50, name).batch())
    done = await asyncio.gather(*(let_go(engine, after(50)) for _ in range(2)))
    done.append(await let_go(engine, after(50)))  # two that look at one moment may each leave a log to the other
    assert sum(one["events"] for one in done) == 100


async def test_old_commands_go_with_who_gave_them(engine: AsyncEngine) -> None:
    async with transaction(engine) as conn:
        for n in range(3):
            asked = CommandRecord(f"c-{n}", "here", "hq ann", {}, asked_at_ms=NOON_MS + n * DAY_MS)
            await commands.open_record(conn, asked)
    assert (await let_go(engine, NOON_MS + 2 * DAY_MS + 1))["commands"] == 2
    async with transaction(engine) as conn:
        assert [c.command_id for c in await commands.newest(conn, "here", limit=9)] == ["c-2"]


async def test_a_stay_loses_its_plate_and_stays_on_the_books(engine: AsyncEngine) -> None:
    site = await open_site(engine)
    site.leave(site.enter(None), 300)
    site.enter(None)
    await site.sync()
    removed = await let_go(engine, NINE_MS + 9 * DAY_MS, main.KEPT)
    assert removed["plates"] == 1
    async with transaction(engine) as conn:
        rows = await conn.execute(text("SELECT exited_ms, plate FROM sessions.parking_sessions ORDER BY exited_ms"))
        assert [tuple(r) for r in rows] == [(NINE_MS + HOUR_MS + 5_000, ""), (None, "4AB12C")], (
            "a car that is in keeps it"
        )
        assert await conn.scalar(text("SELECT count(*) FROM billing.charges")) == 1


async def test_old_samples_and_messages_of_the_gateway_go(engine: AsyncEngine) -> None:
    await take(engine, log_of(1).batch())
    async with transaction(engine) as conn:
        for n in range(3):
            values = {"at_ms": NOON_MS + n * DAY_MS, "name": f"evt-{n}"}
            sample = "INSERT INTO sessions.power_samples VALUES ('here', :at_ms, 'log-a', 1, 1, 1, 1)"
            await conn.execute(text(sample), values)
            await conn.execute(text("INSERT INTO billing.webhooks VALUES (:name, 'x', 0, :at_ms, '{}')"), values)
    removed = await let_go(engine, NOON_MS + 2 * DAY_MS + 1, main.KEPT)
    assert (removed["power"], removed["webhooks"]) == (2, 2)
