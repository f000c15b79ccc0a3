"""The cloud in figures, in Prometheus' text format, and whether a process is well.

What every process can tell (facilities, decisions, jobs) is read from the database when it is asked for; a process adds
what only it knows. What is not known is left out, never zero. Who asks on the same machine needs no token; from
elsewhere it takes one of headquarters or a device, so a scraper gets a device's.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.auth import BadToken, Role, read_token
from cloud.db import transaction
from cloud.problems import RETRY_AFTER_REAL_S
from shared.clock import SECOND_MS

router = APIRouter(tags=["operations"])
MAY_ASK = (Role.HQ, Role.DEVICE)
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

_FACILITIES = text(
    """
    SELECT p.facility_id, p.online, p.heard_at_ms, l.version - d.upto AS decisions_behind,
        greatest(0, greatest(p.head, c.head) - coalesce(c.upto, 0)) AS behind,
        CASE WHEN l.version > d.upto THEN d.updated_at_ms ELSE greatest(d.updated_at_ms, p.heard_at_ms) END AS knew_ms,
        b.rival_at_ms
    FROM link.presence AS p CROSS JOIN link.decision_log AS l
    LEFT JOIN link.cursors AS c ON c.facility_id = p.facility_id AND c.log_id = p.log_id
    LEFT JOIN link.decision_cursors AS d ON d.facility_id = p.facility_id AND d.log_id = l.log_id
    LEFT JOIN link.boxes AS b ON b.facility_id = p.facility_id
    ORDER BY p.facility_id
    """
)
_OLDEST = text(
    """
    SELECT c.facility_id, min(e.at_ms) AS at_ms FROM link.cursors AS c JOIN link.events AS e
    ON (e.facility_id, e.log_id, e.seq) = (c.facility_id, c.log_id, c.base + 1) GROUP BY 1 ORDER BY 1
    """
)
_LOGS = text("SELECT facility_id, count(*) AS logs FROM link.cursors GROUP BY 1 ORDER BY 1")
_PARKED = text("SELECT facility_id, count(*) AS events FROM link.parked GROUP BY 1")
_JOBS = text(
    """
    SELECT count(*) AS waiting, extract(epoch FROM now() - min(greatest(scheduled_at, e.at)))::float AS age_real_s
    FROM procrastinate_jobs AS j LEFT JOIN LATERAL (
        SELECT min(at) AS at FROM procrastinate_events AS e WHERE e.job_id = j.id
    ) AS e ON true
    WHERE j.status = 'todo' AND (j.scheduled_at IS NULL OR j.scheduled_at <= now())
    """
)


def latency(name: str, words: str) -> Histogram:
    """A histogram of real seconds that no registry holds but the one it is put into."""
    return Histogram(name, words, buckets=BUCKETS_S, registry=None)


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a process shows of itself: histograms, gauges by name (with words and a reading), and what is wrong."""

    histograms: Sequence[Histogram] = ()
    gauges: Mapping[str, tuple[str, Callable[[], float]]] = field(default_factory=dict)
    problems: Callable[[], Sequence[str]] = lambda: ()


class _Shown(Collector):
    def __init__(self, shown: Sequence[Metric]) -> None:
        self._shown = shown

    def collect(self) -> Iterator[Metric]:
        return iter(self._shown)


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Figures for a scraper; see this file's head for who may ask."""
    _require_reader(request)
    vitals: Vitals = request.app.state.vitals
    async with transaction(request.app.state.engine) as conn:
        shown = await _figures(conn, request.app.state.clock.now_ms())
    shown += [GaugeMetricFamily(name, words, value=read()) for name, (words, read) in vitals.gauges.items()]
    registry = CollectorRegistry(auto_describe=False)
    for collector in (_Shown(shown), *vitals.histograms):
        registry.register(collector)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/health")
async def health(request: Request) -> JSONResponse:
    """200 when this process and its database answer, 503 otherwise. Open to the world; says little else."""
    vitals: Vitals = request.app.state.vitals
    problems = [*vitals.problems(), *await _database_problem(request.app.state.engine)]
    if problems:
        return JSONResponse({"status": "; ".join(problems)}, 503, headers={"Retry-After": str(RETRY_AFTER_REAL_S)})
    return JSONResponse({"status": "ok"})


async def _database_problem(engine: AsyncEngine) -> list[str]:
    try:
        async with transaction(engine) as conn:
            await conn.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return ["the database cannot be reached"]
    return []


async def _figures(conn: AsyncConnection, now_ms: int) -> list[Metric]:
    rows = (await conn.execute(_FACILITIES)).mappings().all()
    logs = (await conn.execute(_OLDEST)).mappings().all()
    begun = (await conn.execute(_LOGS)).mappings().all()
    parked = GaugeMetricFamily("easypark_parked_events", "Events that were set aside", labels=["facility"])
    for row in await conn.execute(_PARKED):
        parked.add_metric([row.facility_id], row.events)
    jobs = (await conn.execute(_JOBS)).one()
    words = "Logs it has begun: one more when its box is new, damaged or put back"
    figures: list[Metric] = [
        *_of_facilities(rows, now_ms),
        _aged("easypark_facility_log_age_seconds", "Age of the oldest event kept here", logs, ("at_ms", now_ms)),
        _each("easypark_facility_logs", words, begun, lambda r: r["logs"]),
        parked,
        GaugeMetricFamily("easypark_jobs_waiting", "Jobs that are due and not begun", value=jobs.waiting),
    ]
    if jobs.age_real_s is not None:
        figures.append(GaugeMetricFamily("easypark_jobs_oldest_seconds", "Age of the oldest", value=jobs.age_real_s))
    return figures


def _of_facilities(rows: Sequence[Any], now_ms: int) -> Iterator[Metric]:
    yield _each("easypark_facility_online", "1 while the facility counts as there", rows, lambda r: r["online"])
    yield _each("easypark_facility_events_behind", "Entries of its log not here yet", rows, lambda r: r["behind"])
    words = "Versions of decisions that it has not confirmed"
    yield _each("easypark_facility_decisions_behind", words, rows, lambda r: r["decisions_behind"])
    for name, since, words in (
        ("heard", "heard_at_ms", "Since the facility was last heard"),
        ("knowledge", "knew_ms", "Since it is known to have held every decision"),
        ("rival", "rival_at_ms", "Since a second box of its name was refused"),
    ):
        yield _aged(f"easypark_facility_{name}_age_seconds", words, rows, (since, now_ms))


def _aged(name: str, words: str, rows: Sequence[Any], span: tuple[str, int]) -> Metric:
    """How long ago the instant in a column (the first of ``span``) was at an instant (the second)."""
    since, now_ms = span
    return _each(name, words, rows, lambda r: _age(r[since], now_ms))


def _each(name: str, words: str, rows: Sequence[Any], value: Callable[[Any], float | None]) -> Metric:
    gauge = GaugeMetricFamily(name, words, labels=["facility"])
    for row in rows:
        if (found := value(row)) is not None:
            gauge.add_metric([row["facility_id"]], float(found))
    return gauge


def _age(at_ms: int | None, now_ms: int) -> float | None:
    return (now_ms - at_ms) / SECOND_MS if at_ms else None


def _require_reader(request: Request) -> None:
    if _local(request):
        return
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        if scheme.lower() == "bearer" and read_token(request.app.state.settings.jwt_secret, token).role in MAY_ASK:
            return
    except (BadToken, ValueError) as error:
        raise HTTPException(401, f"the token is not accepted: {error}", {"WWW-Authenticate": "Bearer"}) from error
    raise HTTPException(401, "from another machine a token is needed", {"WWW-Authenticate": "Bearer"})


def _local(request: Request) -> bool:
    """Asked on this machine, and not by a proxy for somebody else."""
    if request.client is None or {"forwarded", "x-forwarded-for"} & set(request.headers):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False


class Timed:
    """Observes how long each request takes until its answer begins; a stream goes on for hours after that."""

    def __init__(self, app: ASGIApp, observe: Callable[[float], None]) -> None:
        self._app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, timed if scope["type"] == "http" else send)
