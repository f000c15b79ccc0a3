"""Setup intents: saving a card for later charges, ``/v1/setup_intents``."""

import secrets

from provisioning.stripe_stand_in import params
from provisioning.stripe_stand_in.call import Call, holder_of, secret_only
from provisioning.stripe_stand_in.cards import AUTHENTICATION_FAILED, Authentication, Decline
from provisioning.stripe_stand_in.customers import card_of, save, take_method
from provisioning.stripe_stand_in.errors import Fault, card_error, invalid, missing
from provisioning.stripe_stand_in.store import Body

_CREATE = (
    "customer",
    "payment_method",
    "usage",
    "confirm",
    "return_url",
    "description",
    "allowed_payment_method_types",
    "automatic_payment_methods",
    "use_stripe_sdk",
)
_CONFIRM = ("payment_method", "return_url", "use_stripe_sdk")
_CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


def create(call: Call) -> Body:
    secret_only(call)
    params.only(call.params, *_CREATE)
    customer = params.text(call.params, "customer")
    if customer:
        call.store.get("customer", customer, param="customer")
    token = params.text(call.params, "payment_method")
    method = take_method(call, token) if token else None
    intent = call.store.add(
        "setup_intent",
        {
            "customer": customer,
            "payment_method": method["id"] if method else None,
            "payment_method_types": ["card"],
            "usage": params.text(call.params, "usage", "off_session"),
            "description": params.text(call.params, "description"),
            "metadata": params.metadata(call.params),
            "status": "requires_confirmation" if method else "requires_payment_method",
            "last_setup_error": None,
            "next_action": None,
            "latest_attempt": None,
        },
        now_s=call.now_s,
    )
    intent = call.store.change(intent, client_secret=f"{intent['id']}_secret_{secrets.token_hex(12)}")
    call.emit("setup_intent.created", intent)
    return _try(call, intent, method) if params.flag(call.params, "confirm") else intent


def confirm(call: Call, intent_id: str) -> Body:
    """May be called by a phone with the client secret."""
    intent = call.store.get("setup_intent", intent_id)
    holder_of(call, intent)
    params.only(call.params, *_CONFIRM)
    if intent["status"] not in _CONFIRMABLE:
        raise _unexpected(intent, "confirm")
    token = params.text(call.params, "payment_method") or intent["payment_method"]
    if not token:
        raise missing("payment_method")
    return _try(call, intent, take_method(call, token))


def retrieve(call: Call, intent_id: str) -> Body:
    intent = call.store.get("setup_intent", intent_id)
    holder_of(call, intent)
    return intent


def cancel(call: Call, intent_id: str) -> Body:
    secret_only(call)
    intent = call.store.get("setup_intent", intent_id)
    if intent["status"] not in _CONFIRMABLE:
        raise _unexpected(intent, "cancel")
    intent = call.store.change(intent, status="canceled", next_action=None)
    call.emit("setup_intent.canceled", intent)
    return intent


def list_all(call: Call) -> Body:
    secret_only(call)
    return call.store.page("setup_intent", call.params)


def authenticate(call: Call, intent: Body, *, approved: bool) -> Body:
    """The card's owner answers the bank's question on the page that ``next_action`` names."""
    if intent["status"] != "requires_action":
        raise _unexpected(intent, "authenticate")
    method = call.store.get("payment_method", intent["payment_method"])
    if approved:
        return _succeed(call, intent, method, set_up=True)
    _refuse(call, intent, AUTHENTICATION_FAILED)
    return call.store.get("setup_intent", intent["id"])


def _try(call: Call, intent: Body, method: Body | None) -> Body:
    if method is None:
        raise missing("payment_method")
    card = card_of(method)
    if card.when_saved:
        raise _refuse(call, intent, card.when_saved)
    if card.authentication is not Authentication.NEVER:
        intent = call.store.change(
            intent,
            payment_method=method["id"],
            status="requires_action",
            next_action={
                "type": "redirect_to_url",
                "redirect_to_url": {"url": f"/authenticate/{intent['id']}", "return_url": None},
            },
        )
        call.emit("setup_intent.requires_action", intent)
        return intent
    return _succeed(call, intent, method, set_up=False)


def _succeed(call: Call, intent: Body, method: Body, *, set_up: bool) -> Body:
    if intent["customer"]:
        save(call, method, intent["customer"], set_up=set_up)
    intent = call.store.change(
        intent, payment_method=method["id"], status="succeeded", next_action=None, last_setup_error=None
    )
    call.emit("setup_intent.succeeded", intent)
    return intent


def _refuse(call: Call, intent: Body, decline: Decline) -> Fault:
    fault = card_error(decline.message, code=decline.code, decline_code=decline.decline_code, details={})
    intent = call.store.change(
        intent,
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_setup_error=dict(fault.error),
    )
    call.emit("setup_intent.setup_failed", intent)
    fault.error["setup_intent"] = intent
    return fault


def _unexpected(intent: Body, verb: str) -> Fault:
    return invalid(
        f"You cannot {verb} this SetupIntent because it has a status of {intent['status']}.",
        code="setup_intent_unexpected_state",
    )
