"""The summary adds up, and says what does not."""

from dataclasses import replace

from provisioning.audit.report import FacilityFigures
from provisioning.demo.figures import MoneyFigures
from provisioning.demo.summary import Run, Site, summary

FIGURES = FacilityFigures(
    events=900,
    entered=120,
    exited=70,
    charging_sessions=25,
    energy_wh=312_345,
    worst_case_w_max=388_000,
    budget_w=400_000,
)
MONEY = MoneyFigures(
    charges=140,
    charged_cents=100_000,
    received_cents=97_500,
    refunded_cents=300,
    open_cents=3_000,
    credit_cents=500,
    receipt_delays_ms=tuple(range(60_000, 6_060_000, 60_000)),
)
SITES = {"boston": Site(FIGURES, 900), "philadelphia": Site(FIGURES, 900)}
RUN = Run(seed=7, speed=60.0, lived_ms=4 * 3_600_000, sites=SITES, money=MONEY, failures=())


def test_it_says_everything_that_was_asked_for() -> None:
    found = summary(RUN)
    assert found["facilities"]["boston"] == {
        "events_appended": 900,
        "events_in_cloud": 900,
        "vehicles_entered": 120,
        "vehicles_exited": 70,
        "charging_sessions": 25,
        "energy_kwh": 312.345,
        "worst_case_power_kw_max": 388.0,
        "budget_kw": 400.0,
    }
    names = ("charges", "charged_cents", "paid_cents", "refunded_cents", "open_cents", "receipts")
    assert [found[name] for name in names] == [140, 100_000, 97_000, 300, 3_000, 100]
    assert found["audit"] == []


def test_receipt_delays_are_real_milliseconds_by_nearest_rank() -> None:
    assert summary(RUN)["receipt_delay_ms"] == {"p50": 50_000, "p99": 99_000}
    one = replace(RUN, money=replace(MONEY, receipt_delays_ms=(120_000,)))
    assert summary(one)["receipt_delay_ms"] == {"p50": 2_000, "p99": 2_000}
    none = replace(RUN, money=replace(MONEY, receipt_delays_ms=()))
    assert summary(none)["receipt_delay_ms"] == {"p50": None, "p99": None}


def test_events_that_did_not_arrive_are_told() -> None:
    short = replace(RUN, sites=SITES | {"boston": Site(FIGURES, 899)})
    assert summary(short)["audit"] == ["boston: 900 events in its log, 899 of them in the cloud"]


def test_a_session_without_its_charge_is_told() -> None:
    assert summary(replace(RUN, money=replace(MONEY, charges=139)))["audit"] == [
        "140 sessions ended at the facilities, 139 were charged"
    ]


def test_money_that_is_neither_paid_nor_open_is_told() -> None:
    assert summary(replace(RUN, money=replace(MONEY, open_cents=2_999)))["audit"] == [
        "100000 cents charged are not 97000 paid and 2999 open"
    ]


def test_what_the_audit_found_comes_first() -> None:
    found = summary(replace(RUN, failures=("over budget",), money=replace(MONEY, charges=1)))["audit"]
    assert found[0] == "over budget"
    assert len(found) == 2
