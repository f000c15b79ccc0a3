"""Saving a card: the phone talks to Stripe, we only ever see a token."""

import httpx
import pytest
import stripe

from tests.provisioning.stripe_stand_in.running import client
from tests.provisioning.stripe_stand_in.test_payments import pay


def begin(api: stripe.StripeClient, customer: str) -> stripe.SetupIntent:
    return api.v1.setup_intents.create({"customer": customer, "usage": "off_session"})


def confirm(base: str, intent: stripe.SetupIntent, method: str) -> stripe.SetupIntent:
    return client(base, "pk_test_phone").v1.setup_intents.confirm(
        intent.id, {"client_secret": intent.client_secret, "payment_method": method}
    )


def test_a_phone_saves_a_card_with_the_client_secret(api, base, customer):
    done = confirm(base, begin(api, customer), "pm_card_mastercard")
    assert done.status == "succeeded"
    saved = api.v1.payment_methods.retrieve(done.payment_method)
    assert (saved.customer, saved.card.brand, saved.card.last4) == (customer, "mastercard", "4444")
    assert [m.id for m in api.v1.payment_methods.list({"customer": customer}).data] == [saved.id]
    assert pay(api, customer, saved.id).status == "succeeded"


def test_the_card_number_itself_goes_only_to_stripe(api, base, customer):
    phone = client(base, "pk_test_phone")
    method = phone.v1.payment_methods.create({"type": "card", "card": {"number": "4242 4242 4242 4242"}})
    assert confirm(base, begin(api, customer), method.id).status == "succeeded"
    with pytest.raises(stripe.CardError) as refused:
        phone.v1.payment_methods.create({"type": "card", "card": {"number": "4111111111111112"}})
    assert refused.value.code == "incorrect_number"


def test_a_card_that_wants_its_owner_once_is_good_after_they_confirmed(api, base, customer):
    asked = confirm(base, begin(api, customer), "pm_card_authenticationRequiredOnSetup")
    assert asked.status == "requires_action"
    httpx.post(base + asked.next_action.redirect_to_url.url).raise_for_status()
    done = api.v1.setup_intents.retrieve(asked.id)
    assert done.status == "succeeded"
    assert pay(api, customer, done.payment_method).status == "succeeded"


def test_an_owner_who_says_no_saves_nothing(api, base, customer):
    asked = confirm(base, begin(api, customer), "pm_card_authenticationRequiredOnSetup")
    httpx.post(base + asked.next_action.redirect_to_url.url, params={"approved": "false"}).raise_for_status()
    refused = api.v1.setup_intents.retrieve(asked.id)
    assert refused.status == "requires_payment_method"
    assert refused.last_setup_error.code == "payment_intent_authentication_failure"
    assert api.v1.payment_methods.list({"customer": customer}).data == []


def test_a_card_that_wants_its_owner_every_time_is_never_charged_without_them(api, base, customer):
    asked = confirm(base, begin(api, customer), "pm_card_authenticationRequired")
    httpx.post(base + asked.next_action.redirect_to_url.url).raise_for_status()
    saved = api.v1.setup_intents.retrieve(asked.id).payment_method
    with pytest.raises(stripe.CardError) as refused:
        pay(api, customer, saved)
    assert refused.value.code == "authentication_required"


def test_a_declining_card_is_not_saved(api, base, customer):
    with pytest.raises(stripe.CardError) as refused:
        confirm(base, begin(api, customer), "pm_card_chargeDeclined")
    assert refused.value.error.setup_intent.status == "requires_payment_method"


def test_a_card_that_was_taken_away_is_charged_no_more(api, customer, visa):
    api.v1.payment_methods.detach(visa)
    assert api.v1.payment_methods.retrieve(visa).customer is None
    with pytest.raises(stripe.InvalidRequestError, match="not attached"):
        api.v1.payment_methods.detach(visa)
