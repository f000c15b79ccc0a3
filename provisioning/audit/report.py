"""The audit as a whole: every facility's log, and the cloud against all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from provisioning.audit import edge_log
from provisioning.audit.cloud_book import CloudBook
from provisioning.audit.edge_log import SiteLog
from provisioning.audit.power_book import PowerBook
from provisioning.audit.session_book import ClosedSession, SessionBook
from shared.events import parse_event


@dataclass(frozen=True, slots=True)
class FacilityFigures:
    """One facility, recomputed from its log."""

    events: int
    entered: int
    exited: int
    charging_sessions: int
    energy_wh: int
    worst_case_w_max: int
    budget_w: int


@dataclass(frozen=True, slots=True)
class Report:
    """``failures`` is empty when everything reconciles."""

    facilities: Mapping[str, FacilityFigures]
    closed: Mapping[str, ClosedSession]
    failures: tuple[str, ...]


def audit(edge_logs: Mapping[str, Path], database_url: str, *, complete: bool = True, settled: bool = True) -> Report:
    """Audit facilities' files and the cloud's database against each other.

    ``complete``: everything is drained, so the cloud must hold all of each log. ``settled``: every job is done too, so
    charges are paid and receipts are sent. Raises
    ``edge_log.AuditError`` when a log cannot be read at all.
    """
    logs = [edge_log.read(path) for path in edge_logs.values()]
    figures: dict[str, FacilityFigures] = {}
    closed: dict[str, ClosedSession] = {}
    failures: list[str] = []
    for log in logs:
        figures[log.facility.facility_id], sessions, wrong = _judge(log)
        closed.update(sessions)
        failures += wrong
    with psycopg.connect(database_url, autocommit=True) as connection:
        book = CloudBook(connection)
        failures += book.events(logs, complete=complete)
        failures += book.charges(closed, settled=settled) if complete else []
        failures += book.postings()
    return Report(figures, closed, tuple(failures))


def _judge(log: SiteLog) -> tuple[FacilityFigures, dict[str, ClosedSession], list[str]]:
    name = log.facility.facility_id
    power, sessions = PowerBook(log.facility), SessionBook(log.facility, log.tariffs)
    failures: list[str] = []
    for place, written in enumerate(log.entries, 1):
        if written.seq != place:
            failures.append(f"{name}: entry {written.seq} stands at place {place}")
            break
        event = parse_event(written)
        if event is not None:
            power.take(event, written.at_ms)
            sessions.take(event, written.at_ms)
    if power.over_w_max:
        failures.append(f"{name}: worst case {power.over_w_max} W over what was allowed at {power.over_at_ms} ms")
    figures = FacilityFigures(
        events=len(log.entries),
        entered=sessions.entered,
        exited=len(sessions.closed),
        charging_sessions=sessions.charging,
        energy_wh=sessions.energy_wh,
        worst_case_w_max=power.worst_w_max,
        budget_w=power.budget_w,
    )
    return figures, sessions.closed, failures + sessions.failures
