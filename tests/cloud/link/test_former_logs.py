"""A box that began a new log is one box: it is taken for the facility, and the rest of its former log with it."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.db import transaction
from cloud.link import boxes
from edge import link_up
from edge.logbook import Snapshot
from provisioning.local.broker import Broker
from shared.events import Entry
from tests.cloud.link.boxes_kit import RealBox, linking
from tests.waiting import until

pytestmark = pytest.mark.anyio


def started(seq: int) -> Entry:
    return Entry(seq=seq, at_ms=1, type="DaemonStarted", body={"version": "1"})


async def test_both_logs_of_a_box_that_began_anew_come_and_it_is_not_taken_for_two(
    engine: AsyncEngine, database_url: str, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boxes, "QUIET_REAL_MS", 300)
    monkeypatch.setattr(link_up, "RESEND_REAL_MS", 100)
    box = RealBox(tmp_path / "a", broker)
    former = box.store.log_id
    async with linking(engine, database_url, broker):
        box.start()
        await until(lambda: box.link.view().acked == 1)
        assert box.running is not None
        box.running.cancel()
        await asyncio.wait({box.running})
        box.store.append([started(2), started(3)])
        box.store.begin_anew("here-new", Snapshot(0, "rules", "{}"), [started(1)])
        box.start()
        await until(lambda: all(x.drained for x in box.store.closed_logs) and box.link.view().backlog == 0)
        async with transaction(engine) as conn:
            rows = (await conn.execute(text("SELECT log_id, count(*) AS n FROM link.events GROUP BY log_id"))).all()
            standing = await boxes.standing(conn, "here")
        assert {row.log_id: row.n for row in rows} == {former: 3, "here-new": 1}
        assert standing is not None
        assert (standing["log_id"], standing["rival_log_id"]) == ("here-new", "")
        await box.stop()
