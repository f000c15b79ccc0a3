"""Simulated stations charge a car at the real edge: the bill is what the outlet gave, to the moment of the plug."""

import asyncio
from pathlib import Path

import pytest

from hardware.simulator import commands, stations
from hardware.simulator.device import Behaviour
from hardware.simulator.electrics import Car
from hardware.simulator.journal import Journal
from hardware.simulator.memory import Memory
from hardware.simulator.ocpp_client import install_fast_validators
from hardware.simulator.stations import Login, SimulatedStation
from shared.clock import MINUTE_MS
from shared.events import ChargingStateChanged, LimitAnswered, TransactionEnded, TransactionFlagged
from tests.edge.stations_kit import PASSWORD, running
from tests.edge.test_stations_v16_simulated import LivingRules
from tests.waiting import until

pytestmark = pytest.mark.anyio
CAR = Car(capacity_wh=60_000, stored_wh=53_800, wanted_wh=54_000, max_w=11_000, owner="ANNSCAR")


@pytest.mark.parametrize(
    ("version", "behaviour"),
    [("2.0.1", Behaviour.OBEYS), ("1.6", Behaviour.OBEYS), ("2.0.1", Behaviour.SLOW), ("2.0.1", Behaviour.IGNORES)],
)
async def test_what_the_outlet_gave_is_billed_with_the_idle_time_up_to_the_plug(
    version: str, behaviour: Behaviour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A station tells that its connector is free before it tells that the transaction ended."""
    install_fast_validators()
    monkeypatch.setattr(stations, "BACKOFF_MIN_REAL_S", 0.05)
    monkeypatch.setattr(commands, "SLOW_REAL_S", 0.5)
    rules = LivingRules()
    async with running("cs-1", rules=rules, clock=rules.clock) as site:
        rules.server = site.server
        login = Login(f"ws://127.0.0.1:{site.server.port}", PASSWORD, version)
        memory = Memory(Journal(tmp_path / "world.jsonl"), "station/cs-1")
        station = SimulatedStation(rules.site.facility.stations[0], login, rules.clock, memory, behaviour)
        living = asyncio.create_task(station.run())
        try:
            await until(lambda: any(e.outcome == "ACCEPTED" for e in rules.site.of(LimitAnswered)))
            before_wh = station.device.outlets[1].register_wh
            station.plug_in(1, CAR)
            assert await station.authorize(1, "ANNSCAR") == "Accepted"
            await until(lambda: any(e.state == "SuspendedEV" for e in rules.site.of(ChargingStateChanged)))
            idle_from_ms = rules.clock.now_ms()
            await until(lambda: rules.clock.now_ms() > idle_from_ms + MINUTE_MS)
            unplugged_ms = rules.clock.now_ms()
            station.unplug(1)
            await until(lambda: rules.site.of(TransactionEnded))
            given_wh = station.device.outlets[1].register_wh - before_wh
        finally:
            living.cancel()
            await asyncio.wait({living})
    [ended] = rules.site.of(TransactionEnded)
    assert given_wh == pytest.approx(200, abs=1)
    assert ended.energy_wh == pytest.approx(given_wh, abs=1)
    assert (ended.reason, rules.site.of(TransactionFlagged)) == ("EVDisconnected", [])
    assert ended.finished_at_ms <= idle_from_ms
    assert unplugged_ms <= ended.ended_at_ms <= unplugged_ms + MINUTE_MS
