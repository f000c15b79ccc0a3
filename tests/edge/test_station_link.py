"""The law of one station's connection, over real sockets: what it says is durable before it is answered."""

import asyncio
import gc
import json

import pytest
from ocpp.v201 import call
from ocpp.v201.datatypes import (
    EVSEType,
    IdTokenType,
    MeterValueType,
    SampledValueType,
    TransactionType,
)
from websockets.exceptions import ConnectionClosed

from edge.rules.inputs import (
    AuthorizeAsked,
    BootReported,
    ConnectorReported,
    LimitReplied,
    MeterReported,
    StationClosed,
    StationOpened,
    TransactionReported,
)
from edge.stations import Transport
from tests.edge.charger_kit import BOOT, NOW, SHORT, charger, exchange, goodbye, limit
from tests.edge.stations_kit import Recorder, running
from tests.waiting import until

pytestmark = pytest.mark.anyio


async def test_a_station_boots_is_accepted_and_gets_the_time() -> None:
    async with running("dc-1") as site, charger(site) as station:
        answer = await station.boot()
        assert (answer.status, answer.interval) == ("Accepted", 300)
        assert answer.current_time == NOW
        assert site.server.connected() == ("dc-1",)
        assert site.rules.seen[:2] == [StationOpened("dc-1", "2.0.1"), BootReported("dc-1", "V", "M", "1.0", "PowerUp")]


async def test_a_transaction_from_token_to_unplugging_reaches_the_rules() -> None:
    async with running("dc-1") as site, charger(site) as station:
        await station.boot()
        token = IdTokenType(id_token="TAG-1", type="ISO14443")
        assert (await station.call(call.Authorize(id_token=token))).id_token_info["status"] == "Accepted"
        for seq_no, kind in enumerate(("Started", "Updated", "Ended")):
            value = SampledValueType(value=float(seq_no), unit_of_measure={"unit": "kWh"})
            answer = await station.call(
                call.TransactionEvent(
                    event_type=kind,
                    timestamp=NOW,
                    trigger_reason="Trigger",
                    seq_no=seq_no,
                    transaction_info=TransactionType(transaction_id="tx-1"),
                    evse=EVSEType(id=1, connector_id=1),
                    id_token=token if kind == "Started" else None,
                    meter_value=[MeterValueType(timestamp=NOW, sampled_value=[value])],
                ),
                suppress=False,
            )
            assert (answer.id_token_info is not None) == (kind == "Started")
        reported = site.rules.of(TransactionReported)
        assert [(x.kind, x.seq_no, x.register_wh) for x in reported] == [
            ("Started", 0, 0),
            ("Updated", 1, 1_000),
            ("Ended", 2, 2_000),
        ]
        assert [x.id_token for x in site.rules.of(AuthorizeAsked)] == ["TAG-1"]


async def test_status_and_readings_reach_the_rules() -> None:
    async with running("dc-1") as site, charger(site) as station:
        await station.call(call.StatusNotification(NOW, "Available", 1, 1), suppress=False)
        values = [MeterValueType(NOW, [SampledValueType(value=7.2, measurand="Power.Active.Import")])]
        await station.call(call.MeterValues(evse_id=2, meter_value=values), suppress=False)
        assert site.rules.of(ConnectorReported) == [ConnectorReported("dc-1", 1, 1, "Available")]
        assert [(x.evse_id, x.power_w) for x in site.rules.of(MeterReported)] == [(2, 7)]


async def test_a_message_is_answered_only_when_it_is_durable() -> None:
    durable = asyncio.Event()

    async def wait(given: object) -> None:
        if isinstance(given, TransactionReported):
            await durable.wait()

    async with running("dc-1", rules=Recorder(gate=wait)) as site, site.dial("dc-1") as connection:
        event = {"transactionId": "t"}
        asked = {
            "eventType": "Started",
            "timestamp": NOW,
            "triggerReason": "Trigger",
            "seqNo": 0,
            "transactionInfo": event,
        }
        answer = asyncio.create_task(exchange(connection, json.dumps([2, "m", "TransactionEvent", asked])))
        await asyncio.sleep(0.1)
        assert not answer.done()
        durable.set()
        assert await answer == [3, "m", {}]


async def test_what_cannot_be_made_durable_is_not_answered_and_the_connection_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rules = Recorder(refuse=lambda given: isinstance(given, BootReported))
    async with running("dc-1", rules=rules) as site, site.dial("dc-1") as connection:
        with pytest.raises(ConnectionClosed) as closed:
            await exchange(connection, BOOT)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011
        await until(lambda: "disk full" in caplog.text)
        await until(lambda: rules.of(StationClosed))
        assert rules.seen == [StationOpened("dc-1", "2.0.1"), StationClosed("dc-1", "a message could not be kept")]


async def test_a_repeated_message_is_handed_on_each_time_for_the_rules_to_know_it() -> None:
    asked = {
        "eventType": "Ended",
        "timestamp": NOW,
        "triggerReason": "EVDeparted",
        "seqNo": 9,
        "transactionInfo": {"transactionId": "t"},
    }
    async with running("dc-1") as site, site.dial("dc-1") as connection:
        for message_id in ("first", "second"):
            assert await exchange(connection, json.dumps([2, message_id, "TransactionEvent", asked])) == [
                3,
                message_id,
                {},
            ]
        assert [x.seq_no for x in site.rules.of(TransactionReported)] == [9, 9]


async def test_every_frame_is_journalled_as_it_is_on_the_wire() -> None:
    frames: list[tuple[str, str, str]] = []
    transport = Transport(journal=lambda *seen: frames.append(seen))
    async with running("dc-1", transport=transport) as site, site.dial("dc-1") as connection:
        await exchange(connection, '[2,"h",  "Heartbeat",{"customData":{"vendorId":"v","associated":1}}]')
    assert frames[0] == ("dc-1", "in", '[2,"h",  "Heartbeat",{"customData":{"vendorId":"v","associated":1}}]')
    assert frames[1][:2] == ("dc-1", "out")


async def test_the_rules_hear_that_a_connection_ended_also_when_our_calls_could_not_go_on() -> None:
    rules = Recorder(refuse=lambda given: isinstance(given, LimitReplied))
    async with running("dc-1", rules=rules, transport=SHORT) as site, site.dial("dc-1") as connection:
        await exchange(connection, BOOT)
        site.server.send_limit(limit(1))
        with pytest.raises(ConnectionClosed, match="calls cannot go on"):
            await goodbye(connection)
        await until(lambda: rules.of(StationClosed))


async def test_a_station_that_boots_again_and_again_on_one_connection_is_greeted_once_at_a_time() -> None:
    async with running("dc-1") as site, site.dial("dc-1") as connection:
        for _ in range(30):
            await exchange(connection, BOOT)
        await until(lambda: len(greetings()) <= 1)


def greetings() -> list[asyncio.Task[object]]:
    """Those that are remembered, also when they are over."""
    gc.collect()
    return [x for x in gc.get_objects() if type(x) is asyncio.Task and "Greeting.run" in repr(x)]
