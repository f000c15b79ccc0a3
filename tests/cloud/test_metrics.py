"""The cloud's figures and health: what a scraper reads, who may, and the port of processes without an API."""

import asyncio
import time
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud import metrics, vitals
from cloud.auth import Role, issue_token
from cloud.config import Settings
from cloud.db import transaction
from cloud.jobs import defer
from cloud.link import boxes, presence
from cloud.metrics import Vitals
from provisioning.local.ports import free_port
from shared.clock import REAL_TIME, Clock
from shared.wire import Presence
from tests.cloud.serving import SECRET, Api

pytestmark = pytest.mark.anyio
CLOCK = Clock(REAL_TIME, time.time)


def figures(body: str) -> dict[str, float]:
    """By name, with the facility where there is one."""
    return {
        "/".join([s.name, *(v for k, v in s.labels.items() if k == "facility")]): s.value
        for family in text_string_to_metric_families(body)
        for s in family.samples
    }


async def test_every_facility_shows_its_lags_ages_and_parked_events(api: Api, engine: AsyncEngine) -> None:
    now_ms = CLOCK.now_ms()
    async with transaction(engine) as conn:
        told = Presence(facility_id="here", online=True, log_id="log-a", head=50)
        await presence.said(conn, told, now_ms=now_ms - 30_000)
        await conn.execute(text("INSERT INTO link.cursors VALUES ('here', 'log-a', 40, 50, 0)"))
        await conn.execute(text("UPDATE link.cursors SET base = 4"))
        await conn.execute(
            text("INSERT INTO link.events VALUES ('here', 'log-a', 5, :at_ms, 'X', '{}')"), {"at_ms": now_ms - 90_000}
        )
        await conn.execute(text("INSERT INTO link.parked VALUES ('here', 'log-a', 3, 'billing', 'x', 0)"))
        await conn.execute(text("UPDATE link.decision_log SET version = 9"))
        confirmed = "INSERT INTO link.decision_cursors SELECT 'here', log_id, 7, :at_ms FROM link.decision_log"
        await conn.execute(text(confirmed), {"at_ms": now_ms - 60_000})
        await boxes.choose(conn, "here", boxes.Box("log-a"), now_ms=0)
        await defer(conn, "nothing")
    found = figures((await api.raw("GET", "/metrics", as_=None)).text)
    assert found["easypark_facility_online/here"] == 1
    assert found["easypark_facility_events_behind/here"] == 10
    assert found["easypark_facility_logs/here"] == 1
    assert found["easypark_facility_decisions_behind/here"] == 2
    assert found["easypark_parked_events/here"] == 1
    assert 90 <= found["easypark_facility_log_age_seconds/here"] < 120, "of the oldest event that is kept"
    assert found["easypark_jobs_waiting"] == 1
    assert found["easypark_jobs_oldest_seconds"] < 60
    assert 30 <= found["easypark_facility_heard_age_seconds/here"] < 60
    assert 60 <= found["easypark_facility_knowledge_age_seconds/here"] < 90
    assert "easypark_facility_rival_age_seconds/here" not in found


async def test_requests_are_timed(api: Api) -> None:
    before = figures((await api.raw("GET", "/metrics", as_=None)).text)["easypark_api_request_seconds_count"]
    await api("GET", "/api/v1/facilities")
    after = figures((await api.raw("GET", "/metrics", as_=None)).text)["easypark_api_request_seconds_count"]
    assert after == before + 2


async def test_from_another_machine_figures_need_a_token(api: Api) -> None:
    elsewhere = httpx.ASGITransport(api.app, client=("203.0.113.5", 1))

    async def status(**headers: str) -> int:
        async with httpx.AsyncClient(transport=elsewhere, base_url="http://cloud") as http:
            return (await http.get("/metrics", headers=headers)).status_code

    def bearer(role: Role) -> str:
        token = issue_token(SECRET, role=role, subject="scraper", ttl_s=60, now_s=int(time.time()))
        return f"Bearer {token}"

    assert await status() == await status(authorization="Bearer nonsense") == 401
    assert await status(authorization=bearer(Role.CUSTOMER)) == 401
    assert await status(authorization=bearer(Role.DEVICE)) == 200
    proxied = await api.http.get("/metrics", headers={"X-Forwarded-For": "203.0.113.5"})
    assert proxied.status_code == 401


async def test_a_process_without_an_api_shows_its_health_on_a_port_of_its_own(
    engine: AsyncEngine, database_url: str
) -> None:
    troubles: list[str] = []
    ingests = metrics.latency("easypark_link_ingest_seconds", "x")
    ingests.observe(0.02)
    shown = Vitals((ingests,), {"easypark_link_connected": ("x", lambda: 1.0)}, lambda: troubles)
    port = free_port()
    settings = Settings(database_url=database_url, vitals_port=port)
    async with (
        vitals.shown(settings, engine, CLOCK, shown),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
    ):
        for _ in range(100):
            try:
                answer = await http.get("/health")
                break
            except httpx.ConnectError:
                await asyncio.sleep(0.05)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        found = figures((await http.get("/metrics")).text)
        assert (found["easypark_link_connected"], found["easypark_link_ingest_seconds_count"]) == (1, 1)
        troubles.append("no broker")
        answer = await http.get("/health")
        assert (answer.status_code, answer.json()) == (503, {"status": "no broker"})


async def test_a_port_that_is_taken_costs_only_the_figures(engine: AsyncEngine, database_url: str) -> None:
    taken = urlsplit(database_url).port
    settings = Settings(database_url=database_url, vitals_port=taken)
    async with vitals.shown(settings, engine, CLOCK, Vitals()), transaction(engine) as conn:
        assert await conn.scalar(text("SELECT 1")) == 1
