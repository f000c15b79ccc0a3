"""A facility's events come into the cloud exactly once: its copy is always an exact prefix of the facility's log."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.db import transaction
from cloud.link.ingest import ingest
from shared.events import EntryRefused, TailgateDetected
from shared.sync import Ack, Batch, SyncEntry
from shared.wire import WireError
from tests.cloud.link.books import NOON_MS, EdgeLog, Tally, held, parked, tallied


def log_of(size: int, log_id: str = "log-a") -> EdgeLog:
    log = EdgeLog(log_id)
    for n in range(size):
        log.append(EntryRefused(lane_id="in-1", plate=f"P{n + 1}", reason="full"))
    return log


async def take(engine: AsyncEngine, batch: Batch, tally: Tally | None = None, facility_id: str = "here") -> Ack:
    async with transaction(engine) as conn:
        return await ingest(conn, facility_id, batch, [tally or Tally()], now_ms=NOON_MS)


@pytest.fixture
async def tally_table(engine: AsyncEngine) -> None:
    async with transaction(engine) as conn:
        await Tally.prepare(conn)


pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("tally_table")]


async def test_a_batch_is_stored_as_it_was_written_and_acknowledged_to_its_end(engine: AsyncEngine) -> None:
    log = log_of(3)
    assert await take(engine, log.batch()) == Ack(log_id="log-a", upto=3)
    async with transaction(engine) as conn:
        assert await held(conn) == log.entries
        assert await tallied(conn) == [1, 2, 3]


async def test_a_repeated_batch_changes_nothing_and_is_acknowledged_again(engine: AsyncEngine) -> None:
    log = log_of(3)
    first, second = await take(engine, log.batch()), await take(engine, log.batch())
    assert first == second
    async with transaction(engine) as conn:
        assert await held(conn) == log.entries
        assert await tallied(conn) == [1, 2, 3]


async def test_of_an_overlapping_batch_only_the_new_end_is_taken(engine: AsyncEngine) -> None:
    log = log_of(5)
    await take(engine, log.batch(0, 3))
    assert (await take(engine, log.batch(1, 5))).upto == 5
    async with transaction(engine) as conn:
        assert await held(conn) == log.entries
        assert await tallied(conn) == [1, 2, 3, 4, 5]


async def test_a_batch_beyond_a_gap_is_answered_with_what_is_held(engine: AsyncEngine) -> None:
    log = log_of(5)
    await take(engine, log.batch(0, 2))
    assert (await take(engine, log.batch(3, 5))).upto == 2
    async with transaction(engine) as conn:
        assert await held(conn) == log.entries[:2]


async def test_an_empty_probe_is_answered_with_what_is_held(engine: AsyncEngine) -> None:
    log = log_of(2)
    assert (await take(engine, log.batch(0, 0))).upto == 0
    await take(engine, log.batch())
    assert (await take(engine, log.batch(0, 0))).upto == 2


async def test_a_batch_with_a_hole_inside_is_refused_whole(engine: AsyncEngine) -> None:
    batch = log_of(3).batch()
    holed = batch.model_copy(update={"entries": (batch.entries[0], batch.entries[2])})
    with pytest.raises(WireError, match="without gaps"):
        await take(engine, holed)
    async with transaction(engine) as conn:
        assert await held(conn) == []


class CrashError(Exception):
    """The process dies."""


async def test_a_crash_before_the_commit_leaves_nothing_and_the_batch_counts_when_it_comes_again(
    engine: AsyncEngine,
) -> None:
    log = log_of(3)

    async def die_before_the_commit() -> None:
        async with transaction(engine) as conn:
            await ingest(conn, "here", log.batch(), [Tally()], now_ms=NOON_MS)
            raise CrashError

    with pytest.raises(CrashError):
        await die_before_the_commit()
    async with transaction(engine) as conn:
        assert await held(conn) == []
        assert await tallied(conn) == []
    await take(engine, log.batch())
    async with transaction(engine) as conn:
        assert await held(conn) == log.entries
        assert await tallied(conn) == [1, 2, 3]


async def test_a_poison_entry_is_parked_with_its_error_and_the_log_goes_on(engine: AsyncEngine) -> None:
    log = log_of(4)
    assert (await take(engine, log.batch(), Tally(poison=["P2"]))).upto == 4
    async with transaction(engine) as conn:
        assert await held(conn) == log.entries, "the event itself is kept"
        assert await tallied(conn) == [1, 3, 4], "nothing of the poisonous one's rows is left"
        assert await parked(conn) == [(2, "tally", "ValueError: cannot take P2")]


async def test_an_event_of_an_unknown_type_is_kept_as_it_came_and_set_aside_for_an_update(engine: AsyncEngine) -> None:
    log = log_of(1).append_raw("DroneLanded", {"pad": "roof", "rotors": [1, 2]})
    await take(engine, log.batch())
    async with transaction(engine) as conn:
        assert await held(conn) == log.entries
        assert [(seq, by) for seq, by, _ in await parked(conn)] == [(2, "unknown")]


@pytest.mark.parametrize(
    "body",
    [
        {"at_ms": 5, "type": "EntryRefused", "body": {"plate": "NUL\x00", "lane_id": "in-1", "reason": "x"}},
        {"at_ms": 5, "type": "EntryRefused", "body": {"plate": "P", "weight": float("nan")}},
        {"at_ms": 2**80, "type": "EntryRefused", "body": {}},
        {"at_ms": 5, "type": "Nul\x00", "body": {}},
        {"nothing": "of an entry"},
    ],
    ids=["a NUL character", "not a number", "a time too far off", "a NUL in the type", "no entry at all"],
)
async def test_what_cannot_be_stored_is_kept_as_text_and_parked_so_that_the_log_stays_without_gaps(
    engine: AsyncEngine, body: dict[str, object]
) -> None:
    whole = log_of(3).batch()
    entries = (whole.entries[0], SyncEntry(position=2, body=body), whole.entries[2])
    assert (await take(engine, whole.model_copy(update={"entries": entries}))).upto == 3
    async with transaction(engine) as conn:
        assert [(e.seq, e.type) for e in await held(conn)] == [
            (1, "EntryRefused"),
            (2, "Unreadable"),
            (3, "EntryRefused"),
        ]
        assert await tallied(conn) == [1, 3]
        assert [(seq, by) for seq, by, _ in await parked(conn)] == [(2, "store")]


async def test_facilities_do_not_mix_even_when_their_logs_share_a_name(engine: AsyncEngine) -> None:
    log = log_of(3)
    await take(engine, log.batch(), facility_id="here")
    assert (await take(engine, log.batch(0, 1), facility_id="there")).upto == 1
    async with transaction(engine) as conn:
        assert len(await held(conn, "here")) == 3
        assert len(await held(conn, "there")) == 1


async def test_a_new_log_of_a_replaced_box_stands_beside_the_old_one(engine: AsyncEngine) -> None:
    old, new = log_of(3, "log-a"), log_of(2, "log-b")
    await take(engine, old.batch())
    assert await take(engine, new.batch()) == Ack(log_id="log-b", upto=2)
    async with transaction(engine) as conn:
        assert await held(conn, log_id="log-a") == old.entries
        assert await held(conn, log_id="log-b") == new.entries
    assert (await take(engine, old.batch(0, 0))).upto == 3


async def test_the_same_batch_from_two_workers_at_once_counts_once(engine: AsyncEngine) -> None:
    log = log_of(50)
    acks = await asyncio.gather(*(take(engine, log.batch()) for _ in range(6)))
    assert {ack.upto for ack in acks} == {50}
    async with transaction(engine) as conn:
        assert await tallied(conn) == list(range(1, 51))


async def test_a_lost_connection_parks_nothing(engine: AsyncEngine) -> None:
    class Cutter:
        name = "cutter"
        types = frozenset({"EntryRefused"})

        async def __call__(self, conn: AsyncConnection, facility_id: str, log_id: str, entries: object) -> None:
            await conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    async def take_and_lose_the_connection() -> None:
        async with transaction(engine) as conn:
            await ingest(conn, "here", log_of(2).batch(), [Cutter()], now_ms=NOON_MS)

    with pytest.raises(Exception, match=r"terminating connection|closed the connection"):
        await take_and_lose_the_connection()
    async with transaction(engine) as conn:
        assert await held(conn) == []
        assert await parked(conn) == []


async def test_the_cursor_tells_how_far_the_cloud_is_behind(engine: AsyncEngine) -> None:
    await take(engine, log_of(10).batch(0, 4))
    async with transaction(engine) as conn:
        row = (await conn.execute(text("SELECT upto, head, updated_at_ms FROM link.cursors"))).one()
    assert tuple(row) == (4, 10, NOON_MS)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(
        st.tuples(st.sampled_from(["log-a", "log-b"]), st.integers(0, 12), st.integers(0, 12), st.booleans()),
        max_size=12,
    )
)
async def test_whatever_batches_come_the_cloud_holds_an_exact_prefix_and_acknowledges_exactly_it(
    engine: AsyncEngine, batches: list[tuple[str, int, int, bool]]
) -> None:
    """Any stretches, in any order, some of them lost before their commit."""
    logs = {name: log_of(12, name) for name in ("log-a", "log-b")}
    logs["log-b"].append(TailgateDetected(lane_id="in-1"))
    async with transaction(engine) as conn:
        await conn.execute(text("TRUNCATE link.events, link.cursors, link.parked, tally"))
    for log_id, one, other, crashes in batches:
        batch = logs[log_id].batch(min(one, other), max(one, other))
        async with engine.connect() as conn:
            ack = await ingest(conn, "here", batch, [Tally(poison=["P3"])], now_ms=NOON_MS)
            await (conn.rollback() if crashes else conn.commit())
        async with transaction(engine) as conn:
            copy = await held(conn, log_id=log_id)
            assert copy == logs[log_id].entries[: len(copy)]
            assert crashes or ack.upto == len(copy)
    async with transaction(engine) as conn:
        counted = await tallied(conn)
        stored = [e.seq for name in ("log-a", "log-b") for e in await held(conn, log_id=name)]
    assert counted == [seq for seq in stored if seq != 3]
