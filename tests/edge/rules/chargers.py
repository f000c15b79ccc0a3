"""Charging stations as a driver of the power rule needs them: what each holds, what time it thinks it is, and what it
could draw at this instant. They share no code with the rules."""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from edge.rules.inputs import LimitSetpoint, TransactionReported


class Manner(StrEnum):
    OBEYS = "OBEYS"
    IGNORES = "IGNORES"
    """Accepts every limit and draws what it likes."""
    REFUSES = "REFUSES"
    """Rejects every limit."""
    NEVER_ZERO = "NEVER_ZERO"
    """Rejects a limit of 0."""
    FORGETS = "FORGETS"
    """Loses its profiles at a boot."""
    ROUNDS = "ROUNDS"
    """Makes a limit up to whole amperes."""


@dataclass
class Profiles:
    """The two that a limit may be: the permanent one, and the lease above it by its own two instants."""

    fallback_w: int | None = None
    lease: LimitSetpoint | None = None

    def install(self, limit: LimitSetpoint) -> None:
        """A profile replaces the one of its kind, whatever that one said."""
        if limit.until_ms is None:
            self.fallback_w = limit.limit_w
        else:
            self.lease = limit

    def limit_w(self, own_ms: int) -> int | None:
        """The limit at an instant of the station's own clock; None when nothing limits it."""
        lease = self.lease
        if lease is not None and lease.until_ms is not None and lease.from_ms <= own_ms < lease.until_ms:
            return lease.limit_w
        return self.fallback_w


@dataclass
class Charger:
    """One station with one EVSE.

    ``offset_ms``: how far its clock is ahead of ours. ``wire`` holds limits that it got and has not looked at,
    ``said`` what it answered and we have not heard. ``agreed`` are the profiles that it acknowledged, ``held``
    those that it has. ``before``: what it may have drawn until each of the last answers that we heard of it, and
    when that came. ``trusted_ms``: when it was last called honest again, or connected. ``started_ms``,
    ``metered_ms``: of its car and of that one's last reading, by its clock; ``ahead_ms``: by how much its messages
    seemed to be ahead of their coming, at the most; ``suspect``: its last reading was above what it acknowledged,
    ``above``: if only a little. ``ready``: we know of a fallback of it and so may have told it of tokens.
    ``unheard``: messages that wait for a connection.
    """

    station_id: str
    rating_w: int
    ampere_w: int = 720
    manner: Manner = Manner.OBEYS
    offset_ms: int = 0
    connected: bool = False
    wire: deque[LimitSetpoint] = field(default_factory=deque)
    said: deque[tuple[LimitSetpoint, str]] = field(default_factory=deque)
    agreed: Profiles = field(default_factory=Profiles)
    held: Profiles = field(default_factory=Profiles)
    transaction_id: str = ""
    seq_no: int = 0
    before: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=50))
    trusted_ms: int = 0
    started_ms: int = 0
    ahead_ms: int = 0
    metered_ms: int = 0
    suspect: bool = False
    above: bool = False
    ready: bool = False
    unheard: list[TransactionReported] = field(default_factory=list)

    def look(self) -> None:
        """Take the oldest limit from the wire, as its manner is, and say so."""
        limit = self.wire.popleft()
        refused = self.manner is Manner.REFUSES or (self.manner is Manner.NEVER_ZERO and limit.limit_w == 0)
        if not refused:
            self.agreed.install(limit)
            self.held.install(limit)
        self.said.append((limit, "REJECTED" if refused else "ACCEPTED"))

    def agreed_w(self, now_ms: int) -> int:
        """The most that it may draw now by all that it acknowledged; nothing without a car."""
        return self._most_w(self.agreed, now_ms)

    def draws_w(self, now_ms: int) -> int:
        """The most that it draws now in truth."""
        if self.manner is Manner.IGNORES and self.transaction_id:
            return self.rating_w
        most_w = self._most_w(self.held, now_ms)
        return min(self.rating_w, -(-most_w // self.ampere_w) * self.ampere_w if self.rounds else most_w)

    @property
    def rounds(self) -> bool:
        """Whether it knows whole amperes only."""
        return self.manner is Manner.ROUNDS

    def _most_w(self, profiles: Profiles, now_ms: int) -> int:
        if not self.transaction_id:
            return 0
        limit_w = profiles.limit_w(now_ms + self.offset_ms)
        return self.rating_w if limit_w is None else min(self.rating_w, limit_w)

    def turns_ms(self) -> tuple[int, ...]:
        """The instants, by our clock, at which what it acknowledged changes by itself."""
        lease = self.agreed.lease
        if lease is None or lease.until_ms is None:
            return ()
        return lease.from_ms - self.offset_ms, lease.until_ms - self.offset_ms
