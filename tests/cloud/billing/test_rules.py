"""The rules of booking, with plain values."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.billing.rules import (
    EARNED,
    Account,
    PaymentKind,
    Posting,
    Settlement,
    charge_postings,
    earned,
    payment_postings,
    refund_postings,
    reversal,
    settlement,
)
from shared.rating import Line


def line(kind: str, amount_cents: int) -> Line:
    return Line(
        kind=kind,
        component=None,
        description=kind,
        quantity=Decimal(1),
        unit="session",
        unit_price=Decimal(amount_cents) / 100,
        amount_cents=amount_cents,
    )


cents = st.integers(min_value=0, max_value=100_000)


def test_a_charge_is_owed_and_earned_by_kind_with_tax_apart() -> None:
    lines = (line("PARKING", 900), line("CHARGING", 400), line("TAX", 117))
    assert charge_postings(lines) == (
        Posting(Account.RECEIVABLE, 1_417),
        Posting(Account.PARKING_REVENUE, -900),
        Posting(Account.CHARGING_REVENUE, -400),
        Posting(Account.TAX_PAYABLE, -117),
    )


def test_what_a_pass_covers_is_not_earned() -> None:
    lines = (line("PARKING", 900), line("COVERED", -900), line("CHARGING", 400))
    assert earned(lines) == {Account.PARKING_REVENUE: 0, Account.CHARGING_REVENUE: 400, Account.TAX_PAYABLE: 0}


def test_a_covered_charging_session_is_taken_off_charging() -> None:
    lines = (line("PARKING", 900), line("CHARGING", 400), line("COVERED", -400))
    assert earned(lines)[Account.CHARGING_REVENUE] == 0


def test_nothing_earned_is_nothing_booked() -> None:
    assert charge_postings((line("PARKING", 900), line("COVERED", -900))) == ()


def test_what_is_received_beyond_what_is_owed_is_the_customers() -> None:
    assert settlement(1_000, 700) == Settlement(700, 300)
    assert payment_postings(PaymentKind.SITE_CASH, Settlement(700, 300)) == (
        Posting(Account.SITE_CASH, 1_000),
        Posting(Account.RECEIVABLE, -700),
        Posting(Account.CUSTOMER_CREDIT, -300),
    )


def test_when_nothing_is_owed_all_of_it_is_the_customers() -> None:
    assert settlement(500, -20) == Settlement(0, 500)


def test_a_refund_takes_tax_back_with_the_revenue_it_fell_on() -> None:
    left = {Account.PARKING_REVENUE: 900, Account.TAX_PAYABLE: 100}
    assert refund_postings(500, left) == (
        Posting(Account.PARKING_REVENUE, 450),
        Posting(Account.TAX_PAYABLE, 50),
        Posting(Account.GATEWAY, -500),
    )


def test_a_refund_gives_back_the_customers_own_money_first() -> None:
    left = {Account.PARKING_REVENUE: 900, Account.CUSTOMER_CREDIT: 300}
    assert refund_postings(400, left) == (
        Posting(Account.CUSTOMER_CREDIT, 300),
        Posting(Account.PARKING_REVENUE, 100),
        Posting(Account.GATEWAY, -400),
    )


def test_more_than_is_left_cannot_be_given_back() -> None:
    with pytest.raises(ValueError, match="at most 900 cents, got 901"):
        refund_postings(901, {Account.PARKING_REVENUE: 900})


def test_a_reversal_undoes_a_transfer_to_the_cent() -> None:
    booked = charge_postings((line("PARKING", 900), line("TAX", 81)))
    assert sum(p.amount_cents for p in (*booked, *reversal(booked))) == 0
    assert {p.account for p in reversal(booked)} == {p.account for p in booked}


@given(parking=cents, charging=cents, tax=cents, paid=st.integers(min_value=1, max_value=400_000))
def test_every_transfer_sums_to_zero(parking: int, charging: int, tax: int, paid: int) -> None:
    booked = charge_postings((line("PARKING", parking), line("CHARGING", charging), line("TAX", tax)))
    split = settlement(paid, parking + charging + tax)
    for postings in (booked, payment_postings(PaymentKind.CARD_ON_FILE, split), reversal(booked)):
        assert sum(p.amount_cents for p in postings) == 0
        assert all(p.amount_cents for p in postings)


@given(
    left=st.fixed_dictionaries(dict.fromkeys((*EARNED, Account.CUSTOMER_CREDIT), cents)),
    parts=st.lists(st.integers(min_value=1, max_value=50_000), max_size=8),
)
def test_no_sequence_of_refunds_takes_more_from_an_account_than_it_has(
    left: dict[Account, int], parts: list[int]
) -> None:
    for wanted in parts:
        part = min(wanted, sum(left.values()))
        if not part:
            return
        booked = refund_postings(part, left)
        assert sum(p.amount_cents for p in booked) == 0
        assert booked[-1] == Posting(Account.GATEWAY, -part)
        for posting in booked[:-1]:
            left[posting.account] -= posting.amount_cents
            assert left[posting.account] >= 0
