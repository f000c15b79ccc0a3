"""What rights follow from what is known of a customer, and which card is charged."""

import pytest

from cloud.customers.rules import Grant, PaymentMethod, Profile, account, decisions, with_card, without_card
from shared.decisions import RightAssigned, RightRevoked
from shared.rights import Right, RightKind, Vehicle

CAR = Vehicle(plate="4AB12C", is_ev=True)
GRANT = Grant("sub-1", "ada", RightKind.SUBSCRIPTION, from_ms=5, until_ms=9, facility_ids=("b",), covers_parking=True)


def profile(**fields: object) -> Profile:
    return Profile(**{"customer_id": "ada", "vehicles": (CAR,), "has_payment_method": True, **fields})


def test_a_card_and_a_vehicle_make_an_account_good_everywhere_until_revoked_that_covers_nothing() -> None:
    assert account(profile(tokens=("TAG",))) == Right(
        right_id="acct-ada", kind=RightKind.ACCOUNT, customer_id="ada", vehicles=(CAR,), tokens=("TAG",)
    )


@pytest.mark.parametrize("missing", [{"vehicles": ()}, {"has_payment_method": False}])
def test_without_a_card_or_a_vehicle_there_is_no_account(missing: dict[str, object]) -> None:
    assert account(profile(**missing)) is None
    assert decisions(profile(**missing)) == ()


@pytest.mark.parametrize("missing", [{"vehicles": ()}, {"has_payment_method": False}])
def test_an_account_that_facilities_were_told_of_is_revoked(missing: dict[str, object]) -> None:
    (revoked,) = decisions(profile(**missing, account_assigned=True))
    assert isinstance(revoked, RightRevoked)
    assert revoked.right_id == "acct-ada"


def test_a_pass_holds_without_a_card_for_the_vehicles_of_the_day() -> None:
    (assigned,) = decisions(profile(has_payment_method=False, tokens=("TAG",), grants=(GRANT,)))
    assert isinstance(assigned, RightAssigned)
    assert assigned.right == Right(
        right_id="sub-1",
        kind=RightKind.SUBSCRIPTION,
        customer_id="ada",
        vehicles=(CAR,),
        tokens=("TAG",),
        facility_ids=("b",),
        from_ms=5,
        until_ms=9,
        covers_parking=True,
    )


def test_every_right_is_told_anew() -> None:
    assert [d.key for d in decisions(profile(grants=(GRANT,)))] == ["right/acct-ada", "right/sub-1"]


def card(name: str, *, default: bool = False) -> PaymentMethod:
    return PaymentMethod(name, "visa", "4242", default)


def test_the_card_saved_last_is_charged() -> None:
    cards = with_card(with_card((), card("a")), card("b"))
    assert cards == (card("b", default=True), card("a"))
    assert with_card(cards, card("a")) == (card("a", default=True), card("b"))


def test_saving_a_card_again_does_not_store_it_twice() -> None:
    assert with_card((card("a", default=True),), card("a")) == (card("a", default=True),)


def test_when_the_charged_card_goes_another_takes_its_place() -> None:
    cards = (card("b", default=True), card("a"), card("c"))
    assert without_card(cards, "b") == (card("a", default=True), card("c"))
    assert without_card(cards, "a") == (card("b", default=True), card("c"))
    assert without_card((card("a", default=True),), "a") == ()
    assert without_card(cards, "unknown") == cards
