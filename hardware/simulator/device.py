"""The inside of a simulated charging station: outlets, charging profiles, variables, and the messages that wait to be
sent. No socket and no clock: time is an argument, ``stations.py`` moves the messages.

What a power cut does not erase is kept in a journal: registers, the car at each plug, running transactions, profiles
and every TransactionEvent that is not yet acknowledged.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from ocpp.v201 import call

from hardware.simulator import profiles as charging_profiles
from hardware.simulator.electrics import Car
from hardware.simulator.memory import Fields, Memory
from hardware.simulator.outlet import Outlet, Transaction, meter_value, restore, stamp, tell
from hardware.simulator.profiles import Profile, Running, Supply, parse_profile
from shared.clock import SECOND_MS
from shared.facilities import ChargerLevel, Station

Variable = tuple[str, str]


class Behaviour(StrEnum):
    """How a station treats the limits it is sent."""

    OBEYS = "OBEYS"
    IGNORES = "IGNORES"
    """Accepts every profile and draws what it likes."""
    REJECTS = "REJECTS"
    UNSUPPORTED = "UNSUPPORTED"
    """Answers NotImplemented, whatever its variables say."""
    SLOW = "SLOW"
    """Obeys, seconds later."""
    FORGETS = "FORGETS"
    """Loses its profiles at a reboot."""
    AMPS_ONLY = "AMPS_ONLY"
    """Takes limits in A and refuses W."""


SUPPLIES = {
    ChargerLevel.LEVEL1: Supply(120.0, 1),
    ChargerLevel.LEVEL2: Supply(240.0, 1),
    ChargerLevel.DCFC: Supply(277.0, 3),
}
TX_INTERVAL: Variable = ("SampledDataCtrlr", "TxUpdatedInterval")
ALIGNED_INTERVAL: Variable = ("AlignedDataCtrlr", "Interval")
HEARTBEAT_INTERVAL: Variable = ("OCPPCommCtrlr", "HeartbeatInterval")
RATE_UNIT: Variable = ("SmartChargingCtrlr", "RateUnit")
WRITABLE: dict[Variable, str] = {
    TX_INTERVAL: "60",
    ("SampledDataCtrlr", "TxUpdatedMeasurands"): "Energy.Active.Import.Register,Power.Active.Import",
    ("SampledDataCtrlr", "TxStartedMeasurands"): "Energy.Active.Import.Register",
    ("SampledDataCtrlr", "TxEndedMeasurands"): "Energy.Active.Import.Register",
    ALIGNED_INTERVAL: "0",
    HEARTBEAT_INTERVAL: "300",
    ("TxCtrlr", "TxStartPoint"): "PowerPathClosed",
    ("TxCtrlr", "TxStopPoint"): "EVConnected",
}
FIXED: dict[Variable, str] = {RATE_UNIT: "A,W", ("SmartChargingCtrlr", "Available"): "true"}


class Device:
    """One station. After every change it calls ``changed``, so that the shell looks for work."""

    def __init__(self, doc: Station, memory: Memory, behaviour: Behaviour, now_ms: int) -> None:
        self.doc = doc
        self.behaviour = behaviour
        self.online = False
        self.powered = True
        self.reset_type: str | None = None
        self.changed: Callable[[], None] = lambda: None
        self.notices: deque[Any] = deque()
        self._memory = memory
        kept = memory.load()
        self.outlets = {
            evse.evse_id: restore(evse, kept.get("outlets", {}).get(str(evse.evse_id)), now_ms) for evse in doc.evses
        }
        self.supply = SUPPLIES[doc.level]
        self.variables = WRITABLE | FIXED
        if behaviour is Behaviour.AMPS_ONLY:
            self.supply = replace(self.supply, units=("A",))
            self.variables |= {RATE_UNIT: "A"}
        self.profiles: tuple[Profile, ...] = tuple(
            parse_profile(evse_id, body, self.supply, at_ms) for evse_id, body, at_ms in kept.get("profiles", ())
        )
        self._transactions = kept.get("transactions", 0)
        self._aligned_at_ms: int | None = None

    # What happens at the plug.

    def plug_in(self, evse_id: int, car: Car, now_ms: int) -> None:
        """A car arrives at an outlet. Raises ValueError when another one is there."""
        outlet = self.outlets[evse_id]
        if outlet.car is not None:
            raise ValueError(f"{self.doc.station_id}/{evse_id} has a car already")
        self.settle(now_ms)
        outlet.car = car
        self._status(outlet, now_ms)

    def begin(self, evse_id: int, now_ms: int, trigger_reason: str, **extra: Any) -> str | None:
        """Start a transaction for the car at an outlet; its id, or None when it cannot be (no car, one running
        already, out of order). ``extra`` is what else the Started message says (see ``outlet.tell``)."""
        outlet = self.outlets[evse_id]
        if outlet.car is None or outlet.transaction is not None or not outlet.operative:
            return None
        self._transactions += 1
        transaction_id = f"{now_ms:x}-{evse_id}-{self._transactions}"
        self.settle(now_ms)
        outlet.transaction = Transaction(transaction_id, started_ms=now_ms, sample_at_ms=now_ms + self._interval_ms())
        self._queue(outlet, "Started", trigger_reason, now_ms, **extra)
        return transaction_id

    def disallow(self, transaction_id: str, now_ms: int, trigger_reason: str) -> bool:
        """Stop giving energy to a transaction; it ends when the plug is pulled. False when it is not running."""
        outlet = self.running(transaction_id)
        if outlet is None or outlet.transaction is None:
            return False
        self.settle(now_ms)
        outlet.transaction = replace(outlet.transaction, allowed=False)
        self._queue(outlet, "Updated", trigger_reason, now_ms)
        return True

    def unplug(self, evse_id: int, now_ms: int) -> Car | None:
        """The plug is pulled and a running transaction ends; the car that was there."""
        outlet = self.outlets[evse_id]
        self.settle(now_ms)
        self._end(outlet, "EVCommunicationLost", "EVDisconnected", now_ms)
        car, outlet.car = outlet.car, None
        if car is not None:
            self._status(outlet, now_ms)
        return car

    def running(self, transaction_id: str) -> Outlet | None:
        """The outlet of a transaction that has not ended."""
        hits = (o for o in self.outlets.values() if o.transaction and o.transaction.transaction_id == transaction_id)
        return next(hits, None)

    # What happens by itself.

    def settle(self, now_ms: int) -> None:
        """Let energy flow up to ``now_ms``, under each limit for exactly as long as it was in force."""
        for outlet in self.outlets.values():
            running = _running(outlet)
            while True:
                outlet.limit_w = self._limit_w(outlet, running)
                change_ms = charging_profiles.next_change_ms(self.profiles, running, outlet.settled_ms)
                if change_ms is None or change_ms > now_ms:
                    break
                outlet.settle(change_ms)
            outlet.settle(now_ms)
            outlet.limit_w = self._limit_w(outlet, running)

    def _limit_w(self, outlet: Outlet, running: Running | None) -> float | None:
        if not self.powered:
            return 0.0
        return charging_profiles.limit_w(self.profiles, outlet.evse.evse_id, running, outlet.settled_ms)

    def work(self, now_ms: int) -> None:
        """Let time pass and queue what it brings: changed states and rates, samples that are due."""
        self.settle(now_ms)
        self.profiles = charging_profiles.unexpired(self.profiles, now_ms)
        for outlet in self.outlets.values():
            reason = outlet.news()
            if reason is not None:
                self._queue(outlet, "Updated", reason, now_ms)
            elif outlet.transaction is not None and outlet.transaction.sample_at_ms <= now_ms:
                next_ms = now_ms + self._interval_ms()
                outlet.transaction = replace(outlet.transaction, sample_at_ms=next_ms)
                self._queue(outlet, "Updated", "MeterValuePeriodic", now_ms)
        self._align(now_ms)
        if self.reset_type == "OnIdle" and not any(o.transaction for o in self.outlets.values()):
            self.reset_type = "Immediate"
            self.changed()

    def next_due_ms(self, now_ms: int) -> int | None:
        """When ``work`` will have something to do, None when only a message or a driver brings it."""
        due = [self._aligned_at_ms]
        for outlet in self.outlets.values():
            if outlet.transaction is not None:
                due += [outlet.transaction.sample_at_ms, outlet.full_at_ms()]
                due.append(charging_profiles.next_change_ms(self.profiles, _running(outlet), now_ms))
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    def _align(self, now_ms: int) -> None:
        interval_ms = int(self.variables[ALIGNED_INTERVAL]) * SECOND_MS
        if interval_ms == 0:
            self._aligned_at_ms = None
            return
        if self._aligned_at_ms is not None and self._aligned_at_ms <= now_ms:
            self.notify_meters("Sample.Clock", now_ms)
        self._aligned_at_ms = (now_ms // interval_ms + 1) * interval_ms

    def _interval_ms(self) -> int:
        return max(1, int(self.variables[TX_INTERVAL])) * SECOND_MS

    @property
    def drawn_w(self) -> float:
        """What the whole station draws: the truth, whatever it reports."""
        return sum(outlet.drawn_w for outlet in self.outlets.values())

    # Limits, resets.

    def hold(self, profiles: tuple[Profile, ...], now_ms: int) -> None:
        """Hold these profiles from now on."""
        self.settle(now_ms)
        self.profiles = profiles
        self._keep()

    def reset_now(self, now_ms: int) -> None:
        """End every transaction, as an immediate reset does (B12)."""
        self.settle(now_ms)
        for outlet in self.outlets.values():
            self._end(outlet, "ResetCommand", "ImmediateReset", now_ms)
        self.reset_type = "Immediate"
        self.changed()

    def power_off(self, now_ms: int) -> None:
        """The reboot begins: nothing is given."""
        self.settle(now_ms)
        self.powered = False

    def power_on(self, now_ms: int) -> None:
        """The reboot is over."""
        if self.behaviour is Behaviour.FORGETS:
            self.profiles = ()
        self.settle(now_ms)
        self.powered, self.reset_type = True, None
        self._keep()

    # Messages.

    def notify_status(self, now_ms: int) -> None:
        """Queue the status of every connector."""
        for outlet in self.outlets.values():
            self._status(outlet, now_ms)

    def notify_meters(self, context: str, now_ms: int) -> None:
        """Queue MeterValues of every outlet."""
        self.settle(now_ms)
        for evse_id, outlet in self.outlets.items():
            self.notices.append(call.MeterValues(evse_id=evse_id, meter_value=[meter_value(outlet, context, now_ms)]))
        self.changed()

    def sample(self, now_ms: int) -> None:
        """Queue a triggered TransactionEvent for each running transaction."""
        self.settle(now_ms)
        for outlet in self.outlets.values():
            if outlet.transaction is not None:
                self._queue(outlet, "Updated", "Trigger", now_ms)

    @property
    def outbox(self) -> Sequence[tuple[int, Fields]]:
        """The TransactionEvents that wait, oldest first, numbered."""
        return self._memory.waiting

    def delivered(self) -> None:
        """The oldest waiting TransactionEvent was acknowledged, or given up."""
        self._memory.acknowledged()

    def _end(self, outlet: Outlet, trigger_reason: str, stopped_reason: str, now_ms: int) -> None:
        if outlet.transaction is not None:
            self._queue(outlet, "Ended", trigger_reason, now_ms, stopped_reason=stopped_reason)
            outlet.transaction = None
            self._keep()

    def _queue(self, outlet: Outlet, kind: str, trigger_reason: str, now_ms: int, **extra: Any) -> None:
        message = tell(outlet, kind, trigger_reason, now_ms, **extra)
        if not self.online:
            message["offline"] = True
        self._memory.queue(message)
        self._keep()

    def _status(self, outlet: Outlet, now_ms: int) -> None:
        # While offline nobody hears it; the state of every connector is told on reconnection.
        if self.online:
            self.notices.append(
                call.StatusNotification(
                    timestamp=stamp(now_ms),
                    connector_status=outlet.connector_status,
                    evse_id=outlet.evse.evse_id,
                    connector_id=1,
                )
            )
        self._keep()

    def _keep(self) -> None:
        self._memory.keep(
            {
                "outlets": {str(evse_id): outlet.to_json() for evse_id, outlet in self.outlets.items()},
                "profiles": [(p.evse_id, p.body, p.installed_ms) for p in self.profiles],
                "transactions": self._transactions,
            }
        )
        self.changed()


def _running(outlet: Outlet) -> Running | None:
    running = outlet.transaction
    return Running(running.transaction_id, running.started_ms) if running else None
