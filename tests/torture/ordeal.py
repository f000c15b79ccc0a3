"""The whole house under traffic while its processes are killed and its network fails; then it must reconcile.

Everything is real: PostgreSQL, broker, cloud, edge daemons, cars at the lanes, stations on the wire. Each round takes
one victim at random: a process is killed with -9 or frozen for some seconds, or the way between two parts breaks,
stalls, crawls or loses connections. After the last round the weather is fair, the traffic stops, and the audit must
find every event of every log in the cloud once, every session charged once what it is worth, and the budget kept.
"""

import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from provisioning.demo.house import House
from provisioning.demo.lived import MEASURED_DAY, LivedTime, morning_of
from provisioning.demo.measure import Measurement
from provisioning.demo.programs import Program
from provisioning.local.ports import HOST
from provisioning.local.state import State
from shared.clock import MINUTE_MS
from tests.torture.proxy import Proxy, Weather

ZONE = "America/New_York"
SPARED = ("Drivers and cars", "Mailbox", "Stripe's stand-in")
"""The world around the product; it does not belong to what is tried here."""
KILL, FREEZE, WEATHER = "kill -9", "freeze", "weather"
EVERYTHING = (KILL, KILL, KILL, FREEZE, WEATHER, WEATHER)
_BAD = (Weather.CUT, Weather.HALF_OPEN, Weather.SLOW, Weather.LOSSY)
_TEND_REAL_S = 0.1


@dataclass
class Ordeal:
    """``rounds`` of ``trials`` from ``seed``; ``speed`` lived seconds per real one."""

    rounds: int
    seed: int
    folder: Path
    speed: float = 60.0
    trials: tuple[str, ...] = EVERYTHING
    say: Callable[[str], None] = print
    done: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311 - repeatable, not secret
        self._proxies: dict[str, Proxy] = {}

    def run(self) -> dict[str, object]:
        """Live through it; the summary of the audit, with what was done. Raises SetupError."""
        with ExitStack() as held, State(self.folder, fresh=True) as state:
            lived = LivedTime(state, speed=self.speed, first_ms=morning_of(MEASURED_DAY, ZONE))
            house = House(state, lived, say=self.say, port=None, route=lambda name, url: self._route(held, name, url))
            held.callback(lived.close)
            held.callback(house.close)
            house.open(1)
            began_ms = lived.clock.now_ms()
            measurement = Measurement(house, lived, say=self.say)
            for number in range(1, self.rounds + 1):
                self._trial(number, house, measurement)
            measurement.live(lived.clock.now_ms() - lived.starts_at_ms + MINUTE_MS)
            found = measurement.conclude(seed=self.seed, duration_ms=lived.clock.now_ms() - began_ms)
        return {**found, "trials": dict(self.done)}

    def _route(self, held: ExitStack, name: str, url: str) -> str:
        """The same address by way of a proxy of its own."""
        parts = urlsplit(url)
        assert parts.port is not None
        proxy = held.enter_context(Proxy(parts.port, seed=self._random.randrange(2**32)))
        self._proxies[name] = proxy
        return url.replace(f"@{HOST}:{parts.port}", f"@{HOST}:{proxy.port}")

    def _trial(self, number: int, house: House, measurement: Measurement) -> None:
        trial = self._random.choice(self.trials)
        if trial == WEATHER:
            self._bad_weather(number, measurement)
            return
        victims = [p for p in house.stack.programs() if p.name not in SPARED and p.child.running]
        if not victims:
            measurement.tend_for(1.0)
            return
        victim = self._random.choice(victims)
        self._tell(number, f"{trial} {victim.name}")
        if trial == KILL:
            house.stack.kill(victim)
        else:
            self._freeze(victim, measurement)
        measurement.tend_for(self._random.uniform(0.2, 4.0))

    def _freeze(self, victim: Program, measurement: Measurement) -> None:
        """A process that hangs: its connections stay, and it wakes up with old news."""
        victim.child.signal(signal.SIGSTOP)
        measurement.tend_for(self._random.uniform(0.5, 6.0))
        victim.child.signal(signal.SIGCONT)

    def _bad_weather(self, number: int, measurement: Measurement) -> None:
        name, proxy = self._random.choice(sorted(self._proxies.items()))
        weather = self._random.choice(_BAD)
        self._tell(number, f"{weather} between {name}")
        proxy.set(weather)
        measurement.tend_for(self._random.uniform(0.5, 6.0))
        proxy.set(Weather.FAIR)
        measurement.tend_for(self._random.uniform(0.2, 2.0))

    def _tell(self, number: int, what: str) -> None:
        self.done[what] += 1
        self.say(f"{time.strftime('%H:%M:%S')}  round {number}: {what}")
