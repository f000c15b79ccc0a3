"""One outlet (EVSE) of a simulated charging station: the car at it, the transaction, the register. Pure: time is an
argument, and what is to be told is returned, not sent.

A transaction starts when a car is plugged in and its driver authorised, and ends when the plug is pulled
(TxStartPoint ``Authorized,EVConnected``, TxStopPoint ``EVConnected``). A deauthorised or remotely stopped one gives no
energy but goes on until then.
"""

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from hardware.simulator.electrics import Car, cap_w, charge, draws_w, time_to_full_ms
from shared.clock import to_utc
from shared.facilities import Evse

SIGNIFICANT_SHARE = 0.05
"""A change of power by this share of the rating is told at once (LimitChangeSignificance)."""


class ChargingState(StrEnum):
    """OCPP's ChargingStateEnumType, as far as a running transaction goes."""

    CHARGING = "Charging"
    EV_CONNECTED = "EVConnected"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"


@dataclass(frozen=True, slots=True)
class Transaction:
    """``seq_no`` is the next one to use. ``told_state`` and ``told_w`` are what the last message said."""

    transaction_id: str
    started_ms: int
    seq_no: int = 0
    allowed: bool = True
    told_state: str = ChargingState.EV_CONNECTED
    told_w: float = 0.0
    sample_at_ms: int = 0


@dataclass(slots=True)
class Outlet:
    """``limit_w`` is in force since ``settled_ms``, up to which the register is true; None means no limit."""

    evse: Evse
    register_wh: float = 0.0
    car: Car | None = None
    transaction: Transaction | None = None
    operative: bool = True
    limit_w: float | None = None
    settled_ms: int = 0

    @property
    def given_w(self) -> float:
        """The most it gives now: nothing without a transaction that is allowed to take energy."""
        if self.car is None or self.transaction is None or not self.transaction.allowed:
            return 0.0
        return cap_w(self.limit_w, self.evse.rating_w, self.evse.minimum_w)

    @property
    def drawn_w(self) -> float:
        """What the car draws now."""
        return draws_w(self.car, self.given_w) if self.car else 0.0

    @property
    def connector_status(self) -> str:
        """OCPP's ConnectorStatusEnumType."""
        if self.car is not None:
            return "Occupied"
        return "Available" if self.operative else "Unavailable"

    @property
    def state(self) -> ChargingState:
        """The state of its transaction."""
        if self.car is None or self.transaction is None or not self.transaction.allowed:
            return ChargingState.EV_CONNECTED
        if self.car.full:
            return ChargingState.SUSPENDED_EV
        return ChargingState.CHARGING if self.given_w > 0 else ChargingState.SUSPENDED_EVSE

    def settle(self, now_ms: int) -> None:
        """Let time pass up to ``now_ms`` under the limit in force. Time never runs backwards here."""
        if self.car is not None and now_ms > self.settled_ms:
            after = charge(self.car, self.given_w, now_ms - self.settled_ms)
            self.register_wh += after.stored_wh - self.car.stored_wh
            self.car = after
        self.settled_ms = max(self.settled_ms, now_ms)

    def full_at_ms(self) -> int | None:
        """When the car will have enough if nothing changes, None when it never will or already has."""
        if self.car is None or self.car.full:
            return None
        left_ms = time_to_full_ms(self.car, self.given_w)
        return None if left_ms is None else self.settled_ms + int(left_ms) + 1

    def news(self) -> str | None:
        """The trigger reason of what is worth telling now, None when nothing is."""
        if self.transaction is None:
            return None
        if self.state != self.transaction.told_state:
            return "ChargingStateChanged"
        changed_w = abs(self.drawn_w - self.transaction.told_w)
        limited = self.limit_w is not None and self.car is not None and self.car.accepts_w > self.given_w
        return "ChargingRateChanged" if limited and changed_w > SIGNIFICANT_SHARE * self.evse.rating_w else None

    def to_json(self) -> dict[str, Any]:
        """What survives a power cut."""
        return {
            "register_wh": self.register_wh,
            "car": asdict(self.car) if self.car else None,
            "transaction": asdict(self.transaction) if self.transaction else None,
            "operative": self.operative,
        }


def restore(evse: Evse, kept: dict[str, Any] | None, now_ms: int) -> Outlet:
    """An outlet as ``to_json`` kept it, or a new one. No energy flowed in between: the power was off."""
    if kept is None:
        return Outlet(evse, settled_ms=now_ms)
    return Outlet(
        evse,
        register_wh=kept["register_wh"],
        car=Car(**kept["car"]) if kept["car"] else None,
        transaction=Transaction(**kept["transaction"]) if kept["transaction"] else None,
        operative=kept["operative"],
        settled_ms=now_ms,
    )


def tell(outlet: Outlet, kind: str, trigger_reason: str, now_ms: int, **extra: Any) -> dict[str, Any]:
    """Make the next message of an outlet's transaction and count it.

    Returns the fields of a TransactionEventRequest in snake_case, but for ``offline``. Of ``extra``, ``id_token`` is
    a field of the message, the rest goes into its transactionInfo. Raises ValueError without a transaction.
    """
    if outlet.transaction is None:
        raise ValueError(f"EVSE {outlet.evse.evse_id} has no transaction")
    running = outlet.transaction
    told_state = ChargingState.EV_CONNECTED if kind == "Started" else outlet.state
    told_w = 0.0 if kind == "Started" else outlet.drawn_w
    token = {"id_token": extra.pop("id_token")} if "id_token" in extra else {}
    outlet.transaction = replace(running, seq_no=running.seq_no + 1, told_state=told_state, told_w=told_w)
    return {
        "event_type": kind,
        "timestamp": stamp(now_ms),
        "trigger_reason": trigger_reason,
        "seq_no": running.seq_no,
        "transaction_info": {
            "transaction_id": running.transaction_id,
            "charging_state": "Idle" if kind == "Ended" else told_state.value,
            **extra,
        },
        "evse": {"id": outlet.evse.evse_id, "connector_id": 1},
        "meter_value": [meter_value(outlet, _CONTEXTS.get(kind, "Sample.Periodic"), now_ms, power_w=told_w)],
        **token,
    }


_CONTEXTS = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}


def meter_value(outlet: Outlet, context: str, now_ms: int, *, power_w: float | None = None) -> dict[str, Any]:
    """A MeterValueType in snake_case: the register in Wh, the power in W, and with DC fast charging the state of charge
    (an AC station cannot know it)."""
    sampled = [
        _sample(round(outlet.register_wh), "Energy.Active.Import.Register", "Wh", context),
        _sample(round(outlet.drawn_w if power_w is None else power_w), "Power.Active.Import", "W", context),
    ]
    if outlet.car is not None and is_dc(outlet.evse):
        sampled.append(_sample(outlet.car.soc_pct, "SoC", "Percent", context))
    return {"timestamp": stamp(now_ms), "sampled_value": sampled}


def _sample(value: float, measurand: str, unit: str, context: str) -> dict[str, Any]:
    return {"value": value, "measurand": measurand, "context": context, "unit_of_measure": {"unit": unit}}


DC_W = 25_000


def is_dc(evse: Evse) -> bool:
    """Whether an outlet feeds the battery directly: no car's own charger takes this much."""
    return evse.rating_w >= DC_W


def stamp(at_ms: int) -> str:
    """An instant as OCPP writes it."""
    return to_utc(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
