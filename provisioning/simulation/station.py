"""A charging station that honours what it accepts, by its own clock, over a connection that drops.

It speaks in the rules' inputs, not in OCPP: frames are tested elsewhere. Its messages of a transaction wait in its
outbox while nobody listens, and then come late, some twice, some out of order.
"""

from collections import deque
from dataclasses import dataclass

from edge.rules.clock_inputs import TimeTold
from edge.rules.inputs import (
    Authorization,
    BootReported,
    LimitReplied,
    LimitSetpoint,
    OrderReplied,
    OrderSetpoint,
    StationClosed,
    StationOpened,
    TransactionReported,
)
from edge.rules.orders import AskMessage, AskTransaction, SendLocalList, StopCharging
from provisioning.simulation.box import LOST, Box
from provisioning.simulation.outlet import Outlet
from provisioning.simulation.surroundings import Surroundings
from shared.facilities import Station

ANSWER_TIMEOUT_MS = 30_000
RETRY_MS = 5_000


@dataclass(slots=True)
class Manners:
    """How a station behaves: how long a message takes, how many limits it refuses or forgets to answer, and how many of
    its own messages it repeats or mixes up. ``refuses_all``: it takes no limit, ever."""

    delay_ms: int = 300
    refuses: float = 0.0
    silent: float = 0.0
    repeats: float = 0.05
    mixes_up: float = 0.1
    refuses_all: bool = False


@dataclass(slots=True)
class _Running:
    transaction_id: str
    token: str
    car_w: int
    need_wh: int
    seq_no: int = 0
    energising: bool = False
    register_wh: int = 0
    metered_ms: int = 0
    full: bool = False


class ChargingStation:
    """One EVSE. ``outlet`` is what it may draw."""

    def __init__(self, around: Surroundings, box: Box, station: Station, outlet: Outlet) -> None:
        self.station_id = station.station_id
        self.space_id = station.evses[0].space_id
        self.outlet = outlet
        self.manners = self.good = Manners(delay_ms=around.universe.random.choice((100, 300, 2_000, 8_000)))
        self.connected = False
        self._around = around
        self._box = box
        self._running: _Running | None = None
        self._outbox: deque[TransactionReported] = deque()
        self._connections = 0
        self._retrying = False
        self._register_wh = 0
        self._transactions = 0
        self._tokens: set[str] = set()

    # The connection.

    def connect(self, *, booted: bool = False) -> None:
        """Dial the box, if it is there, and say what waited."""
        if self.connected or not self._box.up:
            return
        self.connected = True
        self._box.give(StationOpened(self.station_id, "2.0.1"))
        if booted:
            self._box.give(BootReported(self.station_id, "Sim", "S1", "1.0", "PowerUp"))
            self._told_time()
        self._flush()

    def _told_time(self) -> None:
        """A boot or a heartbeat is answered with the time."""
        if self._box.up:
            self.outlet.hear_time()
            self._box.give(TimeTold(self.station_id))

    def drop(self) -> None:
        """The connection is gone; what was under way on it is lost."""
        if self.connected:
            self.connected = False
            self._connections += 1
            self._box.give(StationClosed(self.station_id, "the link dropped"))

    def reboot(self) -> None:
        """A power cycle. Both limits are kept, as the books take for granted; the car goes on when it is back."""
        self.drop()

    # Limits.

    def obey(self, limit: LimitSetpoint) -> None:
        """A limit leaves for this station."""
        if not self.connected:
            self._around.universe.after(1, self._reply, limit, "UNSENT", self._box.life)
            return
        self._around.universe.after(self.manners.delay_ms, self._take, limit, self._connections, self._box.life)

    def _take(self, limit: LimitSetpoint, connection: int, life: int) -> None:
        universe = self._around.universe
        if connection != self._connections:
            self._reply(limit, "UNKNOWN", life)
            return
        if self.manners.refuses_all or universe.chance(self.manners.refuses):
            universe.after(self.manners.delay_ms, self._reply, limit, "REJECTED", life)
            return
        self.outlet.take(limit.limit_w, limit.from_ms, limit.until_ms)
        if universe.chance(self.manners.silent):
            universe.after(ANSWER_TIMEOUT_MS, self._reply, limit, "UNKNOWN", life)
        else:
            universe.after(self.manners.delay_ms, self._answer, limit, connection, life)

    def _answer(self, limit: LimitSetpoint, connection: int, life: int) -> None:
        self._reply(limit, "ACCEPTED" if connection == self._connections else "UNKNOWN", life)

    def _reply(self, limit: LimitSetpoint, outcome: str, life: int) -> None:
        if life == self._box.life:
            self._box.give(LimitReplied(limit.request_id, limit.station_id, limit.evse_id, outcome))  # type: ignore[arg-type]

    # Orders.

    def order(self, setpoint: OrderSetpoint) -> None:
        """Something else is asked of this station."""
        universe = self._around.universe
        if self.connected:
            universe.after(self.manners.delay_ms, self._do, setpoint, self._connections, self._box.life)
        else:
            universe.after(1, self._said, setpoint, "UNSENT", {}, self._box.life)

    def _do(self, setpoint: OrderSetpoint, connection: int, life: int) -> None:
        details: dict[str, object] = {}
        running = self._running
        if connection != self._connections:
            self._said(setpoint, "UNKNOWN", details, life)
            return
        match setpoint.order:
            case StopCharging(transaction_id) if running is not None and running.transaction_id == transaction_id:
                running.energising = False
                self.outlet.energise(False)
            case AskTransaction(transaction_id):
                details["ongoingIndicator"] = running is not None and running.transaction_id == transaction_id
                details["messagesInQueue"] = bool(self._outbox)
            case AskMessage("Heartbeat"):
                self._told_time()
            case SendLocalList(tokens=tokens, full=full, removed=removed):
                self._tokens = (set() if full else self._tokens - set(removed)) | {t.id_token for t in tokens}
        self._said(setpoint, "ACCEPTED", details, life)

    def _said(self, setpoint: OrderSetpoint, outcome: str, details: dict[str, object], life: int) -> None:
        if life == self._box.life:
            self._box.give(OrderReplied(setpoint.order_id, self.station_id, outcome, details=details))  # type: ignore[arg-type]

    # Transactions.

    def plug_in(self, token: str, car_w: int, need_wh: int) -> bool:
        """A car wants to charge. False when the outlet is taken, or the station may not start one by itself."""
        by_itself = self.outlet.has_fallback and token in self._tokens
        if self._running is not None or not (self.connected or by_itself):
            return False
        self._transactions += 1
        name = f"t{self._transactions}"
        self._running = _Running(name, token, car_w, need_wh, metered_ms=self._around.universe.now_ms)
        self._running.energising = not self.connected
        self.outlet.energise(self._running.energising)
        self._report("Started", token=token)
        return True

    def meter(self) -> None:
        """The time of a sample has come."""
        running = self._running
        if running is None:
            return
        now_ms = self._around.universe.now_ms
        power_w = min(self.outlet.may_draw_w(), running.car_w) if running.energising and not running.full else 0
        gained_wh = power_w * (now_ms - running.metered_ms) // 3_600_000
        running.metered_ms = now_ms
        running.register_wh += gained_wh
        self._register_wh += gained_wh
        running.full = running.full or running.register_wh >= running.need_wh
        state = "SuspendedEV" if running.full else "Charging" if power_w else "SuspendedEVSE"
        self._report("Updated", power_w=0 if running.full else power_w, state=state)

    def unplug(self) -> None:
        """The car leaves."""
        if self._running is not None:
            self._report("Ended", power_w=0)
            self._running = None
            self.outlet.energise(False)

    def _report(
        self, kind: str, token: str | None = None, power_w: int | None = None, state: str | None = None
    ) -> None:
        running = self._running
        if running is None:
            return
        message = TransactionReported(
            station_id=self.station_id,
            transaction_id=running.transaction_id,
            kind=kind,  # type: ignore[arg-type]
            seq_no=running.seq_no,
            at_ms=self.outlet.clock_ms(),
            evse_id=1,
            id_token=token,
            offline=not self.connected,
            charging_state=state,
            register_wh=self._register_wh,
            power_w=power_w,
        )
        running.seq_no += 1
        self._outbox.append(message)
        self._flush()

    def _flush(self) -> None:
        """Say what waits, in order but for a mix-up; what was not answered is said again."""
        universe = self._around.universe
        while self._outbox and self.connected:
            if len(self._outbox) > 1 and universe.chance(self.manners.mixes_up):
                self._outbox.rotate(-1)
            message = self._outbox[0]
            told = self._box.give(message)
            if told is LOST:
                self._retry()
                return
            self._outbox.popleft()
            if isinstance(told, Authorization):
                self._authorized(message, told)
            if universe.chance(self.manners.repeats):
                universe.after(universe.between(1, 600_000), self._box.give, message)

    def _retry(self) -> None:
        if not self._retrying:
            self._retrying = True
            self._around.universe.after(RETRY_MS, self._retry_now)

    def _retry_now(self) -> None:
        self._retrying = False
        self._flush()

    def _authorized(self, message: TransactionReported, answer: Authorization) -> None:
        running = self._running
        if running is None or running.transaction_id != message.transaction_id:
            return
        running.energising = answer.status == "Accepted"
        self.outlet.energise(running.energising)
        if not running.energising:
            self.unplug()
