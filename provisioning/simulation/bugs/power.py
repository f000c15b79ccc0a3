"""Bugs of the books by which the power rule keeps the budget."""

from edge.rules import fold_clock, stepping
from edge.rules.books import Site
from edge.rules.state import FacilityState
from provisioning.simulation.planting import Bug, Replace
from provisioning.simulation.scenario import Scenario
from shared.events import ClockStepped

DENSE = Scenario(facilities=2, days=0.5, pace=8)


def _pending_ignored(replace: Replace) -> None:
    worst_w = Site.worst_w

    def answered_only(site: Site, at_ms: int, drift_ms: int) -> int:
        pending, site.promises.pending = site.promises.pending, []
        found_w = worst_w(site, at_ms, drift_ms)
        site.promises.pending = pending
        return found_w

    replace(Site, "worst_w", answered_only)


def _drift_sign(replace: Replace) -> None:
    def wrong_way(site: Site, at_ms: int, drift_ms: int) -> int:
        leases = site.leases()
        hold = [x.limit_w for x in leases if at_ms <= x.until_ms - drift_ms]
        covered = bool(leases) and all(at_ms <= x.until_ms + drift_ms for x in leases)
        return max([*hold, 0 if covered and hold else site.base_w()])

    replace(Site, "worst_w", wrong_way)


def _stepped_at_once(replace: Replace) -> None:
    replace(stepping, "ready", lambda turn: bool(turn.state.clock_off_ms))


def _taken_for_timed(replace: Replace) -> None:
    def forgetful(state: FacilityState, event: ClockStepped, at_ms: int) -> None:
        stepped(state, event, at_ms)
        for station in state.stations.values():
            station.untimed = False

    stepped = fold_clock.FOLDS[ClockStepped]
    replace(fold_clock.FOLDS, ClockStepped, forgetful)


def _stranger_timed(replace: Replace) -> None:
    stepped = fold_clock.FOLDS[ClockStepped]

    def of_those_known(state: FacilityState, event: ClockStepped, at_ms: int) -> None:
        stepped(state, event, at_ms)
        state.stepped = False

    replace(fold_clock.FOLDS, ClockStepped, of_those_known)


PENDING_IGNORED = Bug("pending-ignored", "a limit counts only once it was answered", _pending_ignored, DENSE)
DRIFT_SIGN = Bug("drift-sign", "a station's clock is taken to be off to the harmless side", _drift_sign, DENSE)
STEPPED_AT_ONCE = Bug("stepped-at-once", "leases end by the stations' clocks, not by ours", _stepped_at_once, DENSE)
TAKEN_FOR_TIMED = Bug(
    "taken-for-timed", "a station has our old time until it is told the new one", _taken_for_timed, DENSE
)
STRANGER_TIMED = Bug(
    "stranger-timed", "a station that a new box meets may have its time from another box", _stranger_timed, DENSE
)
