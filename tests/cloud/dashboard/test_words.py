"""Figures, ages and events in the words of people."""

import pytest

from cloud.dashboard.rules import words
from cloud.dashboard.rules.overview import Chargers, Concerns, FacilityNow, Presence, Spaces, Tone, Watts
from cloud.dashboard.rules.telling import TOLD, TOLD_TYPES, Settlement, tell, tell_concerns, tell_settlement
from shared.clock import DAY_MS, HOUR_MS, MINUTE_MS
from shared.events import (
    DataLost,
    DataRecovered,
    EnergyMetered,
    EntryRefused,
    ExitRefused,
    LaneFaulted,
    LaneOpened,
    PaymentTaken,
    TailgateDetected,
    TransactionStarted,
    VehicleEntered,
    VehicleExited,
)
from shared.facilities import SpaceKind
from shared.rights import RightKind, RightRef
from tests.builders import NINE_MS

BOSTON = "America/New_York"


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (-400, "just now"),
        (999, "just now"),
        (12_000, "12 s ago"),
        (MINUTE_MS, "1 min ago"),
        (3 * HOUR_MS + 59 * MINUTE_MS, "3 h ago"),
        (2 * DAY_MS, "2 d ago"),
    ],
)
def test_an_age_is_in_its_largest_unit_rounded_down(ms: int, said: str) -> None:
    assert words.age(ms) == said


@pytest.mark.parametrize(
    ("watts", "said"),
    [(None, "–"), (0, "0"), (40, "0.0"), (1_440, "1.4"), (9_940, "9.9"), (9_960, "10"), (371_499, "371")],
)
def test_power_is_read_in_kilowatts_and_unknown_is_a_dash_and_not_a_zero(watts: int | None, said: str) -> None:
    assert words.kw(watts) == said


def test_a_time_says_its_day_only_when_it_is_not_today_at_that_place() -> None:
    assert words.moment(NINE_MS - HOUR_MS, BOSTON, now_ms=NINE_MS) == "08:00:00"
    assert words.moment(NINE_MS - 10 * HOUR_MS, BOSTON, now_ms=NINE_MS) == "31 Dec 23:00"
    assert words.zone_name(NINE_MS, BOSTON) == "EST"
    assert words.day(NINE_MS, BOSTON) == "Thursday 1 January 2026"


def entered(plate: str = "4ABC12") -> VehicleEntered:
    return VehicleEntered(
        session_id="s-1",
        lane_id="in-1",
        plate=plate,
        right=RightRef(kind=RightKind.SUBSCRIPTION),
        space_id="r-1",
        space_kind=SpaceKind.REGULAR,
    )


def exited(quoted_cents: int) -> VehicleExited:
    return VehicleExited(
        session_id="s-1",
        lane_id="out-1",
        plate="4ABC12",
        space_id="r-1",
        quoted_cents=quoted_cents,
        tariff_versions=(),
        priced_until_ms=0,
    )


def started(evse_id: int) -> TransactionStarted:
    return TransactionStarted(station_id="dc-01", evse_id=evse_id, transaction_id="t", seq_no=0, started_at_ms=0)


@pytest.mark.parametrize(
    ("event", "text", "tone"),
    [
        (entered(), "4ABC12 entered by in-1, subscription", Tone.CALM),
        (entered(plate=""), "A car without a plate entered by in-1, subscription", Tone.CALM),
        (exited(1_840), "4ABC12 left by out-1, $18.40", Tone.CALM),
        (exited(0), "4ABC12 left by out-1, nothing to pay", Tone.CALM),
        (
            EntryRefused(lane_id="in-1", plate="8XYZ21", reason="BLOCKED"),
            "8XYZ21 not let in at in-1: blocked",
            Tone.ATTENTION,
        ),
        (
            ExitRefused(lane_id="out-1", plate="8XYZ21", reason="NOT_PAID", due_cents=500),
            "8XYZ21 not let out at out-1: not paid, $5.00 due",
            Tone.ATTENTION,
        ),
        (
            PaymentTaken(
                session_id="s-1",
                amount_cents=500,
                method="CASH",
                reference="1",
                taken_by="pay-machine",
                priced_until_ms=0,
            ),
            "$5.00 paid in cash at pay-machine",
            Tone.CALM,
        ),
        (started(1), "Charging began at dc-01", Tone.CALM),
        (started(2), "Charging began at dc-01, outlet 2", Tone.CALM),
        (
            LaneFaulted(lane_id="in-1", fault="STUCK_DOWN"),
            "in-1 is out of order: the arm does not rise",
            Tone.ALARM,
        ),
        (LaneOpened(lane_id="in-1", by="mara"), "mara opened in-1", Tone.CALM),
        (LaneOpened(lane_id="in-1", by="mara", held=True), "mara holds in-1 open", Tone.CALM),
        (
            TailgateDetected(lane_id="in-1", opened_by="mara"),
            "A car went through in-1, opened by mara: count the cars",
            Tone.ATTENTION,
        ),
    ],
)
def test_an_event_says_who_did_what_where(event: VehicleEntered, text: str, tone: Tone) -> None:
    told = tell(event)
    assert told is not None
    assert (told.text, told.tone) == (text, tone)


def test_meter_readings_are_not_worth_telling_and_are_not_asked_for() -> None:
    reading = EnergyMetered(station_id="l2-01", evse_id=1, transaction_id="t", seq_no=1, metered_at_ms=0, register_wh=1)
    assert tell(reading) is None
    assert "EnergyMetered" not in TOLD_TYPES


def test_every_type_that_is_asked_for_has_words() -> None:
    """``model_construct`` leaves out what words do not need; a type without words would answer None."""
    blank = {"plate": "A", "lane_id": "in-1", "station_id": "s", "reason": "FULL", "fault": "x", "version": "1"}
    blank |= {"right": RightRef(kind=RightKind.TICKET), "quoted_cents": 1, "amount_cents": 1, "method": "CARD"}
    blank |= {
        "taken_by": "m",
        "evse_id": 1,
        "energy_wh": 1,
        "due_cents": None,
        "by": "mara",
        "source": "x",
        "set_aside": "",
        "after": 1,
        "upto": 2,
        "former_log_id": "l",
    }
    assert [kind for kind in TOLD if tell(kind.model_construct(**blank)) is None] == []


def by_card(receipt: str) -> Settlement:
    return Settlement("PAID", 500, "SUCCEEDED", "CARD_ON_FILE", receipt=receipt)


@pytest.mark.parametrize(
    ("settlement", "text", "tone"),
    [
        (Settlement("PAID", 500, "SUCCEEDED", "CARD_ON_FILE", receipt="SENT"), "paid, receipt sent", Tone.CALM),
        (
            Settlement("PAID", 500, "SUCCEEDED", "CARD_ON_FILE", receipt="PENDING"),
            "paid, receipt on its way",
            Tone.CALM,
        ),
        (
            Settlement("PAID", 500, "SUCCEEDED", "CARD_ON_FILE", receipt="FAILED"),
            "paid, receipt not delivered",
            Tone.ATTENTION,
        ),
        (Settlement("PAID", 500, "SUCCEEDED", "SITE_CASH"), "paid on site", Tone.CALM),
        (Settlement("PAID", 500, "SUCCEEDED", "SITE_CASH", receipt="FAILED"), "paid on site", Tone.CALM),
        (Settlement("PAID", 0, receipt="SENT"), "nothing to pay, receipt sent", Tone.CALM),
        (Settlement("OPEN", 500, "SUBMITTED", "CARD_ON_FILE"), "being collected", Tone.CALM),
        (Settlement("OPEN", 500, "DECLINED", "CARD_ON_FILE", "No funds."), "card declined: No funds.", Tone.ATTENTION),
        (Settlement("OPEN", 500), "open", Tone.ATTENTION),
    ],
)
def test_a_charge_says_how_it_stands(settlement: Settlement, text: str, tone: Tone) -> None:
    told = tell_settlement(settlement)
    assert (told.text, told.tone) == (text, tone)


def now(presence: Presence = Presence.ONLINE, worst_case_w: int = 400_000) -> FacilityNow:
    return FacilityNow(
        facility_id="boston",
        name="Boston",
        zone=BOSTON,
        presence=presence,
        heard_at_ms=NINE_MS,
        regular=Spaces(3, 1),
        ev=Spaces(1, 0),
        chargers=Chargers(1, 0, 0),
        sync=None,
        watts=Watts(NINE_MS, 0, worst_case_w, 400_000),
        curve=(),
    )


def test_when_all_is_well_nothing_asks_for_a_person() -> None:
    assert tell_concerns((now(),), Concerns(0, 0), now_ms=NINE_MS) == ()
    assert tell_concerns((now(Presence.NEVER),), Concerns(0, 0), now_ms=NINE_MS) == ()


def test_a_facility_that_is_away_for_days_says_the_day() -> None:
    [told] = tell_concerns((now(Presence.AWAY),), Concerns(0, 0), now_ms=NINE_MS + 3 * DAY_MS)
    assert "last heard at 1 Jan 09:00 EST" in told.text


def test_what_needs_a_person_comes_with_the_worst_first() -> None:
    told = tell_concerns((now(Presence.AWAY, worst_case_w=400_001),), Concerns(1, 2), now_ms=NINE_MS)
    assert [t.tone for t in told] == [Tone.ALARM, Tone.ATTENTION, Tone.ATTENTION, Tone.ATTENTION]
    assert "Boston is away, last heard at 09:00:00 EST" in told[1].text
    assert told[2].text.startswith("1 event could")
    assert told[3].text.startswith("2 amounts did")


def test_more_cars_than_spaces_is_full_and_not_less_than_nothing() -> None:
    assert Spaces(total=3, cars=4).free == 0


def test_what_a_damaged_box_lost_is_an_alarm_that_says_what_is_left() -> None:
    rebuilt = tell(DataRecovered(former_log_id="boston-1", reason="DAMAGED", source="copy facility-x.db", upto=7))
    assert rebuilt is not None
    assert rebuilt.text.endswith("began a new log: its file was damaged. It had copy facility-x.db")
    lost = tell(DataLost(former_log_id="boston-1", after=7, upto=9))
    assert lost is not None
    assert lost.text == "Entries 8 to 9 of log boston-1 are not known on site: count the cars"
    assert (rebuilt.tone, lost.tone) == (Tone.ALARM, Tone.ALARM)
