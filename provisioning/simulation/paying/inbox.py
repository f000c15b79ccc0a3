"""What the provider tells, in the cloud's tables. A model of ``cloud/billing/webhooks.py``: one event, one transaction.
It leaves out cards that are saved, and who signed."""

from collections.abc import Mapping
from typing import Any

from cloud.billing.records import Finding
from cloud.billing.rules import DiscrepancyKind
from cloud.gateway import METADATA_PAYMENT_ID, GatewayEvent, payment_outcome
from provisioning.simulation.paying import ledger, payments
from provisioning.simulation.tables import Transaction

Body = Mapping[str, Any]


def receive(transaction: Transaction, event: GatewayEvent, now_ms: int) -> None:
    """Take an event and act on it, once."""
    if transaction.get("webhooks", event.event_id) is not None:
        return
    transaction.put("webhooks", event.event_id, event)
    intent_id = event.body.get("payment_intent")
    if intent_id is not None:
        transaction.put("webhooks of", intent_id, (*(transaction.get("webhooks of", intent_id) or ()), event))
    if event.type.startswith("payment_intent."):
        _payment_changed(transaction, event.body, now_ms)
    elif event.type == "charge.refunded":
        _charge_refunded(transaction, event.body)
    elif event.type.startswith("refund."):
        payments.learn(transaction, event.body, now_ms)


def _payment_changed(transaction: Transaction, intent: Body, now_ms: int) -> None:
    payment_id = intent["metadata"][METADATA_PAYMENT_ID]
    if transaction.get("payments", payment_id) is not None:
        payments.record(transaction, payment_id, payment_outcome(intent), now_ms)
    elif intent["amount_received"]:
        _unknown(transaction, intent["id"], intent["amount_received"])


def _charge_refunded(transaction: Transaction, charge: Body) -> None:
    if payments.at_provider(transaction, charge["payment_intent"]) is None:
        _unknown(transaction, charge["id"], charge["amount_refunded"])


def _unknown(transaction: Transaction, provider_id: str, amount_cents: int) -> None:
    found = Finding(f"unknown/{provider_id}", DiscrepancyKind.UNKNOWN_PAYMENT, 0, amount_cents, "not in our books")
    ledger.note(transaction, found)
