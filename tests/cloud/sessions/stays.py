"""Events of one stay and one transaction, for tests of sessions."""

from typing import Any

from shared.events import (
    ChargingStateChanged,
    EnergyMetered,
    PaymentTaken,
    TransactionEnded,
    TransactionStarted,
    VehicleEntered,
    VehicleExited,
)
from shared.facilities import SpaceKind
from shared.rights import TICKET_RIGHT, RightKind, RightRef

ANN = RightRef(kind=RightKind.ACCOUNT, right_id="acct-ann", customer_id="ann")


def entered(session_id: str = "s-1", **changes: Any) -> VehicleEntered:
    base = VehicleEntered(
        session_id=session_id,
        lane_id="in-1",
        plate="ANN1",
        right=ANN,
        space_id="ev-1",
        space_kind=SpaceKind.EV,
        is_ev=True,
    )
    return base.model_copy(update=changes)


def ticket(session_id: str, plate: str = "TICKET1") -> VehicleEntered:
    return entered(
        session_id, plate=plate, right=TICKET_RIGHT, space_id="r-1", space_kind=SpaceKind.REGULAR, is_ev=False
    )


def exited(session_id: str = "s-1", **changes: Any) -> VehicleExited:
    base = VehicleExited(
        session_id=session_id,
        lane_id="out-1",
        plate="ANN1",
        space_id="ev-1",
        quoted_cents=1_250,
        tariff_versions=("charging/1", "parking/1"),
        priced_until_ms=50_000,
    )
    return base.model_copy(update=changes)


def paid(session_id: str = "s-1", amount_cents: int = 500) -> PaymentTaken:
    return PaymentTaken(
        session_id=session_id,
        amount_cents=amount_cents,
        method="CARD",
        reference="slip-1",
        taken_by="machine-1",
        priced_until_ms=40_000,
    )


def started(transaction_id: str = "t-1", register_wh: int | None = 10_000, **changes: Any) -> TransactionStarted:
    base = TransactionStarted(
        station_id="cs-1",
        evse_id=1,
        transaction_id=transaction_id,
        seq_no=0,
        started_at_ms=1_000,
        session_id="s-1",
        right=ANN,
        register_wh=register_wh,
    )
    return base.model_copy(update=changes)


def metered(at_ms: int, transaction_id: str = "t-1", **quantities: int) -> EnergyMetered:
    return EnergyMetered(
        station_id="cs-1",
        evse_id=1,
        transaction_id=transaction_id,
        seq_no=None,
        metered_at_ms=at_ms,
        **quantities,
    )


def state(name: str, at_ms: int, transaction_id: str = "t-1") -> ChargingStateChanged:
    return ChargingStateChanged(
        station_id="cs-1", evse_id=1, transaction_id=transaction_id, seq_no=1, state=name, changed_at_ms=at_ms
    )


def ended(transaction_id: str = "t-1", energy_wh: int = 7_000, **changes: Any) -> TransactionEnded:
    base = TransactionEnded(
        station_id="cs-1",
        evse_id=1,
        transaction_id=transaction_id,
        seq_no=9,
        started_at_ms=1_000,
        finished_at_ms=8_000,
        ended_at_ms=9_000,
        energy_wh=energy_wh,
        session_id="s-1",
        right=ANN,
    )
    return base.model_copy(update=changes)
