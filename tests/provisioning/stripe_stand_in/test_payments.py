"""Payment intents, as Stripe's own library sees them."""

import pytest
import stripe

from tests.provisioning.stripe_stand_in.running import client

USD_20 = {"amount": 2_000, "currency": "usd"}


def pay(api: stripe.StripeClient, customer: str, method: str, **more: object) -> stripe.PaymentIntent:
    order = {**USD_20, "customer": customer, "payment_method": method, "confirm": True, "off_session": True, **more}
    return api.v1.payment_intents.create(order)


def test_a_saved_card_is_charged_while_its_owner_is_away(api, customer, visa):
    intent = pay(api, customer, visa, metadata={"payment_id": "pay-1"}, expand=["latest_charge"])
    assert (intent.status, intent.amount_received) == ("succeeded", 2_000)
    assert intent.metadata["payment_id"] == "pay-1"
    assert intent.latest_charge.payment_method_details.card.last4 == "4242"
    assert intent.latest_charge.paid
    assert intent.latest_charge.amount_captured == 2_000


def test_latest_charge_is_an_id_unless_it_is_asked_for_whole(api, customer, visa):
    assert pay(api, customer, visa).latest_charge.startswith("ch_")


def test_a_card_that_attaches_may_still_fail_when_charged(api, customer):
    saved = api.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    with pytest.raises(stripe.CardError) as refused:
        pay(api, customer, saved.id)
    error = refused.value.error
    assert (refused.value.http_status, error.code, error.decline_code) == (402, "card_declined", "generic_decline")
    assert error.payment_intent.status == "requires_payment_method"
    assert api.v1.charges.retrieve(error.charge).status == "failed"


@pytest.mark.parametrize(
    ("token", "decline"),
    [("pm_card_chargeDeclined", "generic_decline"), ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds")],
)
def test_a_declining_card_cannot_be_saved_nor_charged(api, customer, token, decline):
    with pytest.raises(stripe.CardError) as refused:
        api.v1.payment_methods.attach(token, {"customer": customer})
    assert refused.value.error.decline_code == decline
    with pytest.raises(stripe.CardError) as refused:
        pay(api, customer, token)
    assert refused.value.error.decline_code == decline


def test_a_card_that_wants_its_owner_cannot_be_charged_while_they_are_away(api, customer):
    saved = api.v1.payment_methods.attach("pm_card_authenticationRequiredOnSetup", {"customer": customer})
    with pytest.raises(stripe.CardError) as refused:
        pay(api, customer, saved.id)
    assert refused.value.code == "authentication_required"
    assert refused.value.error.payment_intent.last_payment_error.code == "authentication_required"


def test_with_its_owner_there_it_asks_them_first(api, customer):
    intent = api.v1.payment_intents.create(
        {**USD_20, "customer": customer, "payment_method": "pm_card_authenticationRequired", "confirm": True}
    )
    assert intent.status == "requires_action"
    assert intent.next_action.redirect_to_url.url == f"/authenticate/{intent.id}"


def test_another_customers_card_is_refused(api, visa):
    other = api.v1.customers.create({"name": "Bob"})
    with pytest.raises(stripe.InvalidRequestError, match="does not have a payment method"):
        pay(api, other.id, visa)


def test_less_than_fifty_cents_is_refused(api, customer, visa):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        pay(api, customer, visa, amount=49)
    assert refused.value.code == "amount_too_small"


def test_money_can_be_held_and_taken_in_part_later(api, customer, visa):
    held = pay(api, customer, visa, capture_method="manual")
    assert (held.status, held.amount_capturable, held.amount_received) == ("requires_capture", 2_000, 0)
    taken = api.v1.payment_intents.capture(held.id, {"amount_to_capture": 1_500})
    assert (taken.status, taken.amount_received) == ("succeeded", 1_500)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.v1.payment_intents.capture(held.id)
    assert refused.value.code == "payment_intent_unexpected_state"


def test_a_held_payment_can_be_let_go(api, customer, visa):
    held = pay(api, customer, visa, capture_method="manual")
    assert api.v1.payment_intents.cancel(held.id).status == "canceled"


def test_a_phone_confirms_with_the_intents_secret_and_only_with_that(api, base, customer):
    intent = api.v1.payment_intents.create({**USD_20, "customer": customer})
    phone = client(base, "pk_test_phone")
    with pytest.raises(stripe.InvalidRequestError, match="client_secret"):
        phone.v1.payment_intents.confirm(intent.id, {"client_secret": "guess", "payment_method": "pm_card_visa"})
    done = phone.v1.payment_intents.confirm(
        intent.id, {"client_secret": intent.client_secret, "payment_method": "pm_card_visa"}
    )
    assert done.status == "succeeded"
    with pytest.raises(stripe.AuthenticationError):
        phone.v1.payment_intents.create({**USD_20})


def test_lists_go_back_in_time_by_cursors(api, customer, visa):
    made = [pay(api, customer, visa).id for _ in range(5)]
    page = api.v1.payment_intents.list({"customer": customer, "limit": 2})
    assert ([x.id for x in page.data], page.has_more) == (made[:2:-1], True)
    assert [x.id for x in page.auto_paging_iter()] == made[::-1]
    assert [x.id for x in api.v1.payment_intents.list({"ending_before": made[2], "limit": 1}).data] == [made[3]]
    assert len(api.v1.charges.list({"payment_intent": made[0]}).data) == 1


def test_lists_can_begin_at_an_instant_of_lived_time(api, customer, visa, lived_s):
    pay(api, customer, visa)
    lived_s.real_s += 3_600
    late = pay(api, customer, visa)
    found = api.v1.payment_intents.list({"created": {"gte": int(lived_s.real_s)}})
    assert [x.id for x in found.data] == [late.id]


def test_what_it_does_not_know_it_says(api):
    with pytest.raises(stripe.InvalidRequestError, match="knows only part of Stripe"):
        api.v1.balance.retrieve()
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter: colour"):
        api.v1.payment_intents.create({**USD_20, "colour": "red"})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.v1.payment_intents.retrieve("pi_none")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


def test_a_wrong_key_is_refused(base):
    with pytest.raises(stripe.AuthenticationError):
        client(base, "sk_test_other").v1.customers.list()
