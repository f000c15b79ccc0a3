"""OCPP 2.0.1, to the station: orders as calls, and what the answers to them mean."""

from ocpp.v201.enums import Action

from edge.ocpp.rpc import Answered, Refused
from edge.ocpp.version import CallBody, OrderResult
from edge.rules.orders import Order, StopCharging


def order_call(order: Order) -> CallBody | None:
    """The call that an order is; None when 2.0.1 has no word for it."""
    match order:
        case StopCharging(transaction_id):
            return CallBody(Action.request_stop_transaction, {"transactionId": transaction_id})
    return None


def order_result(_order: Order, told: Answered | Refused) -> OrderResult:
    """What a station's answer to an order means."""
    if isinstance(told, Refused):
        return OrderResult("REJECTED", f"{told.code}: {told.description}")
    if told.payload.get("status") == "Accepted":
        return OrderResult("ACCEPTED")
    return OrderResult("REJECTED", str(told.payload.get("status", "an answer without a status")))
