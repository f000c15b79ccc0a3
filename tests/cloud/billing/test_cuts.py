"""Whatever batches a log comes in, and whatever else in them is poisonous, the money comes out the same."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.billing.projection import BillingProjection
from cloud.link.ingest import ingest
from cloud.sessions.projection import SessionsProjection
from shared.clock import HOUR_MS
from shared.sync import Batch, SyncEntry
from tests.builders import NINE_MS
from tests.cloud.billing.stays import FACILITY_ID, Site, open_site

pytestmark = pytest.mark.anyio

TABLES = (
    "billing.charges",
    "billing.charge_lines",
    "billing.payments",
    "billing.postings",
    "billing.discrepancies",
    "sessions.parking_sessions",
    "sessions.charging_sessions",
    "link.parked",
)
LATER_MS = NINE_MS + 2 * HOUR_MS


def live(site: Site) -> None:
    """A few stays with everything that may happen around an exit, told out of step with one another."""
    site.log_id = "log-cut"
    charger, payer, ticket, covered = (
        site.enter("ada"),
        site.enter("ben"),
        site.enter(None),
        site.enter("cyd", covers_parking=True),
    )
    site.charge_up(charger, 5_000)
    site.pay(payer, 100)
    site.pay(ticket, 200)
    site.leave("nobody-1", 300)
    site.leave(charger, 500)
    site.leave(covered, 0)
    site.charge_up(charger, 2_500, at_ms=LATER_MS)
    site.leave(payer, 299)
    site.pay(payer, 250, at_ms=LATER_MS)
    site.leave(ticket, 300)
    site.pay(ticket, 100, at_ms=LATER_MS)
    site.pay(ticket, 50, at_ms=LATER_MS + 1)
    site.leave(charger, 700, at_ms=LATER_MS)
    site.charge_up(None, 1_000, at_ms=LATER_MS)
    site.charge_up(covered, 9_000, at_ms=LATER_MS)


COUNT = 23


async def rows(conn: AsyncConnection) -> dict[str, list[Any]]:
    found = {}
    for table in TABLES:
        query = text(f"SELECT to_jsonb(t) AS row FROM {table} AS t ORDER BY to_jsonb(t)::text")
        found[table] = list(await conn.scalars(query))
    jobs = await conn.execute(text("SELECT task_name, args::text FROM procrastinate_jobs ORDER BY 1, 2"))
    return {**found, "jobs": [tuple(job) for job in jobs]}


async def bring(conn: AsyncConnection, site: Site, cuts: set[int]) -> dict[str, list[Any]]:
    entries = [SyncEntry(position=e.seq, body={"at_ms": e.at_ms, "type": e.type, "body": e.body}) for e in site.entries]
    for after, upto in pairwise([0, *sorted(cuts), len(entries)]):
        batch = Batch(log_id=site.log_id, after=after, upto=upto, entries=tuple(entries[after:upto]))
        await ingest(conn, FACILITY_ID, batch, [SessionsProjection(), BillingProjection()], now_ms=NINE_MS)
    return await rows(conn)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.sets(st.integers(1, COUNT - 1)))
@example(cuts=set())
async def test_the_rows_do_not_depend_on_where_batches_are_cut(engine: AsyncEngine, cuts: set[int]) -> None:
    site = await open_site(engine)
    live(site)
    assert len(site.entries) == COUNT
    async with engine.connect() as conn:
        one_by_one = await bring(conn, site, set(range(1, COUNT)))
        await conn.rollback()
        assert await bring(conn, site, cuts) == one_by_one
        await conn.rollback()


async def test_every_kind_of_row_comes_out_of_that_log(engine: AsyncEngine) -> None:
    site = await open_site(engine)
    live(site)
    async with engine.connect() as conn:
        found = await bring(conn, site, set())
        await conn.rollback()
    assert {d["kind"]: (d["expected_cents"], d["found_cents"]) for d in found["billing.discrepancies"]} == {
        "QUOTE_DIFFERS": (299, 300),
        "OVERPAID": (0, 50),
        "LATE_TRANSACTION": (360, 0),
        "UNBILLED_TRANSACTION": (0, 0),
    }
    assert [(p["seq"], p["projection"]) for p in found["link.parked"]] == [(9, "billing"), (9, "sessions")]
    assert {c["customer_id"]: (c["status"], c["total_cents"]) for c in found["billing.charges"]} == {
        "ada": ("OPEN", 500),
        "ben": ("OPEN", 300),
        None: ("PAID", 300),
        "cyd": ("PAID", 0),
    }
    assert len(found["jobs"]) == 3
