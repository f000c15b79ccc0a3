"""What stations tell of themselves that goes on record: alerts, tasks, what a car needs, and the status of an EVSE."""

from collections.abc import Sequence
from typing import Any

import pytest

from edge.rules import facility
from edge.rules.fold_stations import ALERT_KINDS_MAX, evse_status
from edge.rules.inputs import (
    ConnectorReported,
    Input,
    Knowledge,
    MessageByHand,
    NeedsReported,
    NeedsTaken,
    ReservationUpdated,
    SecurityReported,
    TaskReported,
    TransactionReported,
)
from edge.rules.state import EvNeeds
from tests.edge.stations_kit import facility as site

NOW_MS = 1_700_000_000_000
MINUTE_MS = 60_000


class Desk:
    """The rules of one facility with station dc-1, and a clock that is set by hand."""

    def __init__(self) -> None:
        self.state = facility.new_state("log-1")
        self.knowledge = Knowledge(facility=site("dc-1"))
        self.now_ms = NOW_MS

    def hear(self, given: Input) -> Any:
        self.outcome = facility.advance(self.state, self.knowledge, given, self.now_ms)
        return self.outcome.answer

    def booked(self, kind: str) -> list[dict[str, Any]]:
        return [e.body for e in self.outcome.entries if e.type == kind]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def alert(kind: str = "TamperDetectionActivated", at_ms: int = NOW_MS) -> SecurityReported:
    return SecurityReported("dc-1", kind, at_ms, critical=True, info="door")


def test_a_security_event_is_an_alert_with_its_weight(desk: Desk) -> None:
    desk.hear(alert())
    assert desk.booked("SecurityEventReported") == [
        {
            "station_id": "dc-1",
            "kind": "TamperDetectionActivated",
            "reported_at_ms": NOW_MS,
            "critical": True,
            "info": "door",
        }
    ]


def test_the_same_event_again_is_no_alert_however_late(desk: Desk) -> None:
    desk.hear(alert())
    desk.now_ms += 60 * MINUTE_MS
    desk.hear(alert())
    assert desk.booked("SecurityEventReported") == []


def test_a_station_that_repeats_itself_raises_one_alert_a_minute_of_each_kind(desk: Desk) -> None:
    desk.hear(alert(at_ms=NOW_MS))
    desk.hear(alert(at_ms=NOW_MS + 1))
    assert desk.booked("SecurityEventReported") == []
    desk.hear(alert("SettingSystemTime"))
    assert len(desk.booked("SecurityEventReported")) == 1
    desk.now_ms += MINUTE_MS
    desk.hear(alert(at_ms=NOW_MS + 2))
    assert len(desk.booked("SecurityEventReported")) == 1


def test_a_clock_that_went_back_silences_no_alert(desk: Desk) -> None:
    desk.hear(alert())
    desk.now_ms -= 60 * MINUTE_MS
    desk.hear(alert(at_ms=NOW_MS - 1))
    assert len(desk.booked("SecurityEventReported")) == 1


def test_kinds_that_a_station_makes_up_do_not_fill_the_memory(desk: Desk) -> None:
    for number in range(ALERT_KINDS_MAX + 20):
        desk.hear(alert(f"kind-{number}"))
    assert len(desk.state.stations["dc-1"].alerts) == ALERT_KINDS_MAX


def test_a_task_is_booked_when_it_has_come_further(desk: Desk) -> None:
    for status in ("Downloading", "Downloading", "Downloaded"):
        desk.hear(TaskReported("dc-1", "FIRMWARE", 7, status))
        desk.hear(TaskReported("dc-1", "LOG", 8, "Uploading"))
    desk.hear(TaskReported("dc-1", "FIRMWARE", 9, "Downloaded"))
    assert desk.booked("StationTaskProgressed") == [
        {"station_id": "dc-1", "task": "FIRMWARE", "request_id": 9, "status": "Downloaded"}
    ]
    tasks = desk.state.stations["dc-1"].tasks
    assert {name: (x.request_id, x.status) for name, x in tasks.items()} == {
        "FIRMWARE": (9, "Downloaded"),
        "LOG": (8, "Uploading"),
    }


def test_a_reservation_that_a_station_let_go_is_booked(desk: Desk) -> None:
    desk.hear(ReservationUpdated("dc-1", 5, "Removed"))
    assert desk.booked("StationReservationEnded") == [{"station_id": "dc-1", "reservation_id": 5, "status": "Removed"}]


def test_what_a_car_needs_is_remembered_until_it_is_gone(desk: Desk) -> None:
    desk.hear(ConnectorReported("dc-1", 1, 1, "Occupied"))
    assert desk.hear(NeedsReported("dc-1", 1, 20_000, NOW_MS + MINUTE_MS, 11_000)) == NeedsTaken(True)
    assert desk.state.needs == {"dc-1/1": EvNeeds(20_000, NOW_MS + MINUTE_MS, 11_000, NOW_MS)}
    desk.hear(ConnectorReported("dc-1", 2, 1, "Available"))
    assert list(desk.state.needs) == ["dc-1/1"]
    desk.hear(ConnectorReported("dc-1", 1, 1, "Available"))
    assert desk.state.needs == {}


@pytest.mark.parametrize(("station_id", "evse_id"), [("dc-1", 3), ("dc-9", 1)])
def test_needs_at_an_evse_that_is_not_ours_are_not_taken(desk: Desk, station_id: str, evse_id: int) -> None:
    assert desk.hear(NeedsReported(station_id, evse_id, 20_000)) == NeedsTaken(False)
    assert desk.state.needs == {}


def test_who_sends_a_message_by_hand_is_on_record(desk: Desk) -> None:
    desk.hear(MessageByHand("dc-1", "Reset", "mara"))
    assert desk.booked("StationMessageSent") == [{"station_id": "dc-1", "action": "Reset", "sent_by": "mara"}]


def test_a_transaction_is_not_over_because_the_other_cable_of_its_evse_hangs_in_its_holder(desk: Desk) -> None:
    desk.hear(ConnectorReported("dc-1", 1, 2, "Occupied"))
    desk.hear(TransactionReported("dc-1", "tx-1", "Started", 0, NOW_MS, evse_id=1, register_wh=5))
    (running,) = desk.state.transactions.values()
    desk.hear(ConnectorReported("dc-1", 1, 1, "Available"))
    assert running.closing is None
    desk.hear(ConnectorReported("dc-1", 1, 2, "Available"))
    assert running.closing is not None


@pytest.mark.parametrize(
    ("connectors", "status"),
    [
        (["Available"], "Available"),
        (["Available", "Occupied"], "Occupied"),
        (["Unavailable", "Reserved"], "Reserved"),
        (["Faulted", "Available"], "Available"),
        (["Faulted", "Unavailable"], "Unavailable"),
        (["Faulted", "Faulted"], "Faulted"),
        (["Humming"], "Humming"),
    ],
)
def test_an_evse_is_what_its_connectors_make_it(connectors: Sequence[str], status: str) -> None:
    assert evse_status(connectors) == status


def test_each_connector_of_an_evse_has_its_own_status_and_news_is_booked_once(desk: Desk) -> None:
    desk.hear(ConnectorReported("dc-1", 1, 1, "Available"))
    desk.hear(ConnectorReported("dc-1", 1, 2, "Occupied"))
    assert len(desk.booked("ConnectorStatusChanged")) == 1
    desk.hear(ConnectorReported("dc-1", 1, 1, "Available"))
    assert desk.booked("ConnectorStatusChanged") == []
    station = desk.state.stations["dc-1"]
    assert (station.connectors, station.statuses) == ({"1/1": "Available", "1/2": "Occupied"}, {1: "Occupied"})
