"""What a test suite asks of a CSMS, case by case, by frames written by hand: tokens, and every way in which a
transaction may begin, go on and end (OCPP 2.0.1 part 6, C and E), and the same in OCPP 1.6. The real rules answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16.enums import Reason
from ocpp.v201.enums import ReasonEnumType, TriggerReasonEnumType
from websockets.asyncio.client import ClientConnection

from edge.store import Store
from shared.events import VehicleEntered, entry
from shared.facilities import SpaceKind
from shared.rights import TICKET_RIGHT
from tests.edge.messages_kit import housed
from tests.edge.stations_kit import facility

pytestmark = pytest.mark.anyio
NOW = "2026-01-01T12:00:00Z"
PLATE = {"idToken": "ANNSCAR", "type": "Local"}
STRANGER = {"idToken": "NOBODY", "type": "ISO14443"}
BUTTON = {"idToken": "", "type": "NoAuthorization"}
ACCEPTED = {"idTokenInfo": {"status": "Accepted"}}
PATIENCE_REAL_S = 20.0


@dataclass
class Station:
    """It says Accepted to whatever it is asked, and has no variables."""

    connection: ClientConnection
    number: int = 0

    async def say(self, action: str, payload: dict[str, Any]) -> Any:
        """The payload of the answer; a CALLERROR as it came."""
        self.number += 1
        await self.connection.send(json.dumps([2, f"{self.number}", action, payload]))
        while True:
            message = await self.hear()
            if message[:2] == [3, f"{self.number}"]:
                return message[2]
            if message[:2] == [4, f"{self.number}"]:
                return message

    async def hear(self) -> list[Any]:
        async with asyncio.timeout(PATIENCE_REAL_S):
            message: list[Any] = json.loads(await self.connection.recv())
        if message[0] == 2:
            await self.connection.send(json.dumps([3, message[1], {"status": "Accepted"}]))
        return message

    async def event(self, kind: str, trigger: str, seq_no: int, **more: Any) -> Any:
        about = {"transactionId": more.pop("tx", "tx-1"), **more.pop("about", {})}
        told = {"eventType": kind, "timestamp": NOW, "triggerReason": trigger, "seqNo": seq_no, **more}
        return await self.say("TransactionEvent", {**told, "transactionInfo": about})


@asynccontextmanager
async def ready(folder: Path, version: str, boot: dict[str, Any]) -> AsyncIterator[Station]:
    """A station that has its limits, and a car with the plate ANNSCAR on the space of its EVSEs."""
    store = Store(folder, facility("dc-1").facility_id)
    parked = VehicleEntered(
        session_id="log-1",
        lane_id="in",
        plate="ANNSCAR",
        right=TICKET_RIGHT,
        space_id="s-1",
        space_kind=SpaceKind.EV,
        is_ev=True,
    )
    store.append([entry(1, 1_767_268_000_000, parked)])
    store.close()
    async with housed(folder, "dc-1") as house, house.site.dial("dc-1", offered=(version,)) as connection:
        station = Station(connection)
        assert (await station.say("BootNotification", boot))["status"] == "Accepted"
        for _ in (1, 2):
            while (await station.hear())[2] != "SetChargingProfile":
                pass
        yield station


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Station]:
    boot = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
    async with ready(tmp_path, "ocpp2.0.1", boot) as found:
        yield found


@pytest.fixture
async def old(tmp_path: Path) -> AsyncIterator[Station]:
    async with ready(tmp_path, "ocpp1.6", {"chargePointVendor": "V", "chargePointModel": "M"}) as found:
        yield found


@pytest.mark.parametrize(("token", "status"), [(PLATE, "Accepted"), (STRANGER, "Unknown")])
async def test_c01_a_token_is_judged(station: Station, token: dict[str, str], status: str) -> None:
    told = await station.say("Authorize", {"idToken": token})
    assert told["idTokenInfo"]["status"] == status


@pytest.mark.parametrize(
    ("trigger", "state"),
    [
        ("EVDetected", None),
        ("CablePluggedIn", "EVConnected"),
        ("Authorized", "Idle"),
        ("ChargingStateChanged", "Charging"),
        ("SignedDataReceived", "EVConnected"),
    ],
)
async def test_e01_a_transaction_begins_at_any_start_point_and_its_token_may_come_later(
    station: Station, trigger: str, state: str | None
) -> None:
    about = {} if state is None else {"chargingState": state}
    assert await station.event("Started", trigger, 0, evse={"id": 1, "connectorId": 1}, about=about) == {}
    assert await station.event("Updated", "Authorized", 1, idToken=PLATE) == ACCEPTED
    assert await station.event("Updated", "ChargingStateChanged", 2, about={"chargingState": "Charging"}) == {}
    assert await station.event("Ended", "EVDeparted", 3, about={"stoppedReason": "EVDisconnected"}) == {}


async def test_e01_every_reason_to_tell_something_is_taken(station: Station) -> None:
    assert await station.event("Started", "Authorized", 0, evse={"id": 1}, idToken=PLATE) == ACCEPTED
    for seq_no, trigger in enumerate(TriggerReasonEnumType, 1):
        assert await station.event("Updated", trigger, seq_no) == {}, trigger


async def test_e06_every_reason_to_stop_is_taken_and_the_token_that_stopped_is_judged(station: Station) -> None:
    for number, reason in enumerate(ReasonEnumType):
        tx = f"tx-{number}"
        assert await station.event("Started", "Authorized", 0, tx=tx, evse={"id": 1}, idToken=PLATE) == ACCEPTED
        ended = await station.event("Ended", "StopAuthorized", 1, tx=tx, idToken=PLATE, about={"stoppedReason": reason})
        assert ended == ACCEPTED, reason


async def test_e05_a_token_that_is_refused_is_refused_in_the_answer_and_the_messages_go_on(station: Station) -> None:
    told = await station.event("Started", "Authorized", 0, evse={"id": 2}, idToken=STRANGER)
    assert told["idTokenInfo"]["status"] == "Unknown"
    about = {"stoppedReason": "DeAuthorized"}
    assert await station.event("Ended", "Deauthorized", 1, about=about) == {}


async def test_a_strangers_token_on_a_running_transaction_is_not_accepted(station: Station) -> None:
    assert await station.event("Started", "Authorized", 0, evse={"id": 1}, idToken=PLATE) == ACCEPTED
    told = await station.event("Updated", "StopAuthorized", 1, idToken=STRANGER)
    assert told["idTokenInfo"]["status"] == "Unknown"


async def test_c02_a_start_by_button_is_accepted_for_the_car_that_is_parked_there(station: Station) -> None:
    for _ in ("said", "said again because the answer was lost"):
        assert await station.event("Started", "Authorized", 0, evse={"id": 1}, idToken=BUTTON) == ACCEPTED


async def test_e04_what_was_kept_comes_in_any_order_with_gaps_and_twice(station: Station) -> None:
    kept: list[tuple[str, str, int]] = [
        ("Updated", "MeterValuePeriodic", 5),
        ("Ended", "EVDeparted", 9),
        ("Started", "Authorized", 0),
        ("Updated", "MeterValuePeriodic", 5),
        ("Ended", "EVDeparted", 9),
        ("Updated", "MeterValuePeriodic", 4),
    ]
    for kind, trigger, seq_no in kept:
        told = await station.event(kind, trigger, seq_no, offline=True, evse={"id": 1}, idToken=PLATE)
        assert told == ACCEPTED, (kind, seq_no)


async def test_a_contract_certificate_that_is_not_checked_lets_nobody_in(station: Station) -> None:
    told = await station.say("Authorize", {"idToken": {**PLATE, "type": "eMAID"}, "certificate": "PEM"})
    assert told["certificateStatus"] == "NoCertificateAvailable"
    assert told["idTokenInfo"]["status"] == "Invalid"


async def test_16_every_reason_to_stop_is_taken_and_the_tag_that_stopped_is_judged(old: Station) -> None:
    start = {"connectorId": 1, "idTag": "ANNSCAR", "meterStart": 0}
    for number, reason in enumerate(Reason):
        began = await old.say("StartTransaction", {**start, "meterStart": number, "timestamp": NOW})
        assert began["idTagInfo"] == {"status": "Accepted"}
        stop = {"transactionId": began["transactionId"], "meterStop": number, "timestamp": NOW, "reason": reason}
        assert await old.say("StopTransaction", {**stop, "idTag": "ANNSCAR"}) == {"idTagInfo": {"status": "Accepted"}}
        assert await old.say("StopTransaction", stop) == {}


async def test_16_the_tag_of_a_stranger_who_stopped_it_is_not_accepted(old: Station) -> None:
    start = {"connectorId": 1, "idTag": "ANNSCAR", "meterStart": 0, "timestamp": NOW}
    began = await old.say("StartTransaction", start)
    stop = {"transactionId": began["transactionId"], "meterStop": 9, "timestamp": NOW, "idTag": "NOBODY"}
    assert await old.say("StopTransaction", stop) == {"idTagInfo": {"status": "Invalid"}}
