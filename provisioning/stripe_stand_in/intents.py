"""Payment intents: taking money, ``/v1/payment_intents``. The states are Stripe's
(https://docs.stripe.com/payments/paymentintents/lifecycle)."""

import secrets

from provisioning.stripe_stand_in import charges, params
from provisioning.stripe_stand_in.call import Call, holder_of, secret_only
from provisioning.stripe_stand_in.cards import AUTHENTICATION_FAILED, Attempt, Decline, bank_says, needs_owner
from provisioning.stripe_stand_in.customers import card_of, take_method
from provisioning.stripe_stand_in.errors import Fault, card_error, invalid, missing
from provisioning.stripe_stand_in.store import Body

AMOUNT_MIN = 50
AMOUNT_MAX = 99_999_999

_CONFIRM = ("payment_method", "off_session", "return_url", "use_stripe_sdk", "error_on_requires_action")
_CREATE = (
    "amount",
    "currency",
    "customer",
    "confirm",
    "capture_method",
    "confirmation_method",
    "description",
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor_suffix",
    "allowed_payment_method_types",
    "automatic_payment_methods",
    *_CONFIRM,
)
ALLOWED = {
    "confirm": ("requires_payment_method", "requires_confirmation", "requires_action"),
    "capture": ("requires_capture",),
    "cancel": ("requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"),
    "authenticate": ("requires_action",),
}


def create(call: Call) -> Body:
    secret_only(call)
    params.only(call.params, *_CREATE)
    confirming = params.flag(call.params, "confirm")
    off_session = params.flag(call.params, "off_session")
    if off_session and not confirming:
        raise invalid("off_session can only be used with confirm=true.", param="off_session")
    customer = params.text(call.params, "customer")
    if customer:
        call.store.get("customer", customer, param="customer")
    amount = _amount(call)
    token = params.text(call.params, "payment_method")
    method = _method_for(call, token, customer) if token else None
    if confirming and method is None:
        raise missing("payment_method")
    intent = call.store.add(
        "payment_intent",
        {
            "amount": amount,
            "amount_capturable": 0,
            "amount_received": 0,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": params.text(call.params, "capture_method", "automatic"),
            "confirmation_method": params.text(call.params, "confirmation_method", "automatic"),
            "currency": params.required(call.params, "currency").lower(),
            "customer": customer,
            "description": params.text(call.params, "description"),
            "last_payment_error": None,
            "latest_charge": None,
            "metadata": params.metadata(call.params),
            "next_action": None,
            "payment_method": method["id"] if method else None,
            "payment_method_types": ["card"],
            "receipt_email": params.text(call.params, "receipt_email"),
            "setup_future_usage": params.text(call.params, "setup_future_usage"),
            "status": "requires_confirmation" if method else "requires_payment_method",
        },
        now_s=call.now_s,
    )
    intent = call.store.change(intent, client_secret=f"{intent['id']}_secret_{secrets.token_hex(12)}")
    call.emit("payment_intent.created", intent)
    return _attempt(call, intent, method, off_session=off_session) if method and confirming else intent


def _amount(call: Call) -> int:
    amount = params.integer(call.params, "amount")
    if amount is None:
        raise missing("amount")
    if amount < 1:
        raise invalid(
            "This value must be greater than or equal to 1.", param="amount", code="parameter_invalid_integer"
        )
    if amount < AMOUNT_MIN:
        raise invalid("Amount must be at least $0.50 usd", param="amount", code="amount_too_small")
    if amount > AMOUNT_MAX:
        raise invalid("Amount must be no more than $999,999.99", param="amount", code="amount_too_large")
    return amount


def _method_for(call: Call, token: str, customer: str | None) -> Body:
    method = take_method(call, token)
    if method["customer"] is not None and method["customer"] != customer:
        raise invalid(
            f"The customer does not have a payment method with the ID {method['id']}. "
            "The payment method must be attached to the customer.",
            param="payment_method",
            code="payment_method_unexpected_state" if customer else "missing",
        )
    return method


def confirm(call: Call, intent_id: str) -> Body:
    """May be called by a phone with the client secret."""
    intent = call.store.get("payment_intent", intent_id)
    holder_of(call, intent)
    params.only(call.params, *_CONFIRM)
    allow(intent, "confirm")
    token = params.text(call.params, "payment_method") or intent["payment_method"]
    if not token:
        raise missing("payment_method")
    method = _method_for(call, token, intent["customer"])
    return _attempt(call, intent, method, off_session=params.flag(call.params, "off_session"))


def capture(call: Call, intent_id: str) -> Body:
    """Take what was held, or less; what is not taken is let go and cannot be taken later."""
    secret_only(call)
    params.only(call.params, "amount_to_capture")
    intent = call.store.get("payment_intent", intent_id)
    allow(intent, "capture")
    wanted = params.integer(call.params, "amount_to_capture")
    amount = intent["amount_capturable"] if wanted is None else wanted
    if not 1 <= amount <= intent["amount_capturable"]:
        raise invalid(
            "The payment intent could not be captured because the requested capture amount is greater than the "
            "authorized amount.",
            param="amount_to_capture",
            code="amount_too_large",
        )
    charge = call.store.get("charge", intent["latest_charge"])
    charge = call.store.change(charge, captured=True, amount_captured=amount)
    call.emit("charge.captured", charge)
    intent = call.store.change(intent, status="succeeded", amount_capturable=0, amount_received=amount)
    call.emit("payment_intent.succeeded", intent)
    return intent


def cancel(call: Call, intent_id: str) -> Body:
    secret_only(call)
    params.only(call.params, "cancellation_reason")
    intent = call.store.get("payment_intent", intent_id)
    allow(intent, "cancel")
    intent = call.store.change(
        intent,
        status="canceled",
        canceled_at=call.now_s,
        cancellation_reason=params.text(call.params, "cancellation_reason"),
        amount_capturable=0,
        next_action=None,
    )
    call.emit("payment_intent.canceled", intent)
    return intent


def retrieve(call: Call, intent_id: str) -> Body:
    intent = call.store.get("payment_intent", intent_id)
    holder_of(call, intent)
    return intent


def list_all(call: Call) -> Body:
    secret_only(call)
    return call.store.page("payment_intent", call.params)


def authenticate(call: Call, intent: Body, *, approved: bool) -> Body:
    """The card's owner answers the bank's question on the page that ``next_action`` names."""
    allow(intent, "authenticate")
    method = call.store.get("payment_method", intent["payment_method"])
    if not approved:
        _refuse(call, intent, method, AUTHENTICATION_FAILED)
        return call.store.get("payment_intent", intent["id"])
    decline = bank_says(card_of(method), Attempt(off_session=False, authenticated=True, set_up=True))
    if decline:
        _refuse(call, intent, method, decline)
        return call.store.get("payment_intent", intent["id"])
    return _approve(call, intent, method)


def allow(intent: Body, verb: str) -> None:
    """Raises Fault unless the intent's state admits the verb."""
    if intent["status"] not in ALLOWED[verb]:
        raise invalid(
            f"This PaymentIntent's status is {intent['status']}. You can only {verb} a PaymentIntent with one of the "
            f"following statuses: {', '.join(ALLOWED[verb])}.",
            code="payment_intent_unexpected_state",
        )


def _attempt(call: Call, intent: Body, method: Body, *, off_session: bool) -> Body:
    card = card_of(method)
    how = Attempt(off_session=off_session, authenticated=False, set_up=method["_set_up"])
    if needs_owner(card, how) and not off_session and not params.flag(call.params, "error_on_requires_action"):
        intent = call.store.change(
            intent,
            payment_method=method["id"],
            status="requires_action",
            next_action={
                "type": "redirect_to_url",
                "redirect_to_url": {"url": f"/authenticate/{intent['id']}", "return_url": None},
            },
        )
        call.emit("payment_intent.requires_action", intent)
        return intent
    decline = bank_says(card, how)
    if decline:
        raise _refuse(call, intent, method, decline)
    return _approve(call, intent, method)


def _approve(call: Call, intent: Body, method: Body) -> Body:
    charge = charges.make(call, intent, method, decline=None)
    held = intent["capture_method"] == "manual"
    intent = call.store.change(
        intent,
        payment_method=method["id"],
        latest_charge=charge["id"],
        status="requires_capture" if held else "succeeded",
        amount_capturable=intent["amount"] if held else 0,
        amount_received=0 if held else intent["amount"],
        next_action=None,
        last_payment_error=None,
    )
    call.emit("payment_intent.amount_capturable_updated" if held else "payment_intent.succeeded", intent)
    return intent


def _refuse(call: Call, intent: Body, method: Body, decline: Decline) -> Fault:
    charge = charges.make(call, intent, method, decline=decline)
    details = {"charge": charge["id"], "payment_method": method}
    fault = card_error(decline.message, code=decline.code, decline_code=decline.decline_code, details=details)
    intent = call.store.change(
        intent,
        payment_method=None,
        latest_charge=charge["id"],
        status="requires_payment_method",
        next_action=None,
        last_payment_error=dict(fault.error),
    )
    call.emit("payment_intent.payment_failed", intent)
    fault.error["payment_intent"] = intent
    return fault
