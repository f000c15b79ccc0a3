"""The heart of the daemon: inputs in, durable entries, then setpoints and answers out.

One task takes what waits, lets the rules decide each input in order, writes all entries in one transaction on the
store's thread (group commit), and only then dispatches. The memory is ahead of the disk while that commit runs, so
there is no way back: when the disk refuses for want of room the same commit is tried again until it works, and nothing
is obeyed or answered meanwhile; when it fails otherwise ``run`` raises and the process must end, and the next start
rebuilds from the log.
"""

import asyncio
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar

from edge.database import has_no_room
from edge.inbox import Inbox, RuntimeBusyError, RuntimeStoppedError, Waiting
from edge.rebuild import FACILITY_RULES, Rebuilder, Rules, State
from edge.rules.inputs import (
    NO_MATCHES,
    Answer,
    ArmSetpoint,
    AuthorizeAsked,
    CommandGiven,
    DisplaySetpoint,
    Input,
    Knowledge,
    LaneSignalled,
    Outcome,
    Setpoint,
    Started,
    Ticked,
    TransactionReported,
)
from edge.rules.knowledge import Learned, StandingSeen
from edge.store import Store
from shared.clock import Clock
from shared.devices import PlateRead
from shared.events import Entry

SNAPSHOT_EVERY = 1_000
"""Entries after which a snapshot is taken at the next quiet moment; at ten times that, at any moment."""
BATCH_MAX = 500
CROWDED_REAL_S = 0.25
"""However many inputs come, so often at least the rules do what they do once for many."""
RECHECK_REAL_S = 1.0
"""The clock is looked at this often at least, as it may be set while a timer sleeps."""
RETRY_REAL_S = 0.5
"""How often a commit that the disk refused is tried again."""
UNAIDED_AFTER_REAL_S = 3.0
"""A disk that refuses for so long leaves the lanes without decisions (``on_stalled``)."""
_TIMER_MIN_REAL_S = 0.001
_COMMITS_KEPT = 1_000
_log = logging.getLogger(__name__)

__all__ = ["FACILITY_RULES", "Rules", "Runtime", "RuntimeBusyError", "RuntimeStoppedError", "State"]


S = TypeVar("S", bound=State)
P = TypeVar("P", bound=Setpoint)


class Runtime(Generic[S]):
    """Owns the state of one facility. Everything but the commit runs on the event loop's thread.

    The constructor rebuilds the state from the store (snapshot and tail of the log) and raises StoreError when the log
    cannot be read. ``state`` and ``knowledge`` are for reading only. ``stalled`` says why nothing is decided now, None
    in life; while that lasts ``on_stalled`` is called at every try.
    """

    def __init__(self, store: Store, clock: Clock, rules: Rules[S], *, version: str, clock_known: bool = True) -> None:
        self.knowledge = store.knowledge()
        self.on_appended: Callable[[], None] = lambda: None
        self.on_commit: Callable[[float], None] = lambda _: None
        self.commits_real_s: deque[float] = deque(maxlen=_COMMITS_KEPT)
        self._store = store
        self._clock = clock
        self._rules = rules
        self.on_stalled: Callable[[], None] = lambda: None
        self.stalled: str | None = None
        self._rebuilder = Rebuilder(rules)
        self.state, self._snapshot_seq = self._rebuilder.rebuild(store)
        self._calm_real_s = 0.0
        self._handlers: dict[type, Callable[[Any], None]] = {}
        self._inbox = Inbox(clock.now_ms)
        self._inbox.put(Started(version, clock_known))
        self._catching_up = False
        self._late: dict[tuple[type, str], Setpoint] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._working = False
        self._stopping = False
        self._ended = False

    @property
    def at_work(self) -> bool:
        """Whether an input waits to be decided, or what was decided of one to be durable and dispatched."""
        return self._working or bool(self._inbox)

    @property
    def waiting(self) -> int:
        """How many inputs have not been decided yet."""
        return len(self._inbox)

    def on_setpoint(self, kind: type[P], handler: Callable[[P], None]) -> None:
        """Who obeys one kind of setpoint. Called on the event loop after the entries behind it are durable; it must
        not block, and what it raises ends the daemon."""
        self._handlers[kind] = handler

    def obey(self, setpoints: Sequence[Setpoint]) -> None:
        """Send setpoints that were kept for whoever obeys them now."""
        for setpoint in setpoints:
            self._send(setpoint)

    async def submit(self, given: Input) -> Answer | None:
        """Decide an input; returns its answer once what it led to is durable and dispatched.

        A caller that is cancelled does not take the input back. Raises RuntimeStoppedError, RuntimeBusyError.
        """
        if self._ended:
            raise RuntimeStoppedError
        future: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._inbox.put(given, future)
        return await future

    def post(self, given: Input) -> None:
        """Decide an input that nobody waits for, such as a device's signal. From the event loop's thread."""
        self._inbox.put(given)

    def learn(self, knowledge: Knowledge) -> None:
        """Decide by new knowledge from now on, and look at once whether it asks for something."""
        self.knowledge = knowledge
        self.post(Learned())

    def stop(self) -> None:
        """Let ``run`` finish what waits and return."""
        self._stopping = True
        self._inbox.wake.set()

    async def run(self) -> None:
        """Decide inputs until ``stop``. Raises what the store or a rule raised: then the process must end.

        RuntimeStoppedError: it was stopped while the disk refused, so what was decided last is not on record.
        """
        try:
            while self._inbox or not self._stopping:
                if self._inbox:
                    await self._step(self._inbox.take(BATCH_MAX))
                else:
                    self._inbox.wake.clear()
                    await self._inbox.wake.wait()
            await self._snapshot()
        finally:
            self._end()

    async def _step(self, batch: Sequence[Waiting]) -> None:
        self._working = True
        try:
            crowded = self._crowded()
            outcomes = [self._decide(waiting, more=crowded or n < len(batch)) for n, waiting in enumerate(batch, 1)]
            entries = [entry for outcome in outcomes for entry in outcome.entries]
            if entries:
                await self._commit(entries)
            for waiting, outcome in zip(batch, outcomes, strict=True):
                self._dispatch(outcome, waiting.future)
            if not self._inbox:
                self._caught_up()
        except BaseException:
            self._refuse(batch)
            raise
        finally:
            self._working = False
        if entries:
            self.on_appended()
        self._arm_timer()
        overdue = self.state.head - self._snapshot_seq
        if overdue >= SNAPSHOT_EVERY and (not self._inbox or overdue >= 10 * SNAPSHOT_EVERY):
            await self._snapshot()

    def _crowded(self) -> bool:
        """Whether inputs wait behind this batch already, and it is not long since none did: then what need not be done
        for each of them is left to a later batch."""
        now_real_s = time.monotonic()
        if self._inbox and now_real_s - self._calm_real_s < CROWDED_REAL_S:
            return True
        self._calm_real_s = now_real_s
        return False

    def _decide(self, waiting: Waiting, *, more: bool) -> Outcome:
        """By the instant at which it came: who had to wait for the disk pays for no minute more."""
        given = self._matched(waiting.given)
        return self._rules.advance(self.state, self.knowledge, given, waiting.at_ms, more=more)

    def _matched(self, given: Input) -> Input:
        match given:
            case LaneSignalled(signal=PlateRead(plate=plate), matches=matches) if plate and matches == NO_MATCHES:
                return replace(given, matches=self._store.matches_for_plate(plate))
            case StandingSeen(plate=plate):
                return replace(given, matches=self._store.matches_for_plate(plate))
            case AuthorizeAsked(id_token=str(token)) | TransactionReported(id_token=str(token)) if token:
                return replace(given, matches=self._store.matches_for_token(token))
            case CommandGiven(until_real_ms=until_real_ms) if time.monotonic() * 1_000 > until_real_ms:
                return replace(given, late=True)
        return given

    async def _commit(self, entries: Sequence[Entry]) -> None:
        began_real_s = time.perf_counter()
        while not await self._written(entries, began_real_s):  # noqa: ASYNC110 - only trying tells whether there is room
            await asyncio.sleep(RETRY_REAL_S)
        took_real_s = time.perf_counter() - began_real_s
        self.commits_real_s.append(took_real_s)
        self.on_commit(took_real_s)

    async def _written(self, entries: Sequence[Entry], began_real_s: float) -> bool:
        """One try. False when the disk refused it; raises RuntimeStoppedError when there is no time for another."""
        try:
            await self._store.in_writer(self._store.append, entries)
        except sqlite3.Error as error:
            if not has_no_room(error):
                raise
            if self.stalled is None:
                _log.error("the disk takes no entries (%s): nothing is decided until it does", error)
            self.stalled = f"the disk takes no entries: {error}"
            if self._stopping:
                raise RuntimeStoppedError from error
            if time.perf_counter() - began_real_s >= UNAIDED_AFTER_REAL_S:
                self.on_stalled()
            return False
        if self.stalled is not None:
            self.stalled, self._catching_up = None, True
            _log.warning("the disk takes entries again, %d inputs waited", len(self._inbox))
        return True

    def _dispatch(self, outcome: Outcome, future: "asyncio.Future[Answer | None] | None") -> None:
        for setpoint in outcome.setpoints:
            if self._catching_up and isinstance(setpoint, ArmSetpoint | DisplaySetpoint):
                self._late[type(setpoint), setpoint.lane_id] = setpoint
            else:
                self._send(setpoint)
        if future is not None and not future.done():
            future.set_result(outcome.answer)

    def _caught_up(self) -> None:
        """A setpoint is a level: of those that the lanes missed while the disk refused, only the last counts."""
        self._catching_up = False
        late, self._late = self._late, {}
        for setpoint in late.values():
            self._send(setpoint)

    def _send(self, setpoint: Setpoint) -> None:
        handler = self._handlers.get(type(setpoint))
        if handler is not None:
            handler(setpoint)

    def _refuse(self, batch: Sequence[Waiting]) -> None:
        for _, future, _ in batch:
            if future is not None and not future.done():
                future.set_exception(RuntimeStoppedError())

    def _end(self) -> None:
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        self._refuse(self._inbox.take(len(self._inbox)))

    # The timer: one, for the rules' next deadline.

    def _arm_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at_ms = self._rules.deadline(self.state, self.knowledge)
        if at_ms is not None:
            wait_real_s = min(max(self._clock.real_s_until(at_ms), _TIMER_MIN_REAL_S), RECHECK_REAL_S)
            self._timer = asyncio.get_running_loop().call_later(wait_real_s, self._ring)

    def _ring(self) -> None:
        at_ms = self._rules.deadline(self.state, self.knowledge)
        if at_ms is not None and at_ms <= self._clock.now_ms():
            self.post(Ticked())
        else:
            self._arm_timer()

    # The state on disk.

    async def _snapshot(self) -> None:
        """Written out here, where nothing else touches the state; only the disk is waited for."""
        head = self.state.head
        if head == self._snapshot_seq:
            return
        self._snapshot_seq, state = head, self._rebuilder.dump(self.state)
        try:
            await self._store.in_writer(self._store.save_snapshot, head, self._rebuilder.fingerprint, state)
        except sqlite3.Error as error:
            if not has_no_room(error):
                raise
            _log.warning("no snapshot of entry %d, the disk refuses it: the next one is due as usual", head)
