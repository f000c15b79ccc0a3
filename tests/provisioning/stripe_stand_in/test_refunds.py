"""Refunds never give back more than was taken."""

import pytest
import stripe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.provisioning.stripe_stand_in.test_payments import pay


def test_a_payment_is_given_back_in_parts_until_nothing_is_left(api, customer, visa):
    paid = pay(api, customer, visa)
    first = api.v1.refunds.create({"payment_intent": paid.id, "amount": 500, "metadata": {"refund_id": "r-1"}})
    assert (first.status, first.amount, first.charge) == ("succeeded", 500, paid.latest_charge)
    rest = api.v1.refunds.create({"payment_intent": paid.id})
    assert rest.amount == 1_500
    charge = api.v1.charges.retrieve(paid.latest_charge)
    assert (charge.amount_refunded, charge.refunded) == (2_000, True)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.v1.refunds.create({"payment_intent": paid.id})
    assert refused.value.code == "charge_already_refunded"
    assert [r.id for r in api.v1.refunds.list({"payment_intent": paid.id}).data] == [rest.id, first.id]


def test_more_than_is_left_is_refused_with_stripes_words(api, customer, visa):
    paid = pay(api, customer, visa)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount on charge"):
        api.v1.refunds.create({"charge": paid.latest_charge, "amount": 2_001})


def test_a_refused_payment_has_nothing_to_give_back(api, customer):
    saved = api.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    with pytest.raises(stripe.CardError) as refused:
        pay(api, customer, saved.id)
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        api.v1.refunds.create({"payment_intent": refused.value.error.payment_intent.id})


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(st.integers(min_value=1, max_value=2_500), min_size=1, max_size=6))
def test_no_sequence_of_refunds_exceeds_the_payment(api, customer, visa, wanted):
    paid = pay(api, customer, visa)
    given_back = 0
    for amount in wanted:
        try:
            given_back += api.v1.refunds.create({"payment_intent": paid.id, "amount": amount}).amount
        except stripe.InvalidRequestError:
            assert given_back + amount > 2_000
    assert given_back <= 2_000
    assert api.v1.charges.retrieve(paid.latest_charge).amount_refunded == given_back
