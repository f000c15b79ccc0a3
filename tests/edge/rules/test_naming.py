"""Stations that give their transactions no names, told by whole OCPP 1.6 messages: one number for each start."""

import json
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from edge.ocpp.moments import written
from edge.ocpp.version import Request
from edge.rules import facility as rules
from edge.rules.inputs import Matches, StationOpened
from edge.rules.state import FacilityState
from shared.clock import HOUR_MS, MINUTE_MS
from shared.events import (
    ChargingRefused,
    EnergyMetered,
    Entry,
    TransactionEnded,
    TransactionNumbered,
    TransactionStarted,
    VehicleExited,
)
from tests.builders import facility, right
from tests.edge.ocpp.v16_kit import meter, said, sampled
from tests.edge.rules.site import Site

ANN = right("ann", "ANNSCAR")
WITH_ANN = Matches(rights=(ANN,))


def with_ann_inside() -> Site:
    site = Site(facility(11_000, 11_000))
    for station_id in ("cs-1", "cs-2"):
        site.give(StationOpened(station_id, "1.6"))
    site.accept_limits()
    site.drive_through("in-1", "ANNSCAR", ANN)
    return site


def tell(
    site: Site, action: str, matches: Matches = WITH_ANN, station_id: str = "cs-1", **payload: Any
) -> dict[str, Any]:
    asked = Request(station_id, payload, site.now_ms, matches)
    return said(site.give, asked, action, received_at_ms=site.now_ms)


def start(site: Site, *, at_ms: int | None = None, token: str = "TOKEN-ann", **more: Any) -> dict[str, Any]:
    timestamp = written(site.now_ms if at_ms is None else at_ms)
    about = {"connectorId": 1, "idTag": token, "meterStart": 5_000, "timestamp": timestamp}
    return tell(site, "StartTransaction", **{**about, **more})


def stop(
    site: Site, number: int, *, register_wh: int = 15_500, at_ms: int | None = None, **more: Any
) -> dict[str, Any]:
    timestamp = written(site.now_ms if at_ms is None else at_ms)
    about = {"transactionId": number, "meterStop": register_wh, "timestamp": timestamp}
    return tell(site, "StopTransaction", **{**about, **more})


def status(site: Site, told: str) -> None:
    tell(site, "StatusNotification", connectorId=1, errorCode="NoError", status=told, timestamp=written(site.now_ms))


def readings(site: Site, number: int | None, register_wh: int, **more: Any) -> None:
    about: dict[str, Any] = {} if number is None else {"transactionId": number}
    value = meter(sampled(str(register_wh)), timestamp=written(site.now_ms))
    tell(site, "MeterValues", connectorId=1, meterValue=[value], **about, **more)


def test_a_transaction_is_billed_from_its_start_to_its_stop():
    site = with_ann_inside()
    conf = start(site)
    assert conf["idTagInfo"] == {"status": "Accepted"}
    site.wait(3600)
    readings(site, conf["transactionId"], 10_000)
    site.wait(3600)
    assert stop(site, conf["transactionId"], reason="EVDisconnected") == {}
    [ended] = site.of(TransactionEnded)
    assert (ended.energy_wh, ended.transaction_id) == (10_500, str(conf["transactionId"]))
    assert ended.session_id == site.state.session_of_plate["ANNSCAR"]
    site.drive_through("out-1", "ANNSCAR")
    assert site.of(VehicleExited)[0].quoted_cents == 2 * 300 + round(10.5 * 40)


def test_a_number_is_booked_before_it_is_told_and_is_never_0():
    site = with_ann_inside()
    conf = start(site)
    [numbered] = site.of(TransactionNumbered)
    assert numbered.number == conf["transactionId"] > 0
    assert numbered.number < 2**31


def test_a_start_that_is_said_again_gets_its_number_again_and_starts_nothing_twice():
    site = with_ann_inside()
    began_ms = site.now_ms
    first = start(site)
    site.wait(30)
    assert start(site, at_ms=began_ms) == first
    assert len(site.of(TransactionStarted)) == len(site.of(TransactionNumbered)) == 1


def test_it_gets_it_after_a_restart_too():
    site = with_ann_inside()
    began_ms = site.now_ms
    first = start(site)
    stored = TypeAdapter(FacilityState).dump_json(site.state)
    site.state = TypeAdapter(FacilityState).validate_json(stored)
    assert start(site, at_ms=began_ms) == first


def test_it_gets_it_after_its_stop_too_and_the_bill_stays():
    site = with_ann_inside()
    began_ms = site.now_ms
    first = start(site)
    site.wait(3600)
    stop(site, first["transactionId"])
    assert start(site, at_ms=began_ms)["transactionId"] == first["transactionId"]
    stop(site, first["transactionId"], register_wh=99_000)
    assert [e.energy_wh for e in site.of(TransactionEnded)] == [10_500]
    assert site.state.transactions == {}


def test_two_starts_get_two_numbers_even_in_one_second():
    site = with_ann_inside()
    numbers = [start(site, token=f"GUEST-{n}")["transactionId"] for n in range(3)]
    other = start(site, station_id="cs-2", token="GUEST-0")["transactionId"]
    assert len({*numbers, other}) == 4
    assert [*numbers, other] == sorted([*numbers, other])


def test_a_box_that_begins_a_new_log_gives_no_number_of_the_old_one():
    old = with_ann_inside()
    told = start(old)["transactionId"]
    new = Site(facility(11_000), now_ms=old.now_ms + HOUR_MS, state=rules.new_state("another-log"))
    new.give(StationOpened("cs-1", "1.6"))
    assert start(new)["transactionId"] > told


def test_a_start_with_an_unknown_tag_gets_a_number_and_a_refusal_and_its_energy_is_on_nobodys_bill():
    site = with_ann_inside()
    conf = start(site, token="NOBODY", matches=Matches())
    assert conf["transactionId"] > 0
    assert conf["idTagInfo"] == {"status": "Invalid"}
    assert len(site.of(ChargingRefused)) == 1
    site.wait(60)
    stop(site, conf["transactionId"], register_wh=5_010, reason="DeAuthorized")
    [ended] = site.of(TransactionEnded)
    assert (ended.session_id, ended.energy_wh) == (None, 10)


def test_a_refused_start_that_is_said_again_is_refused_again():
    site = with_ann_inside()
    began_ms = site.now_ms
    first = start(site, token="NOBODY", matches=Matches())
    assert start(site, token="NOBODY", matches=Matches(), at_ms=began_ms) == first


def test_a_stop_of_an_unknown_transaction_is_answered_and_booked_for_nobody():
    site = with_ann_inside()
    assert stop(site, 4711, idTag="TOKEN-ann") == {"idTagInfo": {"status": "Accepted"}}
    [ended] = site.of(TransactionEnded)
    assert (ended.transaction_id, ended.session_id) == ("4711", None)
    assert site.state.transactions == {}


def test_its_energy_is_known_when_its_data_tells_the_beginning():
    site = with_ann_inside()
    site.wait(3600)
    begin = meter(sampled("9000", context="Transaction.Begin"), timestamp=written(site.now_ms - 30 * MINUTE_MS))
    stop(site, 4711, register_wh=11_000, transactionData=[begin])
    [ended] = site.of(TransactionEnded)
    assert (ended.energy_wh, ended.session_id) == (2_000, None)


def test_a_station_that_has_lost_where_its_meter_stopped_is_billed_to_the_last_that_its_data_tells():
    site = with_ann_inside()
    number = start(site)["transactionId"]
    site.wait(3600)
    last = meter(sampled("8000"), timestamp=written(site.now_ms - MINUTE_MS))
    stop(site, number, register_wh=0, transactionData=[last])
    [ended] = site.of(TransactionEnded)
    assert (ended.energy_wh, ended.flags) == (3_000, ("METER_BACKWARDS",))


def test_a_start_and_a_stop_that_were_kept_while_the_link_was_down_are_billed():
    site = with_ann_inside()
    site.wait(3 * 3600)
    began_ms, ended_ms = site.now_ms - 2 * HOUR_MS, site.now_ms - HOUR_MS
    number = start(site, at_ms=began_ms)["transactionId"]
    stop(site, number, at_ms=ended_ms, register_wh=12_000)
    [ended] = site.of(TransactionEnded)
    assert (ended.started_at_ms, ended.ended_at_ms, ended.energy_wh) == (began_ms, ended_ms, 7_000)
    assert ended.session_id == site.state.session_of_plate["ANNSCAR"]
    assert ended.offline


def test_idle_time_runs_from_what_the_connector_says_of_the_car():
    site = with_ann_inside()
    number = start(site)["transactionId"]
    status(site, "Charging")
    site.wait(3600)
    status(site, "SuspendedEV")
    full_ms = site.now_ms
    site.wait(1800)
    stop(site, number)
    [ended] = site.of(TransactionEnded)
    assert (ended.finished_at_ms, ended.ended_at_ms) == (full_ms, full_ms + 30 * MINUTE_MS)


def test_a_connector_without_a_transaction_says_nothing_of_one():
    site = with_ann_inside()
    before = len(site.events)
    status(site, "SuspendedEV")
    assert [type(e).__name__ for e in site.events[before:]] == ["ConnectorStatusChanged"]


def test_readings_with_or_without_a_number_or_twice_are_of_the_car_that_charges():
    site = with_ann_inside()
    number = start(site)["transactionId"]
    site.wait(60)
    readings(site, number, 5_100)
    readings(site, number, 5_100)
    site.wait(60)
    readings(site, None, 5_200)
    assert {e.register_wh for e in site.of(EnergyMetered)} == {5_100, 5_200}
    stop(site, number, register_wh=5_300)
    assert [e.energy_wh for e in site.of(TransactionEnded)] == [300]


def test_a_late_reading_changes_no_bill():
    site = with_ann_inside()
    number = start(site)["transactionId"]
    site.wait(60)
    stop(site, number, register_wh=5_300)
    readings(site, number, 9_000)
    assert [e.energy_wh for e in site.of(TransactionEnded)] == [300]
    assert site.state.transactions == {}


def test_the_log_alone_gives_back_every_number():
    site = with_ann_inside()
    began_ms = site.now_ms
    first = start(site)
    rebuilt = rules.new_state("test-log")
    for seq, (event, at_ms) in enumerate(zip(site.events, site.event_times, strict=True), start=1):
        body = json.loads(event.model_dump_json(exclude={"type"}))
        rules.apply(rebuilt, Entry(seq=seq, at_ms=at_ms, type=event.type, body=body))
    assert (rebuilt.numbers, rebuilt.last_number) == (site.state.numbers, site.state.last_number)
    assert start(replace(site, state=rebuilt), at_ms=began_ms)["transactionId"] == first["transactionId"]
