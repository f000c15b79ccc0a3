"""A box that began a new log lets out who came in under the former one: billed once, whatever came of the former."""

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.db import transaction
from tests.cloud.billing.stays import Site

pytestmark = pytest.mark.anyio


async def charges(engine: AsyncEngine) -> list[tuple[str, int]]:
    async with transaction(engine) as conn:
        rows = await conn.execute(text("SELECT session_id, total_cents FROM billing.charges"))
        return [(row.session_id, row.total_cents) for row in rows]


def began_anew(site: Site) -> Site:
    return replace(site, log_id=f"{site.log_id}-new", entries=[], synced=0)


async def test_an_exit_in_the_new_log_ends_the_stay_of_the_former(engine: AsyncEngine, site: Site) -> None:
    session_id = site.enter("customer-1")
    await site.sync()
    box = began_anew(site)
    box.leave(session_id, 300)
    await box.sync()
    assert await charges(engine) == [(session_id, 300)]


async def test_an_exit_that_only_the_lost_end_of_the_former_log_told_is_not_billed_again(
    engine: AsyncEngine, site: Site
) -> None:
    session_id = site.enter("customer-1")
    site.leave(session_id, 300)
    await site.sync()
    box = began_anew(site)
    box.leave(session_id, 300)
    await box.sync()
    assert await charges(engine) == [(session_id, 300)]
