"""Charging at the desk, over the real runtime, rules and store."""

import pytest

from edge.rules.inputs import AuthorizeAsked, TransactionReported
from tests.edge.test_api import SITE, Rig, rig, store  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio
DESK = {"Authorization": "Bearer mellon"}
TX = "/api/v1/charging/transactions"
LINE = "/api/v1/charging/line"
KEPT = "/api/v1/charging/reservations"


async def charge(site: Rig) -> None:
    """The car 4AB12 is inside and charges at the first station, which begins by itself."""
    await site.enter("4AB12")
    now_ms = site.runtime._clock.now_ms()
    started = TransactionReported("cs-1", "tx", "Started", 0, now_ms, 1, "4AB12", offline=True, soc_pct=None)
    await site.runtime.submit(started)
    updated = TransactionReported("cs-1", "tx", "Updated", 1, now_ms, charging_state="Charging", soc_pct=40)
    await site.runtime.submit(updated)


async def test_what_runs_is_listed_with_what_it_would_be_billed(rig: Rig) -> None:  # noqa: F811
    await charge(rig)
    [found] = (await rig.client.get(TX)).json()
    assert {k: found[k] for k in ("station_id", "plate", "status", "energy_wh", "soc_pct", "offline")} == {
        "station_id": "cs-1",
        "plate": "4AB12",
        "status": "CHARGING",
        "energy_wh": 0,
        "soc_pct": 40,
        "offline": True,
    }


async def test_an_attendant_sets_a_target_pauses_and_resumes(rig: Rig) -> None:  # noqa: F811
    await charge(rig)
    answer = await rig.client.post(f"{TX}/cs-1/tx/target", json={"soc_pct": 80}, headers=DESK)
    assert (answer.status_code, answer.json()) == (200, {"id": "tx"})
    assert (await rig.client.post(f"{TX}/cs-1/tx/pause", headers=DESK)).status_code == 200
    [found] = (await rig.client.get(TX)).json()
    assert (found["status"], found["target_soc_pct"]) == ("PAUSED", 80)
    assert (await rig.client.post(f"{TX}/cs-1/tx/resume", headers=DESK)).status_code == 200
    again = await rig.client.post(f"{TX}/cs-1/tx/resume", headers=DESK)
    assert (again.status_code, again.json()["detail"]) == (409, "it is not paused")


async def test_a_device_may_not_pause(rig: Rig) -> None:  # noqa: F811
    assert (await rig.client.post(f"{TX}/cs-1/tx/pause")).status_code == 403


async def test_a_target_out_of_range_and_an_unknown_transaction_are_told(rig: Rig) -> None:  # noqa: F811
    wrong = await rig.client.post(f"{TX}/cs-1/tx/target", json={"soc_pct": 120}, headers=DESK)
    assert (wrong.status_code, "body.soc_pct" in wrong.json()["detail"]) == (422, True)
    unknown = await rig.client.post(f"{TX}/cs-1/tx/target", json={"soc_pct": 80}, headers=DESK)
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "no transaction tx runs at cs-1")


async def test_whoever_helps_a_driver_finds_why_a_charge_was_refused(rig: Rig) -> None:  # noqa: F811
    await rig.runtime.submit(AuthorizeAsked("cs-1", "FOUND-CARD"))
    [found] = (await rig.client.get("/api/v1/charging/refusals")).json()
    assert (found["station_id"], found["evse_id"], found["id_token"]) == ("cs-1", None, "FOUND-CARD")
    assert (found["status"], found["reason"]) == ("Unknown", "no right for this token")
    assert found["at_ms"] <= rig.runtime._clock.now_ms()


async def test_a_pay_machine_puts_a_car_in_line_and_takes_it_out(rig: Rig) -> None:  # noqa: F811
    await rig.enter("4AB12")
    joined = await rig.client.post(LINE, json={"plate": "4ab 12"})
    assert joined.status_code == 201
    [place] = (await rig.client.get(LINE)).json()
    assert (place["plate"], place["position"], place["waiting_id"]) == ("4AB12", 1, joined.json()["id"])
    assert (await rig.client.post(LINE, json={"plate": "4AB12"})).status_code == 409
    assert (await rig.client.delete(f"{LINE}/{joined.json()['id']}")).status_code == 200
    assert (await rig.client.get(LINE)).json() == []


async def test_an_evse_is_kept_listed_and_let_go(rig: Rig) -> None:  # noqa: F811
    until_ms = rig.runtime._clock.now_ms() + 600_000
    station_id = SITE.stations[0].station_id
    body = {"station_id": station_id, "until_ms": until_ms, "id_token": "TOKEN-ann"}
    kept = await rig.client.post(KEPT, json=body, headers=DESK)
    assert kept.status_code == 201
    [found] = (await rig.client.get(KEPT)).json()
    assert (found["station_id"], found["until_ms"], found["id_token"]) == (station_id, until_ms, "TOKEN-ann")
    twice = await rig.client.post(KEPT, json=body, headers=DESK)
    assert (twice.status_code, twice.json()["detail"]) == (409, "it is kept for someone already")
    assert (await rig.client.delete(f"{KEPT}/{kept.json()['id']}", headers=DESK)).status_code == 200
    assert (await rig.client.delete(f"{KEPT}/{kept.json()['id']}", headers=DESK)).status_code == 404
