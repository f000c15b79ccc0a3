"""The heart of the daemon: inputs in, durable entries, then setpoints and answers out.

One task takes what waits, lets the rules decide each input in order, writes all entries in one transaction on the
store's thread (group commit), and only then dispatches. The memory is ahead of the disk while that commit runs, so
when it fails there is no way back: ``run`` raises and the process must end; the next start rebuilds from the log.
"""

import asyncio
import hashlib
import inspect
import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Generic, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from edge.database import StoreError
from edge.rules import facility, fold, state
from edge.rules.inputs import (
    NO_MATCHES,
    Answer,
    AuthorizeAsked,
    Input,
    Knowledge,
    LaneSignalled,
    Outcome,
    Setpoint,
    Started,
    Ticked,
    TransactionReported,
)
from edge.rules.state import FacilityState
from edge.store import Store
from shared import events
from shared.clock import Clock
from shared.devices import PlateRead
from shared.events import Entry

SNAPSHOT_EVERY = 1_000
"""Entries after which a snapshot is taken at the next quiet moment; at ten times that, at any moment."""
BATCH_MAX = 500
RECHECK_REAL_S = 1.0
"""The clock is looked at this often at least, as it may jump while a timer sleeps."""
_TIMER_MIN_REAL_S = 0.001
_COMMITS_KEPT = 1_000


class State(Protocol):
    """What the runtime itself knows of a state."""

    log_id: str
    head: int


S = TypeVar("S", bound=State)
P = TypeVar("P", bound=Setpoint)


@dataclass(frozen=True, slots=True)
class Rules(Generic[S]):
    """The doors of the rules; ``edge/rules/facility.py`` says what each promises. ``folds`` are the modules that a
    rebuilt state depends on."""

    new_state: Callable[[str], S]
    advance: Callable[[S, Knowledge, Input, int], Outcome]
    apply: Callable[[S, Entry], None]
    deadline: Callable[[S, Knowledge], int | None]
    state_type: type[S]
    folds: tuple[ModuleType, ...] = ()

    def fingerprint(self) -> str:
        """Names the shape of the state and the text of the folds; under another name the log is folded anew."""
        shape = json.dumps(TypeAdapter(self.state_type).json_schema(), sort_keys=True)
        return hashlib.sha256("\n".join([shape, *map(inspect.getsource, self.folds)]).encode()).hexdigest()


FACILITY_RULES = Rules(
    new_state=facility.new_state,
    advance=facility.advance,
    apply=facility.apply,
    deadline=facility.deadline,
    state_type=FacilityState,
    folds=(state, fold, *fold.MODULES, *events.MODULES),
)


class RuntimeStoppedError(Exception):
    """The input was not taken, or is not known to be durable: the daemon is stopping."""


Waiting = tuple[Input, "asyncio.Future[Answer | None] | None"]


class Runtime(Generic[S]):
    """Owns the state of one facility. Everything but the commit runs on the event loop's thread.

    The constructor rebuilds the state from the store (snapshot and tail of the log) and raises StoreError when the log
    cannot be read. ``state`` and ``knowledge`` are for reading only.
    """

    def __init__(self, store: Store, clock: Clock, rules: Rules[S], *, version: str) -> None:
        self.knowledge = store.knowledge()
        self.on_appended: Callable[[], None] = lambda: None
        self.commits_real_s: deque[float] = deque(maxlen=_COMMITS_KEPT)
        self._store = store
        self._clock = clock
        self._rules = rules
        self._fingerprint = rules.fingerprint()
        self._states: TypeAdapter[S] = TypeAdapter(rules.state_type)
        self._snapshot_seq = 0
        self.state = self._rebuild()
        self._handlers: dict[type, Callable[[Any], None]] = {}
        self._inbox: deque[Waiting] = deque([(Started(version), None)])
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = False
        self._ended = False

    @property
    def waiting(self) -> int:
        """How many inputs have not been decided yet."""
        return len(self._inbox)

    def on_setpoint(self, kind: type[P], handler: Callable[[P], None]) -> None:
        """Who obeys one kind of setpoint. Called on the event loop after the entries behind it are durable; it must
        not block, and what it raises ends the daemon."""
        self._handlers[kind] = handler

    async def submit(self, given: Input) -> Answer | None:
        """Decide an input; returns its answer once what it led to is durable and dispatched.

        A caller that is cancelled does not take the input back. Raises RuntimeStoppedError.
        """
        if self._ended:
            raise RuntimeStoppedError
        future: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._put(given, future)
        return await future

    def post(self, given: Input) -> None:
        """Decide an input that nobody waits for, such as a device's signal. From the event loop's thread."""
        self._put(given, None)

    def learn(self, knowledge: Knowledge) -> None:
        """Decide by new knowledge from now on, and look at once whether it asks for something."""
        self.knowledge = knowledge
        self.post(Ticked())

    def stop(self) -> None:
        """Let ``run`` finish what waits and return."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Decide inputs until ``stop``. Raises what the store or a rule raised: then the process must end."""
        try:
            while self._inbox or not self._stopping:
                if self._inbox:
                    await self._step([self._inbox.popleft() for _ in range(min(len(self._inbox), BATCH_MAX))])
                else:
                    self._wake.clear()
                    await self._wake.wait()
            await self._snapshot()
        finally:
            self._end()

    def _put(self, given: Input, future: "asyncio.Future[Answer | None] | None") -> None:
        self._inbox.append((given, future))
        self._wake.set()

    async def _step(self, batch: Sequence[Waiting]) -> None:
        try:
            outcomes = [self._decide(given) for given, _ in batch]
            entries = [entry for outcome in outcomes for entry in outcome.entries]
            if entries:
                await self._commit(entries)
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                self._dispatch(outcome, future)
        except BaseException:
            self._refuse(batch)
            raise
        if entries:
            self.on_appended()
        self._arm_timer()
        overdue = self.state.head - self._snapshot_seq
        if overdue >= SNAPSHOT_EVERY and (not self._inbox or overdue >= 10 * SNAPSHOT_EVERY):
            await self._snapshot()

    def _decide(self, given: Input) -> Outcome:
        return self._rules.advance(self.state, self.knowledge, self._matched(given), self._clock.now_ms())

    def _matched(self, given: Input) -> Input:
        match given:
            case LaneSignalled(signal=PlateRead(plate=plate), matches=matches) if plate and matches == NO_MATCHES:
                return replace(given, matches=self._store.matches_for_plate(plate))
            case AuthorizeAsked(id_token=str(token)) | TransactionReported(id_token=str(token)) if token:
                return replace(given, matches=self._store.matches_for_token(token))
        return given

    async def _commit(self, entries: Sequence[Entry]) -> None:
        began_real_s = time.perf_counter()
        await self._store.in_writer(self._store.append, entries)
        self.commits_real_s.append(time.perf_counter() - began_real_s)

    def _dispatch(self, outcome: Outcome, future: "asyncio.Future[Answer | None] | None") -> None:
        for setpoint in outcome.setpoints:
            handler = self._handlers.get(type(setpoint))
            if handler is not None:
                handler(setpoint)
        if future is not None and not future.done():
            future.set_result(outcome.answer)

    def _refuse(self, batch: Sequence[Waiting]) -> None:
        for _, future in batch:
            if future is not None and not future.done():
                future.set_exception(RuntimeStoppedError())

    def _end(self) -> None:
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        self._refuse(tuple(self._inbox))
        self._inbox.clear()

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
        if head > self._snapshot_seq:
            state = self._states.dump_json(self.state).decode()
            await self._store.in_writer(self._store.save_snapshot, head, self._fingerprint, state)
            self._snapshot_seq = head

    def _rebuild(self) -> S:
        saved = self._store.load_snapshot(self._fingerprint)
        rebuilt = self._rules.new_state(self._store.log_id) if saved is None else self._states.validate_json(saved)
        self._snapshot_seq = rebuilt.head
        for entry in self._store.all_entries(after=rebuilt.head):
            try:
                self._rules.apply(rebuilt, entry)
            except ValidationError as error:
                raise StoreError(
                    f"entry {entry.seq} ({entry.type}) of log {self._store.log_id} cannot be read:"
                    " restore the file from a backup, or move it away to begin a new log"
                ) from error
        return rebuilt
