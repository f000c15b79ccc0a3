"""Decisions are whole values under a key; what is newer replaces what has the same key."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from shared.decisions import (
    Decision,
    PlateBlocked,
    PlateUnblocked,
    RightAssigned,
    RightRevoked,
    TariffPublished,
    parse_decision,
)
from shared.facilities import SpaceKind
from shared.rights import Right, RightKind
from shared.tariffs import ComponentType, Element, PriceComponent, Tariff

RIGHT = Right(right_id="acct-1", kind=RightKind.ACCOUNT, customer_id="ada", tokens=("TAG-1",))
TARIFF = Tariff(
    tariff_id="boston",
    version=3,
    kind="PARKING",
    space_kind=SpaceKind.EV,
    elements=(Element(price_components=(PriceComponent(type=ComponentType.STAY_TIME, price=Decimal("3.10")),)),),
)
DECISIONS: tuple[Decision, ...] = (
    TariffPublished(tariff=TARIFF),
    RightAssigned(right=RIGHT),
    RightRevoked(right_id="acct-1", reason="no payment method"),
    PlateBlocked(plate="4AB12C", reason="damage"),
    PlateUnblocked(plate="4AB12C"),
)


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda d: d.type)
def test_a_decision_survives_the_wire(decision: Decision) -> None:
    assert parse_decision(decision.model_dump(mode="json")) == decision


def test_prices_survive_the_wire_as_exact_decimals() -> None:
    body = TariffPublished(tariff=TARIFF).model_dump(mode="json")
    assert body["tariff"]["elements"][0]["price_components"][0]["price"] == "3.10"


def test_a_revocation_replaces_the_right_and_an_unblocking_the_block() -> None:
    assert RightRevoked(right_id="acct-1", reason="").key == RightAssigned(right=RIGHT).key
    assert PlateUnblocked(plate="4AB12C").key == PlateBlocked(plate="4AB12C", reason="").key


def test_each_version_of_a_tariff_stands_beside_the_others() -> None:
    newer = TARIFF.model_copy(update={"version": 4})
    assert TariffPublished(tariff=newer).key != TariffPublished(tariff=TARIFF).key


def test_kinds_of_decisions_never_share_a_key() -> None:
    assert len({decision.key.split("/")[0] for decision in DECISIONS}) == 3


def test_an_unknown_type_is_left_for_a_later_version() -> None:
    assert parse_decision({"type": "DroneDispatched", "drone_id": "d-1"}) is None
    assert parse_decision({}) is None


def test_a_known_type_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(ValidationError):
        parse_decision({"type": "PlateBlocked", "plate": "not a plate", "reason": ""})
