"""A simulated OCPP 1.6 station charges at the real edge: one reading of the specification against another."""

import asyncio
import time
from pathlib import Path

import pytest

from edge.rules.inputs import Answer, Input
from hardware.simulator import stations
from hardware.simulator.device import Behaviour
from hardware.simulator.electrics import Car
from hardware.simulator.journal import Journal
from hardware.simulator.memory import Memory
from hardware.simulator.ocpp_client import install_fast_validators
from hardware.simulator.stations import Login, SimulatedStation
from shared.clock import Clock, Timeline
from shared.events import ChargingStateChanged, EnergyMetered, LimitAnswered, TransactionEnded
from tests.edge.stations_kit import PASSWORD, STANDING, running
from tests.edge.test_stations_v16 import RealRules
from tests.waiting import until

pytestmark = pytest.mark.anyio


class LivingRules(RealRules):
    """The same rules, by a clock that goes: a minute in half a second."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(Timeline(time.time(), STANDING.now_ms(), 120.0), time.time)

    async def submit(self, given: Input) -> Answer | None:
        self.site.now_ms = self.clock.now_ms()
        return await super().submit(given)


async def test_a_car_is_charged_to_its_fill_and_billed_with_its_idle_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_fast_validators()
    monkeypatch.setattr(stations, "BACKOFF_MIN_REAL_S", 0.05)
    rules = LivingRules()
    doc = rules.site.facility.stations[0]
    car = Car(capacity_wh=60_000, stored_wh=53_800, wanted_wh=54_000, max_w=11_000, owner="ANNSCAR")
    async with running("cs-1", rules=rules, clock=rules.clock) as site:
        rules.server = site.server
        login = Login(f"ws://127.0.0.1:{site.server.port}", PASSWORD, "1.6")
        memory = Memory(Journal(tmp_path / "world.jsonl"), "station/cs-1")
        station = SimulatedStation(doc, login, rules.clock, memory, Behaviour.OBEYS)
        living = asyncio.create_task(station.run())
        try:
            await until(lambda: any(e.outcome == "ACCEPTED" for e in rules.site.of(LimitAnswered)))
            station.plug_in(1, car)
            assert await station.authorize(1, "ANNSCAR") == "Accepted"
            await until(lambda: any(e.state == "SuspendedEV" for e in rules.site.of(ChargingStateChanged)))
            full_ms = rules.site.of(ChargingStateChanged)[-1].changed_at_ms
            await until(lambda: rules.site.of(EnergyMetered)[-1].metered_at_ms > full_ms)
            station.unplug(1)
            await until(lambda: rules.site.of(TransactionEnded))
        finally:
            living.cancel()
            await asyncio.wait({living})
    [ended] = rules.site.of(TransactionEnded)
    assert ended.energy_wh == pytest.approx(200, abs=1)
    assert ended.session_id == rules.site.state.session_of_plate["ANNSCAR"]
    assert ended.started_at_ms < ended.finished_at_ms == full_ms < ended.ended_at_ms
    assert ended.reason == "EVDisconnected"
