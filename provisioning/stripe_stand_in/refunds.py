"""Refunds: giving money back, never more than is left. ``/v1/refunds``."""

from provisioning.stripe_stand_in import params
from provisioning.stripe_stand_in.call import Call, secret_only
from provisioning.stripe_stand_in.errors import invalid, missing
from provisioning.stripe_stand_in.store import Body

_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(call: Call) -> Body:
    secret_only(call)
    params.only(call.params, "payment_intent", "charge", "amount", "reason")
    charge = _charge_of(call)
    left = charge["amount_captured"] - charge["amount_refunded"]
    if not left:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    wanted = params.integer(call.params, "amount")
    amount = left if wanted is None else wanted
    if amount < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if amount > left:
        raise invalid(
            f"Refund amount (${amount / 100:.2f}) is greater than unrefunded amount on charge (${left / 100:.2f})",
            param="amount",
        )
    reason = params.text(call.params, "reason")
    if reason is not None and reason not in _REASONS:
        raise invalid(f"Invalid reason: must be one of {', '.join(_REASONS)}", param="reason")
    refund = call.store.add(
        "refund",
        {
            "amount": amount,
            "charge": charge["id"],
            "currency": charge["currency"],
            "metadata": params.metadata(call.params),
            "payment_intent": charge["payment_intent"],
            "reason": reason,
            "status": "succeeded",
        },
        now_s=call.now_s,
    )
    refunded = charge["amount_refunded"] + amount
    charge = call.store.change(charge, amount_refunded=refunded, refunded=refunded == charge["amount_captured"])
    call.emit("refund.created", refund)
    call.emit("charge.refunded", charge)
    return refund


def _charge_of(call: Call) -> Body:
    """The charge that is meant; of a payment intent, the one that succeeded."""
    charge_id = params.text(call.params, "charge")
    if charge_id is None:
        intent_id = params.text(call.params, "payment_intent")
        if intent_id is None:
            raise missing("payment_intent")
        intent = call.store.get("payment_intent", intent_id, param="payment_intent")
        charge_id = intent["latest_charge"]
        if intent["status"] != "succeeded" or charge_id is None:
            raise invalid(
                f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.",
                param="payment_intent",
                code="payment_intent_unexpected_state",
            )
    charge = call.store.get("charge", charge_id, param="charge")
    if not charge["captured"]:
        raise invalid(f"Charge {charge['id']} was not captured: cancel it instead.", code="charge_not_refundable")
    return charge


def retrieve(call: Call, refund_id: str) -> Body:
    secret_only(call)
    return call.store.get("refund", refund_id)


def list_all(call: Call) -> Body:
    secret_only(call)
    return call.store.page("refund", call.params)
