"""Charges: what the bank answered to one attempt at a payment. ``/v1/charges``."""

from provisioning.stripe_stand_in.call import Call, secret_only
from provisioning.stripe_stand_in.cards import Decline
from provisioning.stripe_stand_in.store import Body


def make(call: Call, intent: Body, method: Body, *, decline: Decline | None) -> Body:
    """The charge of one attempt, refused when there is a ``decline``; captured at once unless the intent is manual."""
    paid = decline is None
    captured = paid and intent["capture_method"] != "manual"
    charge = call.store.add(
        "charge",
        {
            "amount": intent["amount"],
            "amount_captured": intent["amount"] if captured else 0,
            "amount_refunded": 0,
            "billing_details": method["billing_details"],
            "captured": captured,
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_code": decline.code if decline else None,
            "failure_message": decline.message if decline else None,
            "metadata": intent["metadata"],
            "outcome": _outcome(decline),
            "paid": paid,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": {
                "type": "card",
                "card": {key: method["card"][key] for key in ("brand", "last4", "exp_month", "exp_year", "country")},
            },
            "refunded": False,
            "status": "succeeded" if paid else "failed",
        },
        now_s=call.now_s,
    )
    call.emit("charge.succeeded" if paid else "charge.failed", charge)
    return charge


def _outcome(decline: Decline | None) -> Body:
    if decline is None:
        return {
            "network_status": "approved_by_network",
            "reason": None,
            "seller_message": "Payment complete.",
            "type": "authorized",
        }
    return {
        "network_status": "declined_by_network",
        "reason": decline.decline_code or decline.code,
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }


def retrieve(call: Call, charge_id: str) -> Body:
    secret_only(call)
    return call.store.get("charge", charge_id)


def list_all(call: Call) -> Body:
    secret_only(call)
    return call.store.page("charge", call.params)
