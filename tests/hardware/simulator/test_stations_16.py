"""Simulated charging stations that speak OCPP 1.6, over real sockets, against a small CSMS."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from hardware.simulator import stations
from hardware.simulator.device import Behaviour
from hardware.simulator.electrics import Car
from hardware.simulator.journal import Journal
from hardware.simulator.memory import Memory
from hardware.simulator.ocpp_client import install_fast_validators
from hardware.simulator.outlet import stamp
from hardware.simulator.stations import Login, SimulatedStation
from shared.clock import Clock, Timeline
from tests.hardware.simulator.csms import PASSWORD, Csms, running
from tests.hardware.simulator.csms_16 import csms_16
from tests.hardware.simulator.test_stations import CAR, DOC, START_MS, alive

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    install_fast_validators()
    monkeypatch.setattr(stations, "BACKOFF_MIN_REAL_S", 0.05)
    monkeypatch.setattr(stations, "ATTEMPT_PAUSE_REAL_S", 0.02)


class Bench:
    """A 1.6 CSMS, one station, and a clock that lives a minute in a second."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock(Timeline(time.time(), START_MS, 60.0), time.time)
        self.csms: Csms = csms_16(self.clock.now_ms)
        self.folder = folder
        self.journal = Journal(folder / "world.jsonl")

    def station(self, behaviour: Behaviour = Behaviour.OBEYS) -> SimulatedStation:
        login = Login(f"ws://127.0.0.1:{self.csms.port}", PASSWORD, "1.6")
        return SimulatedStation(DOC, login, self.clock, Memory(self.journal, "station/l2-01"), behaviour)

    def restart(self) -> None:
        self.journal.close()
        self.journal = Journal(self.folder / "world.jsonl")

    async def ask(self, request: Any) -> Any:
        return await self.csms.stations["l2-01"].call(request, suppress=False)

    async def online(self, station: SimulatedStation) -> None:
        await self.csms.until(lambda: station.device.online and self.csms.of("StatusNotification"))

    async def charging(self, station: SimulatedStation, car: Car = CAR) -> None:
        await self.online(station)
        station.plug_in(1, car)
        assert await station.authorize(1, "04AB") == "Accepted"
        await self.csms.until(lambda: self.csms.of("StartTransaction"))

    async def limit(self, limit: float, *, unit: str = "W", lease_s: int | None = None) -> str:
        now_ms = self.clock.now_ms()
        schedule: dict[str, Any] = {
            "charging_rate_unit": unit,
            "charging_schedule_period": [{"start_period": 0, "limit": limit}],
        }
        profile: dict[str, Any] = {
            "charging_profile_id": 10 if lease_s is None else 11,
            "stack_level": 0 if lease_s is None else 1,
            "charging_profile_purpose": "TxDefaultProfile",
            "charging_profile_kind": "Relative" if lease_s is None else "Absolute",
            "charging_schedule": schedule,
        }
        if lease_s is not None:
            schedule["start_schedule"] = profile["valid_from"] = stamp(now_ms)
            profile["valid_to"] = stamp(now_ms + lease_s * 1000)
        reply = await self.ask(call.SetChargingProfile(connector_id=1, cs_charging_profiles=profile))
        return str(reply.status)

    def statuses(self) -> list[str]:
        return [told["status"] for told in self.csms.of("StatusNotification")]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    async with running(made.csms):
        yield made
    made.journal.close()


async def test_a_transaction_is_told_as_a_1_6_station_tells_it(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.charging(station)
        await bench.csms.until(lambda: len(bench.csms.of("MeterValues")) >= 3)
        station.unplug(1)
        await bench.csms.until(lambda: bench.csms.of("StopTransaction") and bench.statuses()[-1] == "Available")
    assert bench.csms.heard[0][0] == "BootNotification"
    [start], [stop] = bench.csms.of("StartTransaction"), bench.csms.of("StopTransaction")
    assert (start["connector_id"], start["id_tag"], start["meter_start"]) == (1, "04AB", 0)
    assert {m["transaction_id"] for m in bench.csms.of("MeterValues")} == {1}
    assert bench.csms.of("MeterValues")[-1]["meter_value"][0]["sampled_value"][1]["value"] == "7200"
    assert (stop["transaction_id"], stop["reason"]) == (1, "EVDisconnected")
    assert stop["meter_stop"] > 0
    assert bench.statuses() == ["Available", "Preparing", "Charging", "Available"]


async def test_a_limit_is_obeyed_and_a_lease_ends_by_itself(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        assert await bench.limit(2_000) == "Accepted"
        await bench.charging(station)
        assert station.device.drawn_w == 2_000
        assert await bench.limit(25.5, unit="A", lease_s=30) == "Accepted"
        assert station.device.drawn_w == 25.5 * 240
        await bench.csms.until(lambda: station.device.drawn_w == 2_000)


async def test_a_station_that_takes_no_limits_says_so_as_1_6_does(bench: Bench) -> None:
    station = bench.station(Behaviour.REJECTS)
    async with alive(station.run):
        await bench.online(station)
        assert await bench.limit(2_000) == "NotSupported"


async def test_a_refused_start_stops_at_once(bench: Bench) -> None:
    bench.csms.accepts_start = lambda _: "Invalid"
    station = bench.station()
    async with alive(station.run):
        await bench.charging(station)
        await bench.csms.until(lambda: bench.csms.of("StopTransaction"))
        station.unplug(1)
        await bench.csms.until(lambda: bench.statuses()[-1] == "Available")
    assert [s["reason"] for s in bench.csms.of("StopTransaction")] == ["DeAuthorized"]


async def test_a_remote_stop_ends_the_transaction_with_the_car_still_plugged_in(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.charging(station)
        assert (await bench.ask(call.RemoteStopTransaction(transaction_id=7))).status == "Rejected"
        await bench.csms.until(lambda: station.device.drawn_w > 0)
        assert (await bench.ask(call.RemoteStopTransaction(transaction_id=1))).status == "Accepted"
        await bench.csms.until(lambda: bench.csms.of("StopTransaction"))
        assert (await bench.ask(call.TriggerMessage(requested_message="StatusNotification"))).status == "Accepted"
        await bench.csms.until(lambda: bench.statuses()[-1] == "Finishing")
        assert station.device.drawn_w == 0
    assert bench.csms.of("StopTransaction")[0]["reason"] == "Remote"


async def test_a_remote_start_starts_the_car_that_waits(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        assert (await bench.ask(call.RemoteStartTransaction(id_tag="APP", connector_id=1))).status == "Rejected"
        station.plug_in(1, CAR)
        assert (await bench.ask(call.RemoteStartTransaction(id_tag="APP", connector_id=1))).status == "Accepted"
        await bench.csms.until(lambda: bench.csms.of("StartTransaction"))
    assert bench.csms.of("StartTransaction")[0]["id_tag"] == "APP"


async def test_what_happened_while_the_link_was_down_is_told_under_its_number_afterwards(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        await bench.csms.stop()
        await asyncio.sleep(0.1)
        station.plug_in(1, CAR)
        assert await station.authorize(1, "04AB") == "Accepted"
        await asyncio.sleep(bench.clock.real_s(30_000))
        station.unplug(1)
        await bench.csms.start()
        await bench.csms.until(lambda: bench.csms.of("StopTransaction"))
    assert bench.csms.of("StopTransaction")[0]["transaction_id"] == 1
    assert bench.csms.of("StopTransaction")[0]["timestamp"] > bench.csms.of("StartTransaction")[0]["timestamp"]


async def test_a_number_outlives_a_restart_of_the_world(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.charging(station)
        await bench.csms.until(lambda: bench.csms.of("MeterValues"))
    bench.restart()
    again = bench.station()
    async with alive(again.run):
        again.unplug(1)
        await bench.csms.until(lambda: bench.csms.of("StopTransaction"))
    assert bench.csms.of("StopTransaction")[0]["transaction_id"] == 1


async def test_a_start_that_is_refused_by_an_error_is_sent_again_and_not_lost(bench: Bench) -> None:
    bench.csms.refuse_events = 2
    station = bench.station()
    async with alive(station.run):
        await bench.charging(station)
    assert len(bench.csms.of("StartTransaction")) == 1


async def test_its_configuration_can_be_read_and_changed(bench: Bench) -> None:
    station = bench.station(Behaviour.AMPS_ONLY)
    async with alive(station.run):
        await bench.online(station)
        keys = ["ChargingScheduleAllowedChargingRateUnit", "ConnectorPhaseRotation", "NoSuchKey"]
        told = await bench.ask(call.GetConfiguration(key=keys))
        assert {x["key"]: x["value"] for x in told.configuration_key} == {
            "ChargingScheduleAllowedChargingRateUnit": "Current",
            "ConnectorPhaseRotation": "1.NotApplicable",
        }
        assert told.unknown_key == ["NoSuchKey"]
        answers = [
            (await bench.ask(call.ChangeConfiguration(key=key, value="20"))).status
            for key in ("MeterValueSampleInterval", "NumberOfConnectors", "NoSuchKey")
        ]
    assert answers == ["Accepted", "Rejected", "NotSupported"]


async def test_it_can_be_taken_out_of_service_unlocked_and_reset(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        assert (await bench.ask(call.ChangeAvailability(connector_id=0, type="Inoperative"))).status == "Accepted"
        await bench.csms.until(lambda: bench.statuses()[-1] == "Unavailable")
        assert (await bench.ask(call.UnlockConnector(connector_id=1))).status == "Unlocked"
        assert (await bench.ask(call.UnlockConnector(connector_id=5))).status == "NotSupported"
        assert (await bench.ask(call.Reset(type="Hard"))).status == "Accepted"
        await bench.csms.until(lambda: len(bench.csms.of("BootNotification")) == 2)


async def test_profiles_are_cleared_by_what_a_request_names(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        await bench.limit(2_000)
        wrong = call.ClearChargingProfile(connector_id=1, stack_level=3)
        right = call.ClearChargingProfile(connector_id=1, charging_profile_purpose="TxDefaultProfile")
        assert [(await bench.ask(x)).status for x in (wrong, right)] == ["Unknown", "Accepted"]
        assert station.device.profiles == ()
