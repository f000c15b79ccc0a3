"""The figures of a measured run, and what of them does not reconcile. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from provisioning.audit.report import FacilityFigures
from provisioning.demo.figures import MoneyFigures


@dataclass(frozen=True, slots=True)
class Site:
    """One facility: what the audit recomputed from its log, and how much of that log the cloud has."""

    figures: FacilityFigures
    events_in_cloud: int


@dataclass(frozen=True, slots=True)
class Run:
    """What is summed up. ``failures`` are the audit's and the supervisor's; ``speed`` turns lived delays into real
    ones."""

    seed: int
    speed: float
    lived_ms: int
    sites: Mapping[str, Site]
    money: MoneyFigures
    failures: Sequence[str]


def summary(run: Run) -> dict[str, Any]:
    """All figures; ``audit`` lists what failed and is empty when everything reconciles."""
    money = run.money
    delays_ms = sorted(delay / run.speed for delay in money.receipt_delays_ms)
    return {
        "seed": run.seed,
        "speed": run.speed,
        "lived_hours": round(run.lived_ms / 3_600_000, 3),
        "facilities": {facility_id: _site(site) for facility_id, site in run.sites.items()},
        "charges": money.charges,
        "charged_cents": money.charged_cents,
        "paid_cents": money.received_cents - money.credit_cents,
        "refunded_cents": money.refunded_cents,
        "open_cents": money.open_cents,
        "credit_cents": money.credit_cents,
        "receipts": len(delays_ms),
        "receipt_delay_ms": {"p50": _percentile(delays_ms, 50), "p99": _percentile(delays_ms, 99)},
        "audit": [*run.failures, *_discrepancies(run)],
    }


def _site(site: Site) -> dict[str, Any]:
    figures = site.figures
    return {
        "events_appended": figures.events,
        "events_in_cloud": site.events_in_cloud,
        "vehicles_entered": figures.entered,
        "vehicles_exited": figures.exited,
        "charging_sessions": figures.charging_sessions,
        "energy_kwh": round(figures.energy_wh / 1000, 3),
        "worst_case_power_kw_max": round(figures.worst_case_w_max / 1000, 3),
        "budget_kw": figures.budget_w / 1000,
    }


def _discrepancies(run: Run) -> list[str]:
    """Three sums that must agree, each from two places that were written by different code."""
    found = [
        f"{facility_id}: {site.figures.events} events in its log, {site.events_in_cloud} of them in the cloud"
        for facility_id, site in run.sites.items()
        if site.figures.events != site.events_in_cloud
    ]
    closed = sum(site.figures.exited for site in run.sites.values())
    if closed != run.money.charges:
        found.append(f"{closed} sessions ended at the facilities, {run.money.charges} were charged")
    paid_cents = run.money.received_cents - run.money.credit_cents
    if run.money.charged_cents != paid_cents + run.money.open_cents:
        found.append(
            f"{run.money.charged_cents} cents charged are not {paid_cents} paid and {run.money.open_cents} open"
        )
    return found


def _percentile(ordered: Sequence[float], percent: int) -> int | None:
    """The smallest value that at least so many percent do not exceed (nearest rank), rounded; None of nothing."""
    if not ordered:
        return None
    return round(ordered[max(0, ceil(len(ordered) * percent / 100) - 1)])
