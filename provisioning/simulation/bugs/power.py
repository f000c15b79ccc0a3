"""Bugs of the books by which the power rule keeps the budget."""

from edge.rules.books import Site
from provisioning.simulation.planting import Bug, Replace
from provisioning.simulation.scenario import Scenario

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


PENDING_IGNORED = Bug("pending-ignored", "a limit counts only once it was answered", _pending_ignored, DENSE)
DRIFT_SIGN = Bug("drift-sign", "a station's clock is taken to be off to the harmless side", _drift_sign, DENSE)
