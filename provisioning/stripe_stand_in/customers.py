"""Customers and their saved cards: ``/v1/customers`` and ``/v1/payment_methods``."""

from provisioning.stripe_stand_in import cards, params
from provisioning.stripe_stand_in.call import Call, secret_only
from provisioning.stripe_stand_in.errors import card_error, invalid, missing
from provisioning.stripe_stand_in.store import Body

_CUSTOMER_FIELDS = ("name", "email", "phone", "description")


def create_customer(call: Call) -> Body:
    secret_only(call)
    params.only(call.params, *_CUSTOMER_FIELDS, "payment_method", "invoice_settings")
    body = {name: params.text(call.params, name) for name in _CUSTOMER_FIELDS}
    customer = call.store.add(
        "customer",
        {
            **body,
            "balance": 0,
            "currency": None,
            "default_source": None,
            "delinquent": False,
            "invoice_settings": {"default_payment_method": None},
            "metadata": params.metadata(call.params),
        },
        now_s=call.now_s,
    )
    call.emit("customer.created", customer)
    token = params.text(call.params, "payment_method")
    if token:
        save(call, take_method(call, token), customer["id"])
    return customer


def retrieve_customer(call: Call, customer_id: str) -> Body:
    secret_only(call)
    return call.store.get("customer", customer_id)


def update_customer(call: Call, customer_id: str) -> Body:
    secret_only(call)
    params.only(call.params, *_CUSTOMER_FIELDS, "invoice_settings")
    customer = call.store.get("customer", customer_id)
    fields = {name: params.text(call.params, name) for name in _CUSTOMER_FIELDS if name in call.params}
    settings = {**customer["invoice_settings"], **call.params.get("invoice_settings", {})}
    customer = call.store.change(
        customer, **fields, invoice_settings=settings, metadata=params.metadata(call.params, customer["metadata"])
    )
    call.emit("customer.updated", customer)
    return customer


def delete_customer(call: Call, customer_id: str) -> Body:
    secret_only(call)
    customer = call.store.get("customer", customer_id)
    call.store.change(customer, deleted=True)
    call.emit("customer.deleted", customer)
    return {"id": customer_id, "object": "customer", "deleted": True}


def list_customers(call: Call) -> Body:
    secret_only(call)
    return call.store.page("customer", call.params)


def make_method(call: Call, card: cards.TestCard) -> Body:
    """A new payment method for a test card; not yet anyone's."""
    return call.store.add(
        "payment_method",
        {
            "type": "card",
            "customer": None,
            "billing_details": {"address": None, "email": None, "name": None, "phone": None},
            "card": {
                "brand": card.brand,
                "last4": card.last4,
                "country": "US",
                "exp_month": 12,
                "exp_year": 2034,
                "funding": "credit",
                "fingerprint": f"stand-in-{card.last4}",
            },
            "metadata": {},
            "_number": card.number,
            "_set_up": False,
        },
        now_s=call.now_s,
    )


def create_method(call: Call) -> Body:
    """What Stripe.js does on the phone: the card's number goes to Stripe and only to Stripe."""
    params.only(call.params, "type", "card", "billing_details")
    if params.required(call.params, "type") != "card":
        raise invalid("Only cards are known here.", param="type")
    given = call.params.get("card", {})
    number, token = given.get("number"), given.get("token", "")
    card = cards.by_number(number) if number else cards.by_token(token.replace("tok_", "pm_card_"))
    if card is None:
        raise card_error(
            "Your card number is incorrect. Only Stripe's test cards are known here.",
            code="incorrect_number",
            decline_code=None,
            details={"param": "card[number]"},
        )
    return make_method(call, card)


def take_method(call: Call, name: str) -> Body:
    """The payment method of that id, or a new one for a name such as ``pm_card_visa``, as Stripe makes one."""
    card = cards.by_token(name)
    return make_method(call, card) if card else call.store.get("payment_method", name, param="payment_method")


def card_of(method: Body) -> cards.TestCard:
    """The test card behind a payment method."""
    card = cards.by_number(method["_number"])
    if card is None:
        raise invalid(f"{method['id']} is of a card that is no longer known here.", param="payment_method")
    return card


def save(call: Call, method: Body, customer_id: str, *, set_up: bool = False) -> Body:
    """Attach a card to a customer; the bank is asked first. Raises a card error, or invalid for another's card."""
    customer = call.store.get("customer", customer_id, param="customer")
    if method["customer"] not in (None, customer["id"]):
        raise invalid(
            "The payment method you provided has already been attached to a customer.",
            code="payment_method_unexpected_state",
        )
    decline = card_of(method).when_saved
    if decline:
        raise card_error(decline.message, code=decline.code, decline_code=decline.decline_code, details={})
    fresh = method["customer"] is None
    method = call.store.change(method, customer=customer["id"], _set_up=set_up or method["_set_up"])
    if fresh:
        call.emit("payment_method.attached", method)
    return method


def attach_method(call: Call, name: str) -> Body:
    secret_only(call)
    params.only(call.params, "customer")
    method = take_method(call, name) if cards.by_token(name) else call.store.get("payment_method", name)
    return save(call, method, params.required(call.params, "customer"))


def detach_method(call: Call, method_id: str) -> Body:
    secret_only(call)
    method = call.store.get("payment_method", method_id)
    if method["customer"] is None:
        raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    method = call.store.change(method, customer=None)
    call.emit("payment_method.detached", method)
    return method


def retrieve_method(call: Call, method_id: str) -> Body:
    secret_only(call)
    return call.store.get("payment_method", method_id)


def list_methods(call: Call) -> Body:
    """Stripe lists the cards of one customer, never of all."""
    secret_only(call)
    if not call.params.get("customer"):
        raise missing("customer")
    return call.store.page("payment_method", {**call.params, "type": "card"})


def list_methods_of(call: Call, customer_id: str) -> Body:
    secret_only(call)
    call.store.get("customer", customer_id)
    return call.store.page("payment_method", {**call.params, "customer": customer_id})
