"""Reading back what facilities told."""

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.link.events import newest_events
from cloud.link.ingest import ingest
from shared.events import EntryRefused, TailgateDetected
from tests.cloud.link.books import EdgeLog

pytestmark = pytest.mark.anyio


async def test_the_newest_events_come_first_without_what_nobody_asked_for(conn: AsyncConnection) -> None:
    log = EdgeLog()
    for n in range(4):
        log.append(TailgateDetected(lane_id="in-1"), EntryRefused(lane_id="in-1", plate=f"P{n}", reason="full"))
    await ingest(conn, "here", log.batch(), [], now_ms=1)
    assert [e.seq for e in await newest_events(conn, "here", limit=3)] == [8, 7, 6]
    assert [e.seq for e in await newest_events(conn, "here", limit=2, without=["EntryRefused"])] == [7, 5]
    assert await newest_events(conn, "there", limit=3) == ()


async def test_of_a_replaced_box_only_the_new_log_counts(conn: AsyncConnection) -> None:
    old = EdgeLog("log-a").append(*[TailgateDetected(lane_id="in-1")] * 3)
    new = EdgeLog("log-b").append(TailgateDetected(lane_id="out-1"))
    await ingest(conn, "here", old.batch(), [], now_ms=1)
    await ingest(conn, "here", new.batch(), [], now_ms=2)
    assert [e.body["lane_id"] for e in await newest_events(conn, "here", limit=9)] == ["out-1"]
