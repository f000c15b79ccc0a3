"""Simulated charging stations over real sockets, against a small CSMS."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ocpp.exceptions import NotImplementedError as OcppNotImplementedError
from ocpp.v201 import call

from hardware.simulator import stations
from hardware.simulator.device import Behaviour
from hardware.simulator.electrics import Car
from hardware.simulator.journal import Journal
from hardware.simulator.memory import Memory
from hardware.simulator.ocpp_client import install_fast_validators
from hardware.simulator.outlet import stamp
from hardware.simulator.stations import Login, SimulatedStation
from shared.clock import MINUTE_MS, Clock, Timeline
from shared.facilities import ChargerLevel, ConnectorType, Evse, Station
from tests.hardware.simulator.csms import PASSWORD, Csms, running

pytestmark = pytest.mark.anyio

START_MS = 1_773_054_000_000
CAR = Car(capacity_wh=60_000, stored_wh=20_000, wanted_wh=54_000, max_w=11_000, owner="ABC00001")
DOC = Station(
    station_id="l2-01",
    level=ChargerLevel.LEVEL2,
    evses=(Evse(evse_id=1, space_id="ev-01", connector=ConnectorType.TYPE1, rating_w=7_200, minimum_w=1_440),),
    password_salt="",
    password_sha256="",
)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    install_fast_validators()
    monkeypatch.setattr(stations, "BACKOFF_MIN_REAL_S", 0.05)
    monkeypatch.setattr(stations, "ATTEMPT_PAUSE_REAL_S", 0.02)


class Bench:
    """A CSMS, one station, and a clock that lives a minute in a second."""

    def __init__(self, folder: Path, speed: float = 60.0) -> None:
        self.clock = Clock(Timeline(time.time(), START_MS, speed), time.time)
        self.csms = Csms(self.clock.now_ms)
        self.folder = folder
        self.journal = Journal(folder / "world.jsonl")

    def station(self, behaviour: Behaviour = Behaviour.OBEYS, password: str = PASSWORD) -> SimulatedStation:
        login = Login(f"ws://127.0.0.1:{self.csms.port}", password)
        return SimulatedStation(DOC, login, self.clock, Memory(self.journal, "station/l2-01"), behaviour)

    def restart(self) -> None:
        self.journal.close()
        self.journal = Journal(self.folder / "world.jsonl")

    async def ask(self, request: Any) -> Any:
        return await self.csms.stations["l2-01"].call(request, suppress=False)

    async def online(self, station: SimulatedStation) -> None:
        await self.csms.until(lambda: station.device.online and self.csms.of("StatusNotification"))

    async def limit(self, limit_w: float, profile_id: int = 10, *, lease_s: int | None = None, **changes: Any) -> str:
        """Send a limit as a CSMS would: the fallback, or a lease over it."""
        now_ms = self.clock.now_ms()
        schedule: dict[str, Any] = {
            "id": 1,
            "charging_rate_unit": changes.pop("unit", "W"),
            "charging_schedule_period": [{"start_period": 0, "limit": limit_w}],
        }
        profile: dict[str, Any] = {
            "id": profile_id,
            "stack_level": 0 if lease_s is None else 1,
            "charging_profile_purpose": "TxDefaultProfile",
            "charging_profile_kind": "Absolute",
            "charging_schedule": [schedule],
        }
        if lease_s is not None:
            profile |= {"valid_from": stamp(now_ms), "valid_to": stamp(now_ms + lease_s * 1000)}
        reply = await self.ask(call.SetChargingProfile(evse_id=1, charging_profile=profile | changes))
        return str(reply.status)


@asynccontextmanager
async def alive(*lives: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(life()) for life in lives]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    async with running(made.csms):
        yield made
    made.journal.close()


async def test_a_station_boots_and_tells_the_status_of_every_connector(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
    assert bench.csms.heard[0][0] == "BootNotification"
    assert bench.csms.heard[0][1]["reason"] == "PowerUp"
    assert bench.csms.of("StatusNotification")[0]["connector_status"] == "Available"


async def test_a_wrong_password_keeps_a_station_out(bench: Bench) -> None:
    station = bench.station(password="wrong")
    async with alive(station.run):
        await asyncio.sleep(0.4)
    assert bench.csms.heard == []


async def test_a_station_that_is_put_off_boots_again_until_it_is_accepted(bench: Bench) -> None:
    bench.csms.boot_status = ["Pending", "Rejected", "Accepted"]
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
    assert len(bench.csms.of("BootNotification")) == 3


async def test_heartbeats_come_at_the_interval_of_the_boot_answer_in_lived_time(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.csms.until(lambda: len(bench.csms.of("Heartbeat")) >= 2)
        lived_ms = bench.clock.now_ms() - START_MS
    assert 60_000 <= lived_ms < 150_000


async def test_a_transaction_runs_from_the_accepted_card_to_the_pulled_plug(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        station.plug_in(1, CAR)
        assert await station.authorize(1, "04AB") == "Accepted"
        await bench.csms.until(lambda: len(bench.csms.events("Updated")) >= 3)
        station.unplug(1)
        await bench.csms.until(lambda: bench.csms.events("Ended"))
        await bench.csms.until(lambda: bench.csms.of("StatusNotification")[-1]["connector_status"] == "Available")
    events = bench.csms.events()
    assert [e["seq_no"] for e in events] == list(range(len(events)))
    assert len({e["transaction_info"]["transaction_id"] for e in events}) == 1
    first, last = events[0], events[-1]
    assert (first["trigger_reason"], first["id_token"]["id_token"]) == ("Authorized", "04AB")
    assert bench.csms.states()[1] == ("Updated", "Charging")
    assert "MeterValuePeriodic" in [e["trigger_reason"] for e in events]
    assert last["transaction_info"]["stopped_reason"] == "EVDisconnected"
    assert not any(e.get("offline") for e in events)


async def test_the_register_grows_by_the_power_over_the_lived_time(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        station.plug_in(1, CAR)
        await station.authorize(1, "04AB")
        await bench.csms.until(lambda: len(bench.csms.events("Updated")) >= 3)
    first, *_, last = bench.csms.events()
    hours = (_at(last) - _at(first)) / 3_600_000
    assert _sampled(last, "Power.Active.Import") == 7_200
    used_wh = _sampled(last, "Energy.Active.Import.Register") - _sampled(first, "Energy.Active.Import.Register")
    assert used_wh == pytest.approx(7_200 * hours, abs=2)


async def test_a_refused_card_starts_nothing(bench: Bench) -> None:
    bench.csms.accepts = lambda _: "Blocked"
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        station.plug_in(1, CAR)
        assert await station.authorize(1, "04AB") == "Blocked"
    assert bench.csms.events() == []


async def test_a_card_refused_with_the_transaction_stops_the_energy(bench: Bench) -> None:
    bench.csms.accepts_start = lambda _: "Invalid"
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        station.plug_in(1, CAR)
        await station.authorize(1, "04AB")
        await bench.csms.until(lambda: any(e["trigger_reason"] == "Deauthorized" for e in bench.csms.events()))
        assert station.device.drawn_w == 0


async def test_a_limit_is_obeyed_at_once_and_told(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        assert await bench.limit(3_000) == "Accepted"
        station.plug_in(1, CAR)
        await station.authorize(1, "04AB")
        assert station.device.drawn_w == 3_000
        assert await bench.limit(6_000, 11, lease_s=600) == "Accepted"
        assert station.device.drawn_w == 6_000
        await bench.csms.until(lambda: any(e["trigger_reason"] == "ChargingRateChanged" for e in bench.csms.events()))


async def test_a_lease_ends_by_itself_even_when_the_link_is_gone(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        await bench.limit(2_000)
        station.plug_in(1, CAR)
        await station.authorize(1, "04AB")
        await bench.limit(6_000, 11, lease_s=30)
        await bench.csms.stop()
        await asyncio.sleep(bench.clock.real_s(45_000))
        assert station.device.drawn_w == 2_000
        await bench.csms.start()


async def test_a_limit_below_the_minimum_suspends_the_car(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        station.plug_in(1, CAR)
        await station.authorize(1, "04AB")
        await bench.limit(1_000)
        await bench.csms.until(lambda: ("Updated", "SuspendedEVSE") in bench.csms.states())
        assert station.device.drawn_w == 0


async def test_a_full_car_is_told_as_suspended_by_the_car(bench: Bench) -> None:
    station = bench.station()
    almost = Car(capacity_wh=60_000, stored_wh=20_000, wanted_wh=20_050, max_w=11_000)
    async with alive(station.run):
        await bench.online(station)
        station.plug_in(1, almost)
        await station.authorize(1, "04AB")
        await bench.csms.until(lambda: ("Updated", "SuspendedEV") in bench.csms.states())
    last = bench.csms.events()[-1]
    assert _sampled(last, "Energy.Active.Import.Register") == 50
    assert _at(last) - _at(bench.csms.events()[0]) < 2 * MINUTE_MS


@pytest.mark.parametrize(
    ("behaviour", "status", "drawn_w"),
    [
        (Behaviour.OBEYS, "Accepted", 3_000),
        (Behaviour.IGNORES, "Accepted", 7_200),
        (Behaviour.REJECTS, "Rejected", 7_200),
        (Behaviour.SLOW, "Accepted", 3_000),
        (Behaviour.FORGETS, "Accepted", 3_000),
        (Behaviour.AMPS_ONLY, "Rejected", 7_200),
    ],
)
async def test_stations_treat_a_limit_as_they_behave(
    bench: Bench, behaviour: Behaviour, status: str, drawn_w: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardware.simulator.commands.SLOW_REAL_S", 0.2)
    station = bench.station(behaviour)
    async with alive(station.run):
        await bench.online(station)
        station.plug_in(1, CAR)
        await station.authorize(1, "04AB")
        asked_real_s = time.monotonic()
        assert await bench.limit(3_000) == status
        assert (time.monotonic() - asked_real_s >= 0.2) is (behaviour is Behaviour.SLOW)
        assert station.device.drawn_w == drawn_w


async def test_a_station_that_knows_no_limits_says_so_and_one_of_amperes_takes_amperes(bench: Bench) -> None:
    station = bench.station(Behaviour.UNSUPPORTED)
    async with alive(station.run):
        await bench.online(station)
        with pytest.raises(OcppNotImplementedError):
            await bench.limit(3_000)
    other = bench.station(Behaviour.AMPS_ONLY)
    bench.csms.heard.clear()
    async with alive(other.run):
        await bench.online(other)
        other.plug_in(1, CAR)
        await other.authorize(1, "04AB")
        assert await bench.limit(10.0, unit="A") == "Accepted"
        assert other.device.drawn_w == 2_400


@pytest.mark.parametrize(("behaviour", "after_w"), [(Behaviour.OBEYS, 3_000), (Behaviour.FORGETS, 7_200)])
async def test_a_reset_ends_the_transaction_and_only_the_forgetful_lose_their_limits(
    bench: Bench, behaviour: Behaviour, after_w: int
) -> None:
    station = bench.station(behaviour)
    async with alive(station.run):
        await bench.online(station)
        await bench.limit(3_000)
        station.plug_in(1, CAR)
        await station.authorize(1, "04AB")
        assert (await bench.ask(call.Reset(type="OnIdle"))).status == "Scheduled"
        assert (await bench.ask(call.Reset(type="Immediate"))).status == "Accepted"
        await bench.csms.until(lambda: len(bench.csms.of("BootNotification")) == 2)
        await bench.online(station)
        assert await station.authorize(1, "04AB") == "Accepted"
        assert station.device.drawn_w == after_w
    ended = bench.csms.events("Ended")[0]
    assert ended["transaction_info"]["stopped_reason"] == "ImmediateReset"
    assert bench.csms.of("BootNotification")[1]["reason"] == "RemoteReset"


async def test_what_happens_offline_is_told_in_order_afterwards(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        await bench.csms.stop()
        await bench.csms.until(lambda: not station.device.online)
        station.plug_in(1, CAR)
        assert await station.authorize(1, "04AB") == "Accepted"
        await asyncio.sleep(bench.clock.real_s(2 * MINUTE_MS))
        station.unplug(1)
        bench.csms.heard.clear()
        await bench.csms.start()
        await bench.csms.until(lambda: bench.csms.events("Ended"))
    events = bench.csms.events()
    assert [e["seq_no"] for e in events] == list(range(len(events)))
    assert all(e["offline"] for e in events)
    assert [e["event_type"] for e in events if e["event_type"] != "Updated"] == ["Started", "Ended"]
    # A reconnection is no boot (B02).
    assert bench.csms.of("BootNotification") == []


async def test_a_busy_answer_loses_nothing_until_the_station_gives_up(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        bench.csms.refuse_events = stations.ATTEMPTS - 1
        station.plug_in(1, CAR)
        await station.authorize(1, "04AB")
        await bench.csms.until(lambda: bench.csms.events("Updated") and not station.device.outbox)
        bench.csms.refuse_events = stations.ATTEMPTS
        station.unplug(1)
        await bench.csms.until(lambda: bench.csms.refuse_events == 0 and not station.device.outbox)
    assert bench.csms.events("Ended") == []


async def test_a_restarted_world_goes_on_with_the_car_at_the_plug(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        await bench.limit(3_000)
        station.plug_in(1, CAR)
        await station.authorize(1, "04AB")
        await bench.csms.until(lambda: bench.csms.events("Updated") and not station.device.outbox)
    before = bench.csms.events()[-1]
    bench.restart()
    bench.csms.heard.clear()
    again = bench.station()
    async with alive(again.run):
        await bench.online(again)
        assert again.device.drawn_w == 3_000
        again.unplug(1)
        await bench.csms.until(lambda: bench.csms.events("Ended"))
    ended = bench.csms.events("Ended")[0]
    assert ended["transaction_info"]["transaction_id"] == before["transaction_info"]["transaction_id"]
    assert next(e["seq_no"] for e in bench.csms.events()) == before["seq_no"] + 1
    assert bench.csms.of("BootNotification")[0]["reason"] == "PowerUp"
    assert bench.csms.of("StatusNotification")[0]["connector_status"] == "Occupied"


async def test_messages_that_were_never_acknowledged_survive_a_restart(bench: Bench) -> None:
    lonely = bench.station()
    lonely.plug_in(1, CAR)
    await lonely.authorize(1, "04AB")
    lonely.unplug(1)
    bench.restart()
    again = bench.station()
    async with alive(again.run):
        await bench.csms.until(lambda: bench.csms.events("Ended"))
    assert [e["event_type"] for e in bench.csms.events()] == ["Started", "Ended"]


def _variable(component: str, name: str, **more: Any) -> dict[str, Any]:
    return {"component": {"name": component}, "variable": {"name": name}, **more}


async def test_the_sampling_interval_is_the_one_that_was_set(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        wanted = [_variable("SampledDataCtrlr", "TxUpdatedInterval", attribute_value="10")]
        reply = await bench.ask(call.SetVariables(set_variable_data=wanted))
        assert reply.set_variable_result[0]["attribute_status"] == "Accepted"
        station.plug_in(1, CAR)
        await station.authorize(1, "04AB")
        await bench.csms.until(lambda: len(bench.csms.events("Updated")) >= 6)
    periodic = [_at(e) for e in bench.csms.events() if e["trigger_reason"] == "MeterValuePeriodic"]
    assert all(9_000 <= later - earlier <= 30_000 for earlier, later in itertools.pairwise(periodic))


async def test_variables_are_read_and_strange_or_wrong_ones_are_named(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        wanted = [
            _variable("SampledDataCtrlr", "TxUpdatedInterval", attribute_value="often"),
            _variable("SmartChargingCtrlr", "RateUnit", attribute_value="W"),
            _variable("SampledDataCtrlr", "Nonsense", attribute_value="1"),
            _variable("Nonsense", "Nonsense", attribute_value="1"),
        ]
        reply = await bench.ask(call.SetVariables(set_variable_data=wanted))
        statuses = [r["attribute_status"] for r in reply.set_variable_result]
        asked = [_variable("SmartChargingCtrlr", "RateUnit"), _variable("EVSE", "SupplyPhases"), _variable("X", "Y")]
        read = await bench.ask(call.GetVariables(get_variable_data=asked))
    assert statuses == ["Rejected", "Rejected", "UnknownVariable", "UnknownComponent"]
    assert [r.get("attribute_value") for r in read.get_variable_result] == ["A,W", "1", None]


async def test_a_station_says_whether_messages_of_a_transaction_wait(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        station.plug_in(1, CAR)
        await station.authorize(1, "04AB")
        await bench.csms.until(lambda: bench.csms.events("Updated"))
        transaction_id = bench.csms.events()[0]["transaction_info"]["transaction_id"]
        running_ = await bench.ask(call.GetTransactionStatus(transaction_id=transaction_id))
        unknown = await bench.ask(call.GetTransactionStatus(transaction_id="nobody"))
        whole = await bench.ask(call.GetTransactionStatus())
    assert (running_.ongoing_indicator, unknown.ongoing_indicator) == (True, False)
    assert whole.ongoing_indicator is None


async def test_a_transaction_is_started_and_stopped_from_afar(bench: Bench) -> None:
    station = bench.station()
    start = call.RequestStartTransaction(
        id_token={"id_token": "app-7", "type": "Central"}, remote_start_id=77, evse_id=1
    )
    async with alive(station.run):
        await bench.online(station)
        assert (await bench.ask(start)).status == "Rejected"
        station.plug_in(1, CAR)
        started = await bench.ask(start)
        assert started.status == "Accepted"
        await bench.csms.until(lambda: bench.csms.events("Started"))
        assert bench.csms.events("Started")[0]["transaction_info"]["remote_start_id"] == 77
        stop = call.RequestStopTransaction(transaction_id=started.transaction_id)
        assert (await bench.ask(stop)).status == "Accepted"
        assert station.device.drawn_w == 0
        await bench.csms.until(lambda: any(e["trigger_reason"] == "RemoteStop" for e in bench.csms.events()))


async def test_a_station_out_of_order_starts_nothing_and_says_so(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        reply = await bench.ask(call.ChangeAvailability(operational_status="Inoperative"))
        assert reply.status == "Accepted"
        await bench.csms.until(lambda: bench.csms.of("StatusNotification")[-1]["connector_status"] == "Unavailable")
        station.plug_in(1, CAR)
        assert await station.authorize(1, "04AB") == "NotAtThisTime"


@pytest.mark.parametrize(
    ("wanted", "heard"),
    [("StatusNotification", "StatusNotification"), ("MeterValues", "MeterValues"), ("Heartbeat", "Heartbeat")],
)
async def test_a_triggered_message_is_sent(bench: Bench, wanted: str, heard: str) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        count = len(bench.csms.of(heard))
        assert (await bench.ask(call.TriggerMessage(requested_message=wanted))).status == "Accepted"
        await bench.csms.until(lambda: len(bench.csms.of(heard)) > count)


async def test_reports_locks_and_unknown_commands_are_answered(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        report = await bench.ask(call.GetBaseReport(request_id=5, report_base="FullInventory"))
        await bench.csms.until(lambda: bench.csms.of("NotifyReport"))
        unlock = await bench.ask(call.UnlockConnector(evse_id=1, connector_id=1))
        nowhere = await bench.ask(call.UnlockConnector(evse_id=9, connector_id=1))
        cleared = await bench.ask(call.ClearChargingProfile(charging_profile_id=4))
        with pytest.raises(OcppNotImplementedError):
            await bench.ask(call.ClearCache())
    assert (report.status, unlock.status, nowhere.status) == ("Accepted", "Unlocked", "UnknownConnector")
    assert cleared.status == "Unknown"


async def test_a_cleared_limit_is_gone(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        await bench.limit(3_000)
        station.plug_in(1, CAR)
        await station.authorize(1, "04AB")
        assert (await bench.ask(call.ClearChargingProfile(charging_profile_id=10))).status == "Accepted"
        assert station.device.drawn_w == 7_200


async def test_a_frame_of_rubbish_does_not_take_a_station_down(bench: Bench) -> None:
    station = bench.station()
    async with alive(station.run):
        await bench.online(station)
        connection = bench.csms.stations["l2-01"]._connection
        for rubbish in ("{", "[]", "[2]", '[2,"1",["a"],{}]', "[" * 2000, f'[2,"1","Reset",{"9" * 5000}]', '[9,"1"]'):
            await connection.send(rubbish)
        assert await bench.limit(3_000) == "Accepted"


def _at(event: dict[str, Any]) -> int:
    return round(datetime.fromisoformat(event["timestamp"]).timestamp() * 1000)


def _sampled(event: dict[str, Any], measurand: str) -> float:
    values = event["meter_value"][0]["sampled_value"]
    return next(float(v["value"]) for v in values if v["measurand"] == measurand)
