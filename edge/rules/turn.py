"""One input being decided."""

from edge.rules.fold import fold
from edge.rules.inputs import Knowledge, Setpoint
from edge.rules.state import FacilityState
from shared.events import Entry, Event, entry


class Turn:
    """One input being decided: what is known, and what came of it so far.

    A recorded event is folded at once, so the next rule of the same turn sees it.
    """

    def __init__(self, state: FacilityState, knowledge: Knowledge, now_ms: int) -> None:
        self.state = state
        self.knowledge = knowledge
        self.now_ms = now_ms
        self.entries: list[Entry] = []
        self.setpoints: list[Setpoint] = []

    @property
    def next_seq(self) -> int:
        """The position that the next recorded event will have; ids are made from it."""
        return self.state.head + 1

    def record(self, event: Event) -> None:
        """Append an event to the log and fold it into the state."""
        written = entry(self.next_seq, self.now_ms, event)
        self.state.head = written.seq
        self.entries.append(written)
        fold(self.state, event, self.now_ms)

    def send(self, setpoint: Setpoint) -> None:
        """Ask for a setpoint; it leaves only after the entries of the turn are durable."""
        self.setpoints.append(setpoint)
