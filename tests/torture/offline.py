"""Days without the cloud, with traffic; then the link returns, everything drains, and it must reconcile."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from provisioning.demo.house import House
from provisioning.demo.lived import MEASURED_DAY, LivedTime, morning_of
from provisioning.demo.measure import Measurement
from provisioning.local.state import State
from shared.clock import HOUR_MS, MINUTE_MS

ZONE = "America/New_York"
DRAIN_REAL_S = 600.0


@dataclass(frozen=True, slots=True)
class Offline:
    """``hours`` of lived time away, after and before some minutes with the cloud."""

    hours: float
    folder: Path
    speed: float = 240.0
    say: Callable[[str], None] = print

    def run(self) -> dict[str, object]:
        """Live through it; the summary of the audit. Raises SetupError."""
        duration_ms = round(self.hours * HOUR_MS) + 30 * MINUTE_MS
        with State(self.folder, fresh=True) as state:
            lived = LivedTime(state, speed=self.speed, first_ms=morning_of(MEASURED_DAY, ZONE))
            house = House(state, lived, say=self.say, port=None)
            try:
                house.open(1)
                measurement = Measurement(house, lived, say=self.say)
                measurement.live(15 * MINUTE_MS)
                house.stack.pull("cloud")
                house.stack.pull("broker")
                measurement.live(duration_ms - 15 * MINUTE_MS)
                house.stack.restore("broker")
                house.stack.restore("cloud")
                measurement.live(duration_ms)
                return measurement.conclude(seed=1, duration_ms=duration_ms, drain_real_s=DRAIN_REAL_S)
            finally:
                house.close()
                lived.close()
