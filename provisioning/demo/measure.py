"""A measured run: live a given time, stop the traffic, let everything drain, audit, and say whether it reconciles."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from provisioning.audit.edge_log import AuditError
from provisioning.audit.report import Report, audit
from provisioning.demo.figures import Cloud
from provisioning.demo.house import House
from provisioning.demo.lived import LivedTime
from provisioning.demo.programs import Stage
from provisioning.demo.summary import Run, Site, summary
from provisioning.local.errors import SetupError

DRAIN_TIMEOUT_REAL_S = 90.0
_TEND_REAL_S = 0.1
_TELL_EVERY_REAL_S = 15.0


def check_writable(file: Path | None) -> None:
    """Say before the run, not after it, that its figures could not be written. Raises SetupError."""
    if file is None:
        return
    try:
        file.open("a").close()
    except OSError as error:
        raise SetupError(f"cannot write {file} ({error.strerror}): choose another file with --summary") from error


class Measurement:
    """One measured run of a house that is open."""

    def __init__(self, house: House, lived: LivedTime, *, say: Callable[[str], None]) -> None:
        self._house = house
        self._lived = lived
        self._say = say

    def live(self, duration_ms: int) -> None:
        """Live until ``duration_ms`` after the run's first instant."""
        end_ms = self._lived.starts_at_ms + duration_ms
        tell_at = time.monotonic() + _TELL_EVERY_REAL_S
        while self._lived.clock.now_ms() < end_ms:
            self._tend()
            if time.monotonic() >= tell_at:
                tell_at += _TELL_EVERY_REAL_S
                left_s = self._lived.clock.real_s_until(end_ms)
                self._say(f"{left_s:6.0f} s  to go")

    def tend_for(self, real_s: float) -> None:
        """Live so long in real time."""
        until = time.monotonic() + real_s
        while time.monotonic() < until:
            self._tend()

    def _tend(self) -> None:
        self._lived.tend()
        self._house.stack.tend()
        time.sleep(_TEND_REAL_S)

    def conclude(self, *, seed: int, duration_ms: int, drain_real_s: float = DRAIN_TIMEOUT_REAL_S) -> dict[str, object]:
        """Stop the traffic, let both sides come together, audit. The summary. Raises SetupError."""
        self._house.stack.release(Stage.WORLD)
        self._say("The drivers are stopped; waiting until every event and job is through")
        failures: list[str] = []
        with self._house.cloud() as cloud:
            if not self._drain(cloud, drain_real_s):
                failures.append(f"not drained within {drain_real_s:.0f} s: {cloud.jobs()} jobs are left")
            try:
                report = audit(self._house.edge_logs(), self._house.database_url)
            except AuditError as error:
                raise SetupError(f"there is nothing to audit: {error}") from error
            for words in report.unproved:
                self._say(f"Not proved: {words}")
            return summary(
                Run(
                    seed=seed,
                    speed=self._lived.clock.timeline.speed,
                    lived_ms=duration_ms,
                    sites=self._sites(cloud, report),
                    money=cloud.money(),
                    failures=[*failures, *report.failures],
                )
            )

    def _sites(self, cloud: Cloud, report: Report) -> dict[str, Site]:
        heads = self._house.log_heads()
        return {
            name: Site(figures, events_in_cloud=cloud.events_of(name, heads[name].log_id))
            for name, figures in report.facilities.items()
        }

    def _drain(self, cloud: Cloud, drain_real_s: float) -> bool:
        """Bring both sides together and the boxes to rest; False when that, or a job, takes too long."""
        give_up = time.monotonic() + drain_real_s
        drained = self._wait_until(lambda: cloud.holds(self._house.log_heads()) and cloud.jobs() == 0, give_up)
        self._house.hand_over()
        return drained and self._wait_until(lambda: cloud.jobs() == 0, give_up)

    def _wait_until(self, holds: Callable[[], bool], give_up_real_s: float) -> bool:
        while not holds():
            if time.monotonic() > give_up_real_s:
                return False
            self._tend()
        return True


def write(found: dict[str, object], file: Path | None) -> None:
    """Write the summary, to standard output when there is no file."""
    text = json.dumps(found, indent=2)
    if file is None:
        print(text)
    else:
        file.write_text(f"{text}\n")
