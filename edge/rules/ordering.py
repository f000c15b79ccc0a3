"""Asking something of a station: booked before it leaves, and again when it is known what became of it.

An order is sent at most once. After a restart nobody will answer what was in the air, so it is booked as UNKNOWN: it
may have been done, and is never sent again by itself.
"""

from dataclasses import asdict

from edge.rules.inputs import OrderReplied, OrderSetpoint
from edge.rules.orders import Order
from edge.rules.turn import Turn
from shared.clock import SECOND_MS
from shared.events import StationAnswered, StationOrdered
from shared.ids import position_id

ORDER_WITHIN_MS = 60 * SECOND_MS
"""An order of a rule that could not leave within this is dropped: the rule looks again and may ask anew."""


def ask(turn: Turn, station_id: str, order: Order, *, purpose: str, deadline_ms: int | None = None) -> str:
    """Ask something of a station; returns the order's id. The answer comes as an OrderReplied."""
    order_id = position_id(turn.state.log_id, turn.next_seq)
    told = StationOrdered(
        order_id=order_id, station_id=station_id, order=type(order).__name__, purpose=purpose, details=asdict(order)
    )
    turn.record(told)
    until_ms = turn.now_ms + ORDER_WITHIN_MS if deadline_ms is None else deadline_ms
    turn.send(OrderSetpoint(order_id, station_id, order, until_ms))
    return order_id


def replied(turn: Turn, given: OrderReplied) -> None:
    """Book what became of an order, once."""
    if given.order_id in turn.state.orders:
        turn.record(
            StationAnswered(
                order_id=given.order_id,
                station_id=given.station_id,
                outcome=given.outcome,
                reason=given.reason,
                details=dict(given.details),
            )
        )


def restarted(turn: Turn) -> None:
    """After a restart nobody answers what was in the air."""
    for order_id, order in list(turn.state.orders.items()):
        turn.record(
            StationAnswered(
                order_id=order_id, station_id=order.station_id, outcome="UNKNOWN", reason="the daemon restarted"
            )
        )
