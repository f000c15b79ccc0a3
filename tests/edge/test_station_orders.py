"""The law of orders to stations, over real sockets: each is sent at most once, and the rules hear what became of it."""

import json
import time

import pytest
from websockets.asyncio.client import ClientConnection

from edge.rules.inputs import OrderReplied, OrderSetpoint, StationClosed
from edge.rules.orders import AskTransaction, ClearCache, Order, ResetStation, StopCharging
from shared.clock import Clock, Timeline
from tests.edge.charger_kit import BOOT, SHORT, charger, exchange
from tests.edge.stations_kit import Site, running
from tests.waiting import until

pytestmark = pytest.mark.anyio
NOW_MS = 1_700_000_000_000
LATER_MS = NOW_MS + 60_000


def ask(order_id: str, order: Order, station_id: str = "dc-1", deadline_ms: int = LATER_MS) -> OrderSetpoint:
    return OrderSetpoint(order_id, station_id, order, deadline_ms)


async def answer_to(connection: ClientConnection, action: str, *frame: object) -> None:
    """Take the server's calls until one of this action comes, and answer that with a frame's kind and rest."""
    while (call := json.loads(await connection.recv()))[2] != action:
        await connection.send(json.dumps([4, call[1], "NotSupported", "", {}]))
    kind, *rest = frame
    await connection.send(json.dumps([kind, call[1], *rest]))


async def replies(site: Site, count: int = 1) -> list[OrderReplied]:
    await until(lambda: len(site.rules.of(OrderReplied)) >= count)
    return site.rules.of(OrderReplied)


async def test_an_order_goes_out_and_the_stations_word_comes_back_with_its_details() -> None:
    async with running("dc-1") as site, site.dial("dc-1") as connection:
        await exchange(connection, BOOT)
        site.server.send_order(ask("o-1", AskTransaction("tx-1")))
        await answer_to(connection, "GetTransactionStatus", 3, {"messagesInQueue": True, "ongoingIndicator": False})
        details = {"messagesInQueue": True, "ongoingIndicator": False}
        assert await replies(site) == [OrderReplied("o-1", "dc-1", "ACCEPTED", "", details)]


async def test_a_station_that_does_not_know_an_order_is_not_one_that_refuses_it() -> None:
    async with running("dc-1") as site, charger(site) as station:
        await station.boot()
        site.server.send_order(ask("o-1", ClearCache()))
        (reply,) = await replies(site)
        assert reply.outcome == "UNSUPPORTED"
        assert reply.reason.startswith("NotImplemented")


async def test_an_order_for_a_station_that_is_away_was_surely_not_done() -> None:
    async with running("dc-1") as site:
        site.server.send_order(ask("o-1", StopCharging("tx-1")))
        assert await replies(site) == [OrderReplied("o-1", "dc-1", "UNSENT", "the station is not connected")]


async def test_an_order_past_its_deadline_stays_here() -> None:
    async with running("dc-1") as site, site.dial("dc-1") as connection:
        await exchange(connection, BOOT)
        site.server.send_order(ask("o-1", StopCharging("tx-1"), deadline_ms=NOW_MS - 1))
        assert [x.outcome for x in await replies(site)] == ["UNSENT"]


async def test_an_order_that_waits_behind_an_open_call_is_dropped_at_its_deadline_and_never_sent() -> None:
    clock = Clock(Timeline(), time.time)
    async with running("dc-1", clock=clock) as site, site.dial("dc-1") as connection:
        await exchange(connection, BOOT)
        held = json.loads(await connection.recv())
        site.server.send_order(ask("o-1", StopCharging("tx-1"), deadline_ms=clock.now_ms() + 100))
        assert [(x.outcome, x.reason) for x in await replies(site)] == [
            ("UNSENT", "it could not leave before its deadline")
        ]
        site.server.send_order(ask("o-2", ClearCache(), deadline_ms=clock.now_ms() + 60_000))
        await connection.send(json.dumps([4, held[1], "NotSupported", "", {}]))
        while (call := json.loads(await connection.recv()))[2] != "ClearCache":
            assert call[2] != "RequestStopTransaction"
            await connection.send(json.dumps([4, call[1], "NotSupported", "", {}]))


async def test_an_order_without_an_answer_may_have_been_done() -> None:
    async with running("dc-1", transport=SHORT) as site, site.dial("dc-1") as connection:
        await exchange(connection, BOOT)
        site.server.send_order(ask("o-1", ResetStation()))
        (reply,) = await replies(site)
        assert (reply.outcome, reply.reason) == ("UNKNOWN", "no answer within 0.3 s")


async def test_when_the_connection_is_lost_the_order_on_the_wire_is_unknown_and_those_behind_it_never_went() -> None:
    async with running("dc-1") as site:
        async with site.dial("dc-1") as connection:
            await exchange(connection, BOOT)
            site.server.send_order(ask("o-1", ResetStation()))
            site.server.send_order(ask("o-2", ClearCache()))
            while (call := json.loads(await connection.recv()))[2] != "Reset":
                await connection.send(json.dumps([4, call[1], "NotSupported", "", {}]))
            connection.transport.abort()
        await until(lambda: site.rules.of(StationClosed))
        assert [(x.order_id, x.outcome) for x in site.rules.of(OrderReplied)] == [("o-1", "UNKNOWN"), ("o-2", "UNSENT")]


async def test_an_order_that_no_station_could_read_is_not_sent() -> None:
    async with running("dc-1") as site, site.dial("dc-1") as connection:
        await exchange(connection, BOOT)
        site.server.send_order(ask("o-1", StopCharging("t" * 37)))
        (reply,) = await replies(site)
        assert reply.outcome == "UNSENT"
        assert reply.reason.startswith("transactionId: ")
