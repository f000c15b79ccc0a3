"""After a step of the clock: who was told the time, and orders that no step can stretch."""

import json
import time

import pytest

from edge.rules.clock_inputs import TimeTold
from edge.rules.inputs import OrderReplied, OrderSetpoint
from edge.rules.orders import StopCharging
from edge.stations import Transport
from shared.clock import HOUR_MS, Clock, Timeline
from tests.edge.charger_kit import BOOT, exchange
from tests.edge.stations_kit import running
from tests.waiting import until

pytestmark = pytest.mark.anyio

HEARTBEAT = json.dumps([2, "h", "Heartbeat", {}])


async def test_a_station_that_waits_for_the_time_has_it_when_a_message_was_answered_with_it() -> None:
    untimed = {"dc-1": True}
    transport = Transport(untimed=untimed.__getitem__)
    async with running("dc-1", transport=transport) as site, site.dial("dc-1") as connection:
        await exchange(connection, BOOT)
        await until(lambda: site.rules.of(TimeTold))
        await exchange(connection, HEARTBEAT)
        await until(lambda: len(site.rules.of(TimeTold)) == 2)
        untimed["dc-1"] = False
        await exchange(connection, HEARTBEAT)
        await exchange(connection, HEARTBEAT)
        assert len(site.rules.of(TimeTold)) == 2, "nobody asks any more"


async def test_a_clock_that_goes_back_does_not_stretch_the_deadline_of_an_order_that_waits() -> None:
    moved_s = [0.0]
    clock = Clock(Timeline(), lambda: time.time() + moved_s[0])
    async with running("dc-1", clock=clock) as site, site.dial("dc-1") as connection:
        await exchange(connection, BOOT)
        assert json.loads(await connection.recv())[0] == 2, "a call is open, so the order waits"
        site.server.send_order(OrderSetpoint("o-1", "dc-1", StopCharging("tx-1"), clock.now_ms() + 200))
        moved_s[0] = -3 * HOUR_MS / 1000
        await until(lambda: site.rules.of(OrderReplied))
        [told] = site.rules.of(OrderReplied)
        assert (told.outcome, told.reason) == ("UNSENT", "it could not leave before its deadline")
