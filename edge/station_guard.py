"""How much one peer and one station may ask of the door and of the read loop. Counts and instants only: no sockets.

Real seconds of a monotonic clock throughout. What is slowed is never dropped: a station that comes back after days may
send hundreds of queued messages, and each is energy that was delivered.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

PENDING_MAX = 384
"""Connections of one address that have not signed in yet. A site's stations may share one address, and all come at once
after a power cut."""
PENDING_ALL_MAX, PENDING_FEW = 512, 8
"""Of all addresses together; beyond it each has a few, so that whoever takes many addresses keeps no station out and
the serial lines of the lanes, when they are opened again, get one of the numbers below 1,024 that they need."""
REMEMBERED_MAX = 10_000
GUESSES_FREE = 5
GUESS_FORGOTTEN_REAL_S = 600.0
GUESS_DELAY_MAX_REAL_S = 8.0
"""Within the time that a handshake may take."""
RECONNECTS, RECONNECTS_A_REAL_S = 10, 0.2
RECONNECT_DELAY_REAL_S = 2.0
FRAMES, FRAMES_A_REAL_S = 1_000, 400
"""Ordinary frames of one station: at once, and lasting. A whole site in a hurry sends a tenth of it."""
FRAME_PIECE_BYTES = 8_192
"""A frame counts once more for each such piece: long ones cost as much time as many short ones."""
WRONG_FRAMES_COST = 20
"""What a frame counts that breaks the protocol: a wrong one may be repeated twenty times a second."""
OFFENCE_POINTS = 20
OFFENCES_WITHIN_REAL_S = 600.0


@dataclass(slots=True)
class Bucket:
    """Fills by ``rate_a_real_s`` up to ``size``; whoever takes more than there is waits for the rest."""

    size: float
    rate_a_real_s: float
    level: float = 0.0
    at_real_s: float | None = None

    def take(self, cost: float, now_real_s: float) -> float:
        """Take, and say how long to wait before going on."""
        passed_s = now_real_s - self.at_real_s if self.at_real_s is not None else self.size / self.rate_a_real_s
        self.level = min(self.size, self.level + passed_s * self.rate_a_real_s) - cost
        self.at_real_s = now_real_s
        return max(0.0, -self.level / self.rate_a_real_s)


class Pace:
    """How fast one connection is read."""

    def __init__(self) -> None:
        self._bucket = Bucket(FRAMES, FRAMES_A_REAL_S)

    def read(self, length: int, now_real_s: float) -> float:
        """A frame was read; how long to wait before it is handled."""
        return self._bucket.take(1 + length // FRAME_PIECE_BYTES, now_real_s)

    def wrong(self, now_real_s: float) -> float:
        """It broke the protocol; how long to wait before the next."""
        return self._bucket.take(WRONG_FRAMES_COST, now_real_s)


@dataclass
class Guard:
    """Of one facility's door."""

    pending: dict[str, int] = field(default_factory=dict)
    pending_all: int = 0
    _guesses: dict[Hashable, tuple[int, float]] = field(default_factory=dict)
    _visits: dict[str, Bucket] = field(default_factory=dict)
    _offences: dict[str, tuple[tuple[float, int], ...]] = field(default_factory=dict)

    def knock(self, address: str) -> bool:
        """A connection was opened; False when its address has too many that have not signed in."""
        self.pending[address] = self.pending.get(address, 0) + 1
        self.pending_all += 1
        crowded = self.pending_all > PENDING_ALL_MAX
        return self.pending[address] <= (PENDING_FEW if crowded else PENDING_MAX)

    def settled(self, address: str) -> None:
        """It signed in, or has ended."""
        self.pending_all -= 1
        self.pending[address] -= 1
        if not self.pending[address]:
            del self.pending[address]

    def guessing(self, address: str, station_id: str, now_real_s: float) -> float:
        """How long this address must wait before it may try a password of this station: nothing for the first few that
        were wrong, then twice as long each time. Another address, such as the station's own, is not held up by it."""
        count, last_real_s = self._guesses.get((address, station_id), (0, 0.0))
        if count < GUESSES_FREE or now_real_s - last_real_s > GUESS_FORGOTTEN_REAL_S:
            return 0.0
        return min(GUESS_DELAY_MAX_REAL_S, 2.0 ** min(8, count - GUESSES_FREE))

    def guessed_wrong(self, address: str, station_id: str, now_real_s: float) -> None:
        """A password was wrong."""
        count, last_real_s = self._guesses.pop((address, station_id), (0, 0.0))
        forgotten = now_real_s - last_real_s > GUESS_FORGOTTEN_REAL_S
        self._guesses[address, station_id] = (1 if forgotten else count + 1, now_real_s)
        _bound(self._guesses)

    def visit(self, address: str, station_id: str, now_real_s: float) -> float:
        """A station signed in; how long it must wait because it does so all the time."""
        self._guesses.pop((address, station_id), None)
        bucket = self._visits.setdefault(station_id, Bucket(RECONNECTS, RECONNECTS_A_REAL_S))
        wait_real_s = bucket.take(1, now_real_s)
        bucket.level = max(bucket.level, -1.0)
        return min(wait_real_s, RECONNECT_DELAY_REAL_S)

    def offended(self, station_id: str, points: int, now_real_s: float) -> bool:
        """A station broke the protocol in a way that no well-meant message does; True when it is enough."""
        recent = [x for x in self._offences.get(station_id, ()) if now_real_s - x[0] < OFFENCES_WITHIN_REAL_S]
        recent.append((now_real_s, points))
        enough = sum(counted for _, counted in recent) >= OFFENCE_POINTS
        self._offences[station_id] = () if enough else tuple(recent)
        return enough


def _bound(remembered: dict[Hashable, tuple[int, float]]) -> None:
    if len(remembered) > REMEMBERED_MAX:
        del remembered[next(iter(remembered))]
