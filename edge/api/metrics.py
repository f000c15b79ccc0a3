"""The box in figures, in Prometheus' text format. They are read from the running parts when they are asked for, so they
cost nothing in between. What is not known is left out, never zero.
"""

import shutil
from collections.abc import Iterator
from ipaddress import ip_address

from fastapi import APIRouter, HTTPException, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edge.api.inside import Inside, InsideDep
from edge.rules.view import view
from edge.tokens import bearer_of
from shared.clock import SECOND_MS

router = APIRouter()
COMMIT_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


def commit_times() -> Histogram:
    """How long entries take to be durable; whoever holds it observes real seconds."""
    text = "From the decision to its entries being durable"
    return Histogram("easypark_edge_commit_seconds", text, buckets=COMMIT_BUCKETS_S, registry=None)


@router.get("/metrics")
async def metrics(request: Request, inside: InsideDep) -> Response:
    """Without a token for who asks on this machine; from elsewhere any token of the token file will do."""
    if not _local(request):
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or bearer_of(token, inside.bearers) is None:
            raise HTTPException(401, "from another machine a token is needed", {"WWW-Authenticate": "Bearer"})
    return Response(told(inside), media_type=CONTENT_TYPE_LATEST)


def told(inside: Inside) -> bytes:
    """Every figure now."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Box(inside))
    registry.register(inside.commits)
    return generate_latest(registry)


def _local(request: Request) -> bool:
    """Asked on this machine, and not by a proxy for somebody else."""
    proxied = {"forwarded", "x-forwarded-for"} & set(request.headers)
    return request.client is not None and not proxied and _loopback(request.client.host)


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class _Box(Collector):
    def __init__(self, inside: Inside) -> None:
        self._inside = inside

    def collect(self) -> Iterator[Metric]:
        yield from self._runtime()
        yield from self._link()
        yield from self._site()
        parts = GaugeMetricFamily("easypark_edge_part_failed", "1 for a part that does not run", labels=["part"])
        for name, problem in self._inside.parts().items():
            parts.add_metric([name], float(problem is not None))
        yield parts
        free = shutil.disk_usage(self._inside.data_dir).free
        yield GaugeMetricFamily("easypark_edge_disk_free_bytes", "Free space where the log is kept", value=free)

    def _runtime(self) -> Iterator[Metric]:
        runtime = self._inside.runtime
        yield GaugeMetricFamily("easypark_edge_inputs_waiting", "Inputs not decided yet", value=runtime.waiting)
        yield GaugeMetricFamily("easypark_edge_log_head", "The newest position of the log", value=runtime.state.head)
        lost = self._inside.store.unread_decisions()
        yield GaugeMetricFamily("easypark_edge_decisions_parked", "Decisions that wait for a newer version", value=lost)

    def _link(self) -> Iterator[Metric]:
        link, now_ms = self._inside.link.view(), self._inside.clock.now_ms()
        yield GaugeMetricFamily("easypark_edge_link_connected", "1 while the broker is there", value=link.connected)
        yield GaugeMetricFamily("easypark_edge_link_refused", "1: headquarters refuses this box", value=link.refused)
        yield CounterMetricFamily(
            "easypark_edge_messages_malformed", "Messages nobody could read", value=self._inside.link.malformed
        )
        if link.backlog is not None:
            yield GaugeMetricFamily("easypark_edge_link_backlog_events", "Not acknowledged yet", value=link.backlog)
        behind = link.decisions_head - link.decisions_held
        yield GaugeMetricFamily("easypark_edge_decisions_behind", "Decisions known of and not held", value=behind)
        ages = {
            "easypark_edge_acked_age_seconds": (link.acked_at_ms, "Since headquarters last said what it holds"),
            "easypark_edge_knowledge_age_seconds": (link.knowledge_at_ms, "Since every decision was held"),
        }
        for name, (at_ms, text) in ages.items():
            if at_ms is not None:
                yield GaugeMetricFamily(name, text, value=(now_ms - at_ms) / SECOND_MS)

    def _site(self) -> Iterator[Metric]:
        runtime = self._inside.runtime
        connected = sum(s.connected for s in runtime.state.stations.values())
        yield GaugeMetricFamily("easypark_edge_stations_connected", "Charging stations here", value=connected)
        sessions = len(runtime.state.sessions)
        yield GaugeMetricFamily("easypark_edge_sessions_open", "Cars inside as far as booked", value=sessions)
        seen = view(runtime.state, runtime.knowledge, self._inside.clock.now_ms())
        if runtime.state.building_load_w is not None:
            text = "What the building draws beside the chargers, while its meter is heard"
            yield GaugeMetricFamily("easypark_edge_building_watts", text, value=runtime.state.building_load_w)
        if seen is None:
            return
        power = GaugeMetricFamily("easypark_edge_power_watts", "Power of all chargers together", labels=["kind"])
        for kind, watts in (("drawn", seen.drawn_w), ("worst_case", seen.worst_case_w), ("budget", seen.budget_w)):
            power.add_metric([kind], watts)
        yield power
