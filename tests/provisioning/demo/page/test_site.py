"""What the control room learns of a site, from the edge's real API over the real rules."""

import httpx
import pytest

from provisioning.demo.page.site import Box, SiteWatch
from tests.edge.test_api import SITE, Rig, rig, store  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio
TOKEN = "sesame"


def watch(client: httpx.AsyncClient, token: str = TOKEN) -> SiteWatch:
    return SiteWatch(Box(SITE, "http://edge", token), client)


async def test_a_car_that_enters_is_told_and_remembered_for_its_lane(rig: Rig) -> None:  # noqa: F811
    site = watch(rig.client)
    before = await site.look()
    assert before.state is not None
    assert [(s.kind, s.free, s.total) for s in before.state.spaces] == [("REGULAR", 3, 3), ("EV", 2, 2)]
    await rig.enter("4AB12")
    now = await site.look()
    assert now.state is not None
    assert now.lines[0].text == "4AB12 entered by in-1, account"
    assert now.plates == {"in-1": "4AB12"}
    assert now.state.sessions == 1
    assert len(now.state.chargers) == 2


async def test_each_entry_is_told_once(rig: Rig) -> None:  # noqa: F811
    site = watch(rig.client)
    await rig.enter("4AB12")
    for _ in range(3):
        found = await site.look()
    assert [line.text for line in found.lines].count("4AB12 entered by in-1, account") == 1


async def test_a_box_whose_backlog_nobody_takes_in_works_alone_after_a_while(
    rig: Rig,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = watch(rig.client)
    assert (await site.look()).acknowledged
    monkeypatch.setattr("provisioning.demo.page.site.UNANSWERED_REAL_S", 0.0)
    assert not (await site.look()).acknowledged


@pytest.mark.parametrize("token", ["wrong", "sesame"])
async def test_a_box_that_does_not_answer_or_let_us_in_is_unknown_and_no_error(token: str, rig: Rig) -> None:  # noqa: F811
    async def refused(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody listens")

    transport = httpx.MockTransport(refused)
    client = rig.client if token == "wrong" else httpx.AsyncClient(transport=transport)
    assert (await watch(client, token).look()).state is None
