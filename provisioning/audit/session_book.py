"""Sessions and what they should cost, told from a facility's log alone."""

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.events import (
    EnergyMetered,
    Event,
    ExitGranted,
    LaneOpened,
    PaymentTaken,
    TransactionAuthorized,
    TransactionEnded,
    TransactionStarted,
    VehicleEntered,
    VehicleExited,
)
from shared.facilities import Facility
from shared.rating import ChargingUse, Stay, rate
from shared.rights import RightRef
from shared.tariffs import Tariff


@dataclass
class _Transaction:
    started: bool = False
    session_id: str | None = None
    right: RightRef | None = None
    registers_wh: list[int] = field(default_factory=list)
    ended: bool = False


@dataclass
class _Session:
    entered: VehicleEntered
    entered_ms: int
    uses: dict[tuple[str, str], ChargingUse] = field(default_factory=dict)
    paid_cents: int = 0


@dataclass(frozen=True)
class ClosedSession:
    """What a session that ended should be charged."""

    session_id: str
    customer_id: str | None
    total_cents: int
    paid_on_site_cents: int
    exited_ms: int


class SessionBook:
    """Feed it a facility's events in order; it lists what cannot be, and what each closed session should cost.

    ``tells_of`` says whether the entry of a session is among the events, for a log that does not tell everything. What
    began before them cannot be judged: ``quoted`` are the sessions of which only what the driver was told is known,
    ``booked`` counts the transactions of which only what was booked at their end is. Who leaves where a person had the
    arm raised may owe something.
    """

    def __init__(
        self, facility: Facility, tariffs: tuple[Tariff, ...], *, tells_of: Callable[[str], bool] | None = None
    ) -> None:
        self.quoted: dict[str, int] = {}
        self.booked = 0
        self.failures: list[str] = []
        self.closed: dict[str, ClosedSession] = {}
        self.entered = 0
        self.charging = 0
        self.energy_wh = 0
        self._tells_of = tells_of or (lambda _: True)
        self._whole = tells_of is None
        self._facility = facility
        self._tariffs = tariffs
        self._open: dict[str, _Session] = {}
        self._let_go: set[tuple[str, str]] = set()
        self._opened: set[str] = set()
        self._granted: dict[str, tuple[Tariff, ...]] = {}
        self._transactions: dict[tuple[str, str], _Transaction] = {}

    @property
    def inside(self) -> frozenset[str]:
        """The sessions that have not ended."""
        return frozenset(self._open)

    def learn(self, tariffs: tuple[Tariff, ...]) -> None:
        """What headquarters had published, as far as the facility heard, from here on."""
        self._tariffs = tariffs

    def take(self, event: Event, at_ms: int) -> None:
        """Book one event."""
        match event:
            case ExitGranted():
                self._granted[event.session_id] = self._tariffs
            case LaneOpened():
                self._opened.add(event.lane_id)
            case VehicleEntered():
                self._enter(event, at_ms)
            case VehicleExited():
                self._exit(event, at_ms)
            case PaymentTaken():
                session = self._open.get(event.session_id)
                if session is not None:
                    session.paid_cents += event.amount_cents
                elif not self._may_be_inside(event.session_id):
                    self._fail(f"payment {event.reference} for a session that is not open")
            case TransactionStarted() | TransactionAuthorized() | EnergyMetered() | TransactionEnded():
                self._charge(event)

    def _fail(self, what: str) -> None:
        self.failures.append(f"{self._facility.facility_id}: {what}")

    def _may_be_inside(self, session_id: str) -> bool:
        """Whether a session that is not open here may have begun before the events that are known."""
        return not self._tells_of(session_id) and session_id not in self.quoted

    def _enter(self, event: VehicleEntered, at_ms: int) -> None:
        self.entered += 1
        for other in self._open.values():
            if event.plate and other.entered.plate == event.plate:
                self._fail(f"{event.plate} entered twice")
            if other.entered.space_id == event.space_id:
                self._fail(f"space {event.space_id} given twice")
        if len(self._open) >= len(self._facility.spaces):
            self._fail("more cars inside than spaces")
        self._open[event.session_id] = _Session(event, at_ms)

    def _exit(self, event: VehicleExited, at_ms: int) -> None:
        session = self._open.pop(event.session_id, None)
        running = {(r.station_id, r.transaction_id): r.use for r in event.running}
        self._let_go |= running.keys()
        if session is None:
            if self._may_be_inside(event.session_id):
                self.quoted[event.session_id] = event.quoted_cents
            else:
                self._fail(f"{event.plate} left without having entered, or twice")
            return
        right = session.entered.right
        stay = Stay(
            facility_id=self._facility.facility_id,
            zone=self._facility.zone,
            space_kind=session.entered.space_kind,
            entered_ms=session.entered_ms,
            until_ms=max(event.priced_until_ms, session.entered_ms),
            charging=(*(u for k, u in session.uses.items() if k not in running), *running.values()),
            covers_parking=right.covers_parking,
            covers_charging=right.covers_charging,
        )
        total_cents = rate(stay, self._granted.pop(event.session_id, self._tariffs)).total_cents
        if total_cents != event.quoted_cents:
            self._fail(f"{event.session_id} was quoted {event.quoted_cents} cents, is worth {total_cents}")
        if event.lane_id not in self._opened and right.customer_id is None and session.paid_cents < total_cents:
            self._fail(f"{event.session_id} left with {total_cents - session.paid_cents} cents unpaid on a ticket")
        self._opened.discard(event.lane_id)
        self.closed[event.session_id] = ClosedSession(
            event.session_id, right.customer_id, total_cents, session.paid_cents, at_ms
        )

    def _charge(self, event: TransactionStarted | TransactionAuthorized | EnergyMetered | TransactionEnded) -> None:
        known = self._transactions.setdefault((event.station_id, event.transaction_id), _Transaction())
        if known.ended:
            self._fail(f"transaction {event.transaction_id} of {event.station_id} changed after its end")
        match event:
            case TransactionStarted() | TransactionAuthorized():
                known.session_id = event.session_id or known.session_id
                known.right = event.right or known.right
                if isinstance(event, TransactionStarted):
                    known.started = True
                    self.charging += 1
                    known.registers_wh += [] if event.register_wh is None else [event.register_wh]
            case EnergyMetered() if event.register_wh is not None:
                known.registers_wh.append(event.register_wh)
            case TransactionEnded():
                self._end(event, known)

    def _end(self, event: TransactionEnded, known: _Transaction) -> None:
        known.ended = True
        if known.started or self._whole:
            registers_wh = known.registers_wh or [0]
            energy_wh = max(registers_wh) - min(registers_wh)
        else:
            self.booked += 1
            energy_wh = event.energy_wh
            known.session_id, known.right = event.session_id, event.right
        if energy_wh != event.energy_wh:
            self._fail(f"transaction {event.transaction_id}: booked {event.energy_wh} Wh, metered {energy_wh}")
        self.energy_wh += energy_wh
        session = self._open.get(known.session_id or "")
        name = (event.station_id, event.transaction_id)
        left = session is None and known.session_id is not None and not self._may_be_inside(known.session_id)
        if left and name not in self._let_go:
            self._fail(f"transaction {event.transaction_id} ended after its car had left: nobody pays {energy_wh} Wh")
        if session is not None:
            session.uses[name] = ChargingUse(
                label=event.station_id,
                started_ms=event.started_at_ms,
                finished_ms=event.finished_at_ms,
                ended_ms=event.ended_at_ms,
                energy_wh=energy_wh,
                covered=known.right is not None and known.right.covers_charging,
            )
