"""The law of our calls to stations, over real sockets: every limit gets a certain or an honestly unknown outcome."""

import asyncio
import json

import pytest
from ocpp.v201 import call

from edge.rules.inputs import (
    BootReported,
    LimitReplied,
    StationClosed,
)
from edge.station_calls import NoAnswer, StationAway
from edge.stations import InvalidCall
from shared.facilities import PowerSettings
from tests.edge.charger_kit import BOOT, NOW, SHORT, charger, exchange, limit
from tests.edge.stations_kit import Recorder, running
from tests.waiting import until

pytestmark = pytest.mark.anyio


async def test_a_limit_goes_out_and_its_answer_comes_back() -> None:
    async with running("dc-1") as site, charger(site) as station:
        await station.boot()
        site.server.send_limit(limit(1))
        await until(lambda: site.rules.of(LimitReplied))
        assert site.rules.of(LimitReplied) == [LimitReplied(1, "dc-1", 1, "ACCEPTED")]
        (profile,) = station.profiles
        assert (profile["evse_id"], profile["stack_level"]) == (1, 0)
        assert profile["charging_schedule"][0]["charging_schedule_period"][0]["limit"] == 11_000


async def test_a_limit_that_the_station_refuses_is_rejected() -> None:
    async with running("dc-1") as site, charger(site) as station:
        await station.boot()
        station.answer = "Rejected"
        site.server.send_limit(limit(1))
        await until(lambda: site.rules.of(LimitReplied))
        assert site.rules.of(LimitReplied) == [LimitReplied(1, "dc-1", 1, "REJECTED")]


async def test_limits_and_settings_wait_until_the_boot_is_answered() -> None:
    """B02: a station that is not accepted yet need not obey. The limits the rules set at a boot come right after it."""
    rules = Recorder()
    async with running("dc-1", rules=rules) as site, site.dial("dc-1") as connection:

        async def limit_at_boot(given: object) -> None:
            if isinstance(given, BootReported):
                site.server.send_limit(limit(1))

        rules.gate = limit_at_boot
        await connection.send(BOOT)
        frames = [json.loads(await connection.recv()) for _ in range(2)]
        assert [frames[0][0], frames[1][2]] == [3, "SetChargingProfile"]


async def test_a_station_that_reconnects_and_has_nothing_to_say_gets_its_limits_within_two_seconds() -> None:
    async with running("dc-1") as site, site.dial("dc-1") as connection:
        await until(site.server.connected)
        site.server.send_limit(limit(1))
        async with asyncio.timeout(2):
            assert json.loads(await connection.recv())[2] == "SetChargingProfile"


async def test_a_limit_for_a_station_that_is_not_there_is_certainly_not_in_force() -> None:
    async with running("dc-1") as site:
        site.server.send_limit(limit(1))
        await until(lambda: site.rules.seen)
        assert site.rules.seen == [LimitReplied(1, "dc-1", 1, "UNSENT", "not connected")]


async def test_a_limit_without_an_answer_may_be_in_force() -> None:
    async with running("dc-1", transport=SHORT) as site, site.dial("dc-1") as connection:
        await exchange(connection, BOOT)
        site.server.send_limit(limit(1))
        await until(lambda: site.rules.of(LimitReplied))
        assert site.rules.of(LimitReplied) == [LimitReplied(1, "dc-1", 1, "UNKNOWN", "no answer within 0.3 s")]


async def test_a_late_answer_changes_nothing_and_the_next_call_gets_its_own() -> None:
    async with running("dc-1", transport=SHORT) as site, site.dial("dc-1") as connection:
        await exchange(connection, BOOT)
        site.server.send_limit(limit(1))
        late = json.loads(await connection.recv())
        while late[2] != "SetChargingProfile":
            await connection.send(json.dumps([3, late[1], {"setVariableResult": []}]))
            late = json.loads(await connection.recv())
        await until(lambda: site.rules.of(LimitReplied))
        site.server.send_limit(limit(2))
        await connection.send(json.dumps([3, late[1], {"status": "Accepted"}]))
        now = json.loads(await connection.recv())
        while now[2] != "SetChargingProfile":
            await connection.send(json.dumps([3, now[1], {"setVariableResult": []}]))
            now = json.loads(await connection.recv())
        await connection.send(json.dumps([3, now[1], {"status": "Rejected"}]))
        await until(lambda: len(site.rules.of(LimitReplied)) == 2)
        assert [x.outcome for x in site.rules.of(LimitReplied)] == ["UNKNOWN", "REJECTED"]


async def test_when_the_connection_is_lost_the_call_on_the_wire_is_unknown_and_those_behind_it_never_went() -> None:
    async with running("dc-1", transport=SHORT) as site:
        async with site.dial("dc-1") as connection:
            await exchange(connection, BOOT)
            site.server.send_limit(limit(1))
            while json.loads(await connection.recv())[2] != "SetChargingProfile":
                pass
            site.server.send_limit(limit(2, evse_id=2))
            connection.transport.abort()
        await until(lambda: site.rules.of(StationClosed))
        assert [(x.request_id, x.outcome) for x in site.rules.of(LimitReplied)] == [(1, "UNKNOWN"), (2, "UNSENT")]
        assert isinstance(site.rules.seen[-1], StationClosed)


async def test_of_two_limits_for_one_evse_that_wait_only_the_newer_is_sent() -> None:
    async with running("dc-1") as site, charger(site) as station:
        await until(site.server.connected)
        site.server.send_limit(limit(1, limit_w=16_000))
        site.server.send_limit(limit(2, limit_w=9_000, until_ms=60_000))
        site.server.send_limit(limit(3, limit_w=8_000))
        await station.boot()
        await until(lambda: len(site.rules.of(LimitReplied)) == 3)
        assert site.rules.of(LimitReplied)[0] == LimitReplied(1, "dc-1", 1, "UNSENT", "superseded")
        sent = [p["charging_schedule"][0]["charging_schedule_period"][0]["limit"] for p in station.profiles]
        assert sent == [9_000, 8_000]


async def test_a_station_that_takes_amperes_alone_gets_its_first_limit_in_amperes() -> None:
    async with running("ac-1") as site, charger(site, "ac-1") as station:
        station.rate_unit = "A"
        site.server.send_limit(limit(1, "ac-1", limit_w=7_200))
        await station.boot()
        site.server.send_limit(limit(2, "ac-1", limit_w=7_200))
        await until(lambda: station.profiles)
        schedule = station.profiles[0]["charging_schedule"][0]
        assert schedule["charging_rate_unit"] == "A"
        assert schedule["charging_schedule_period"] == [{"start_period": 0, "limit": 30.0, "number_phases": 1}]


async def test_a_station_is_told_how_to_meter_and_may_refuse_a_setting() -> None:
    async with running("dc-1") as site, charger(site) as station:
        await station.boot()
        await until(lambda: "TxStopPoint" in station.variables)
        assert station.variables["TxUpdatedInterval"] == str(PowerSettings().meter_interval_s)
        assert (await station.call(call.Heartbeat())).current_time == NOW


async def test_any_call_can_be_made_and_the_stations_answer_comes_back() -> None:
    async with running("dc-1") as site, charger(site) as station:
        await station.boot()
        told = await site.server.call(
            "dc-1",
            "GetVariables",
            {"getVariableData": [{"component": {"name": "C"}, "variable": {"name": "RateUnit"}}]},
        )
        assert told.payload["getVariableResult"][0]["attributeValue"] == "A,W"
        refused = await site.server.call("dc-1", "ClearCache", {})
        assert refused.code == "NotImplemented"


async def test_a_call_that_cannot_be_made_says_why() -> None:
    async with running("dc-1", "dc-2", transport=SHORT) as site, site.dial("dc-1") as connection:
        await exchange(connection, BOOT)
        with pytest.raises(InvalidCall, match="no action 'Explode'"):
            await site.server.call("dc-1", "Explode", {})
        with pytest.raises(InvalidCall, match='the payload: "type" is a required property'):
            await site.server.call("dc-1", "Reset", {})
        with pytest.raises(StationAway, match="dc-2 is not connected"):
            await site.server.call("dc-2", "ClearCache", {})
        with pytest.raises(NoAnswer, match=r"dc-1, ClearCache: no answer within 0\.3 s"):
            await site.server.call("dc-1", "ClearCache", {})
        waiting = asyncio.create_task(site.server.call("dc-1", "ClearCache", {}))
        await asyncio.sleep(0.05)
        await connection.close()
        with pytest.raises((StationAway, NoAnswer)):
            await waiting


async def test_when_a_limit_that_was_not_sent_cannot_be_booked_the_server_ends() -> None:
    rules = Recorder(refuse=lambda given: isinstance(given, LimitReplied))

    async def live() -> None:
        async with running("dc-1", rules=rules) as site:
            site.server.send_limit(limit(1))
            await until(lambda: not site.server.listening.is_set())

    with pytest.raises(ExceptionGroup) as ended:
        await live()
    assert ended.group_contains(OSError, match="disk full")


async def test_a_call_that_nobody_waits_for_any_more_is_never_sent() -> None:
    async with running("dc-1") as site, site.dial("dc-1") as connection:
        await exchange(connection, BOOT)
        open_call = json.loads(await connection.recv())
        given_up = asyncio.create_task(site.server.call("dc-1", "ClearCache", {}))
        await asyncio.sleep(0.05)
        given_up.cancel()
        wanted = asyncio.create_task(site.server.call("dc-1", "GetLocalListVersion", {}))
        await connection.send(json.dumps([4, open_call[1], "NotSupported", "", {}]))
        seen = [""]
        while seen[-1] != "GetLocalListVersion":
            call_frame = json.loads(await connection.recv())
            seen.append(call_frame[2])
            answer = [3, call_frame[1], {"versionNumber": 7}] if seen[-1] == "GetLocalListVersion" else None
            await connection.send(json.dumps(answer or [4, call_frame[1], "NotSupported", "", {}]))
        assert (await wanted).payload == {"versionNumber": 7}
        assert "ClearCache" not in seen
