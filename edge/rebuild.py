"""The state of a facility from what its store keeps: the newest snapshot that can be used, and the log after it."""

import hashlib
import inspect
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Generic, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from edge.database import StoreError
from edge.rules import facility, fold, state
from edge.rules.inputs import Input, Knowledge, Outcome
from edge.rules.state import FacilityState
from edge.store import Store
from shared import events
from shared.events import Entry


class State(Protocol):
    """What the runtime itself knows of a state."""

    log_id: str
    head: int


S = TypeVar("S", bound=State)
S_contra = TypeVar("S_contra", bound=State, contravariant=True)


class Advance(Protocol[S_contra]):
    """See ``edge/rules/facility.py``."""

    def __call__(
        self, state: S_contra, knowledge: Knowledge, given: Input, now_ms: int, *, more: bool = False
    ) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Rules(Generic[S]):
    """The doors of the rules; ``edge/rules/facility.py`` says what each promises. ``folds`` are the modules that a
    rebuilt state depends on."""

    new_state: Callable[[str], S]
    advance: Advance[S]
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


class Rebuilder(Generic[S]):
    """Writes the state of one kind of rules for a snapshot, and rebuilds it from a store."""

    def __init__(self, rules: Rules[S]) -> None:
        self.fingerprint = rules.fingerprint()
        self._rules = rules
        self._states: TypeAdapter[S] = TypeAdapter(rules.state_type)

    def dump(self, state: S) -> str:
        """The state as a snapshot keeps it."""
        return self._states.dump_json(state).decode()

    def rebuild(self, store: Store) -> tuple[S, int]:
        """The state at the head of the log, and the position of the snapshot that it began on, 0 for none.

        Under other rules than those that wrote the snapshots a whole log is folded from its start. One that is not
        whole begins on the newest snapshot that can be read: its unknown fields are passed over, missing ones have
        their defaults. Raises StoreError when there is none, or an entry cannot be folded.
        """
        rebuilt = self._begun(store)
        began = rebuilt.head
        for entry in store.all_entries(after=began):
            try:
                self._rules.apply(rebuilt, entry)
            except ValidationError as error:
                raise StoreError(
                    f"entry {entry.seq} ({entry.type}) of log {store.log_id} cannot be read:"
                    " restore the file from a backup, or move it away to begin a new log"
                ) from error
        return rebuilt, began

    def _begun(self, store: Store) -> S:
        saved = store.load_snapshot(self.fingerprint)
        if saved is not None:
            with suppress(ValidationError):
                return self._states.validate_json(saved)
        return self._rules.new_state(store.log_id) if store.whole else self._newest_readable(store)

    def _newest_readable(self, store: Store) -> S:
        problem = "there is none"
        for kept in store.snapshots():
            try:
                return self._states.validate_json(kept.state)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                problem = f"of entry {kept.seq}: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise StoreError(
            f"no snapshot of log {store.log_id} can be read ({problem}), and its first entries are not kept any more:"
            " run the version that wrote it, or restore the file from a backup"
        )
