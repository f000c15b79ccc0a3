"""The audit as a whole: every facility's log, and the cloud against all of them."""

from collections.abc import Iterator, Mapping
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
    """``failures`` is empty when everything reconciles that can be judged; ``unproved`` says what cannot, because the
    entries that tell it are not kept any more: one sentence each."""

    facilities: Mapping[str, FacilityFigures]
    closed: Mapping[str, ClosedSession]
    failures: tuple[str, ...]
    unproved: tuple[str, ...] = ()


def audit(edge_logs: Mapping[str, Path], database_url: str, *, complete: bool = True, settled: bool = True) -> Report:
    """Audit facilities' files and the cloud's database against each other.

    ``complete``: everything is drained, so the cloud must hold all of each log. ``settled``: every job is done too, so
    charges are paid and receipts are sent. Raises
    ``edge_log.AuditError`` when a log cannot be read at all.
    """
    logs = [edge_log.read(path) for path in edge_logs.values()]
    with psycopg.connect(database_url, autocommit=True) as connection:
        book = CloudBook(connection)
        failures = book.events(logs, complete=complete)
        told = [book.completed(log) for log in logs]
        judged = {log.facility.facility_id: _judge(log) for log in told}
        failures += [wrong for one in judged.values() for wrong in one.failures]
        closed = {name: session for one in judged.values() for name, session in one.sessions.closed.items()}
        quoted = {name: cents for one in judged.values() for name, cents in one.sessions.quoted.items()}
        failures += book.charges(told, closed, quoted, settled=settled) if complete else []
        failures += book.postings()
    unproved = [*book.unproved, *(words for one in judged.values() for words in one.unproved)]
    return Report({name: one.figures for name, one in judged.items()}, closed, tuple(failures), tuple(unproved))


@dataclass(frozen=True, slots=True)
class _Judged:
    figures: FacilityFigures
    sessions: SessionBook
    failures: list[str]
    unproved: list[str]


def _judge(log: SiteLog) -> _Judged:
    name, whole = log.facility.facility_id, log.whole
    power = PowerBook(log.facility, from_start=whole)
    sessions = SessionBook(log.facility, log.tariffs, tells_of=None if whole else log.tells_of)
    failures: list[str] = []
    for place, written in enumerate(log.entries, log.after + 1):
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
        exited=len(sessions.closed) + len(sessions.quoted),
        charging_sessions=sessions.charging,
        energy_wh=sessions.energy_wh,
        worst_case_w_max=power.worst_w_max,
        budget_w=power.budget_w,
    )
    unproved = [] if whole else list(_unproved(log, power, sessions))
    return _Judged(figures, sessions, failures + sessions.failures, unproved)


def _unproved(log: SiteLog, power: PowerBook, sessions: SessionBook) -> Iterator[str]:
    before = f"{log.facility.facility_id}: before entry {log.after + 1}, the first that is told of here,"
    if sessions.quoted:
        yield f"{before} {len(sessions.quoted)} stays began: their price is held against what was quoted, not reckoned"
    if sessions.booked:
        yield f"{before} {sessions.booked} charging transactions began: their energy is taken as it was booked"
    yield f"{before} chargers were promised power: it counts from where each is told anew; {power.untold} never are"
