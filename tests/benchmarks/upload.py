"""A facility's backlog drained into the cloud by the real processes, next to a bare bulk insert of the same rows.

The product: the edge daemon reads the log from its SQLite file and offers it over the broker; the cloud's link takes
each batch in one durable transaction that stores and projects it (sessions, charges, postings, payments, jobs) and
acknowledges it. The time runs from the first batch's commit to the last one's, and only what came after the first
counts.

The bare side (``bare.py``): into other, equally migrated databases of the same PostgreSQL, with the same indexes,
constraints and triggers, goes every row that the product left behind in every table, by COPY and by INSERT; and the
same of the log alone, without anything made of it. Nothing is parsed, checked or derived there, so the ratios are what
all of that costs. Which of the four is a bare bulk insert is for the reader to say.

Meanwhile cars come to the entry lane, first without and then with the drain, and their times from plate to relay stand
next to each other. Where there are two processors or more, the daemon and the street have one of them and the cloud
(PostgreSQL, broker, link, and the bare side) the others, since in the field the cloud is another machine.
"""

import asyncio
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud import migrations
from cloud.db import create_engine, transaction
from cloud.facilities import store as facilities
from cloud.link.decisions import publish
from cloud.tariffs import store as tariff_store
from edge.rebuild import FACILITY_RULES, Rebuilder
from edge.store import Store
from provisioning.local.broker import Broker
from provisioning.local.postgres import Postgres
from shared.decisions import FacilityConfigured, TariffPublished
from shared.facilities import Facility
from shared.sync import SyncEntry
from tests.benchmarks import bare
from tests.benchmarks.box import Box, full_size
from tests.benchmarks.day import Day
from tests.benchmarks.figures import BenchmarkError, Figure, percentile
from tests.benchmarks.gate import Wire, drain, let_in, line
from tests.benchmarks.memory import cpu_s, family, memory_mb
from tests.benchmarks.pinning import Pinning, pin
from tests.builders import tariffs

SPACES = 5_000
"""Regular spaces, so that the lane's cars always find one."""
PATIENCE_REAL_S = 60.0
"""Within this time the drain begins, and goes on."""
SAMPLE_EVERY_S = 1.0
LOG = "link.events"
DERIVED = (
    *(f"sessions.{name}" for name in ("parking_sessions", "charging_sessions", "site_payments", "power_samples")),
    *(f"billing.{name}" for name in ("charges", "charge_lines", "payments", "postings", "discrepancies")),
    "public.procrastinate_jobs",
)
"""What is made of the log. The queue's own triggers write the rest of the queue on both sides."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What the log holds: a million of it are three days with 4,500 cars. ``reading_every_s`` is how often a charging
    car's meter is read."""

    events: int
    idle_cars: int = 100
    arrivals_per_minute: float = 1.04
    reading_every_s: int = 5


@dataclass
class Watch:
    """Memory of each process group over the drain, and the processor time it took."""

    groups: dict[str, Callable[[], list[int]]]
    samples: list[dict[str, float]] = field(default_factory=list)
    _began_s: dict[str, float] = field(default_factory=dict)
    _sampled_s: float = 0.0

    def sample(self) -> None:
        """Look, unless that was done just now: it walks through all memory, on the processor of the lanes."""
        if not self.samples:
            self._began_s = self._cpu_s()
        elif time.perf_counter() - self._sampled_s < SAMPLE_EVERY_S:
            return
        self._sampled_s = time.perf_counter()
        self.samples.append({name: memory_mb(pids()) for name, pids in self.groups.items()})

    def _cpu_s(self) -> dict[str, float]:
        return {name: cpu_s(pids()) for name, pids in self.groups.items()}

    def lines(self, events: int) -> Iterator[str]:
        """One line per group: memory at start, middle and end, processor time per event."""
        spent = self._cpu_s()
        for name in self.groups:
            first, middle, last = (self.samples[n][name] for n in (0, len(self.samples) // 2, len(self.samples) - 1))
            used_us = (spent[name] - self._began_s[name]) / events * 1e6
            yield f"{name}: {first:.0f} / {middle:.0f} / {last:.0f} MB, {used_us:.0f} us of processor an event"


def measure(folder: Path, server: Postgres, mix: Mix, pinning: Pinning | None = None) -> list[Figure]:
    """Drain a log of about ``mix.events`` entries. Prints what each process took."""
    site, where = full_size(SPACES), pinning or Pinning.possible()
    with ExitStack() as undo:
        product_url, copied_url, inserted_url = (undo.enter_context(_database(server)) for _ in range(3))
        asyncio.run(_prepare(product_url, site))
        written = _fill(folder, site, mix)
        undo.callback(pin, [os.getpid()], where.site | where.cloud)
        print(where, flush=True)
        broker = undo.enter_context(Broker(folder / "broker", facility_ids=(site.facility_id,)))
        camera, camera_path = line(undo)
        display, display_path = line(undo)
        broker_url = broker.url(site.facility_id)
        box = Box(folder, site.facility_id, camera=camera_path, display=display_path, broker_url=broker_url)
        undo.enter_context(box)
        pin([box.pid, os.getpid()], where.site)
        street = Street(undo.enter_context(Wire(box.wire)), camera, display)
        idle_s = [street.next_car() for _ in range(mix.idle_cars)]
        link = undo.enter_context(_link(folder, product_url, broker.url()))
        cloud = {
            "link": lambda: family(link.pid),
            "broker": lambda: family(broker.process.pid or 0),
            "postgres": lambda: family(server.process.pid or 0),
        }
        for pids in cloud.values():
            pin(pids(), where.cloud)
        with psycopg.connect(product_url, autocommit=True) as looking:
            drained = _drain(looking, written, street, Watch({"edge": lambda: [box.pid], **cloud}))
            _check(looking, written)
        pin([os.getpid()], where.cloud)
        rates = _bare_rates(folder, written, product_url, (copied_url, inserted_url))
    return _figures(drained, idle_s, rates)


@dataclass
class Street:
    """The cars at the entry lane, one after the other."""

    wire: Wire
    camera: int
    display: int
    count: int = 0

    def next_car(self) -> float:
        """Seconds from plate to relay."""
        self.count += 1
        took_s = let_in(self.wire, self.camera, f"LANE{self.count}")
        drain(self.display)
        return took_s


@dataclass(frozen=True, slots=True)
class Drained:
    """``events`` in ``real_s``, and how long each car waited meanwhile."""

    events: int
    real_s: float
    cars_s: list[float]


def _drain(looking: psycopg.Connection, goal: int, street: Street, watch: Watch) -> Drained:
    first = _held(looking, at_least=1)
    began_s = seen_s = time.perf_counter()
    watch.sample()
    cars_s: list[float] = []
    held = first
    while held < goal:
        cars_s.append(street.next_car())
        before, held = held, _cursor(looking)
        watch.sample()
        now_s = time.perf_counter()
        seen_s = now_s if held > before else seen_s
        if now_s - seen_s > PATIENCE_REAL_S:
            raise BenchmarkError(f"the drain stands at {held} of {goal}")
    print("\n".join(watch.lines(held - first)), flush=True)
    if not cars_s:
        raise BenchmarkError(f"{goal} events are too few: they were drained before a car came")
    return Drained(held - first, time.perf_counter() - began_s, cars_s)


def _held(looking: psycopg.Connection, *, at_least: int) -> int:
    give_up_s = time.perf_counter() + PATIENCE_REAL_S
    while (held := _cursor(looking)) < at_least:
        if time.perf_counter() > give_up_s:
            raise BenchmarkError("the drain does not begin")
        time.sleep(0.005)
    return held


def _cursor(looking: psycopg.Connection) -> int:
    row = looking.execute("SELECT coalesce(max(upto), 0) FROM link.cursors").fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _database(server: Postgres) -> Iterator[str]:
    """The address of a migrated database, dropped in the end."""
    name = f"upload_{secrets.token_hex(4)}"
    server.create_database(name)
    try:
        migrations.upgrade(server.url(name))
        yield server.url(name)
    finally:
        with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _link(folder: Path, database_url: str, broker_url: str) -> Iterator["subprocess.Popen[bytes]"]:
    settings = {"EASYPARK_DATABASE_URL": database_url, "EASYPARK_BROKER_URL": broker_url}
    command = [sys.executable, "-m", "provisioning", "cloud", "link"]
    with (
        (folder / "link.log").open("wb") as log,
        subprocess.Popen(command, env={**os.environ, **settings}, stderr=log) as link,
    ):
        try:
            yield link
        finally:
            link.terminate()


async def _prepare(database_url: str, site: Facility) -> None:
    engine: AsyncEngine = create_engine(database_url)
    try:
        async with transaction(engine) as conn:
            await facilities.save(conn, site, now_ms=0)
            for tariff in tariffs():
                await tariff_store.add(conn, tariff, now_ms=0)
                await publish(conn, TariffPublished(tariff=tariff))
            await publish(conn, FacilityConfigured(facility=site), (site.facility_id,))
    finally:
        await engine.dispose()


def _fill(folder: Path, site: Facility, mix: Mix) -> int:
    """Write the daemon's log and what it knows; how many entries that are."""
    store = Store(folder / "data", site.facility_id)
    try:
        decided = [FacilityConfigured(facility=site), *(TariffPublished(tariff=t) for t in tariffs())]
        entries = [SyncEntry(position=n, body=d.model_dump(mode="json")) for n, d in enumerate(decided, 1)]
        store.apply_decisions("hq-1", entries, len(entries))
        day = Day(
            store.log_id,
            arrivals_per_minute=mix.arrivals_per_minute,
            reading_every_s=mix.reading_every_s,
            regular_spaces=SPACES,
        )
        for minute in day.minutes():
            store.append(minute)
            if store.head >= mix.events:
                break
        rebuilder = Rebuilder(FACILITY_RULES)
        store.save_snapshot(store.head, rebuilder.fingerprint, rebuilder.dump(day.site.state))
        return store.head
    finally:
        store.close()


def _bare_rates(folder: Path, events: int, product_url: str, bare_urls: tuple[str, str]) -> dict[str, float]:
    """Events per second, by what the bare side does."""
    copied_url, inserted_url = bare_urls
    bare.copy_out(product_url, folder, (LOG, *DERIVED))
    copied_s = [bare.copy_in(copied_url, folder, tables) for tables in ((LOG,), DERIVED)]
    inserted_s = [bare.insert(product_url, inserted_url, tables) for tables in ((LOG,), DERIVED)]
    return {
        "COPY of all rows of all tables": events / sum(copied_s),
        "COPY of the log alone": events / copied_s[0],
        f"INSERT of all rows of all tables, {bare.BATCH_ROWS:,} at a time": events / sum(inserted_s),
        f"INSERT of the log alone, {bare.BATCH_ROWS:,} at a time": events / inserted_s[0],
    }


def _check(looking: psycopg.Connection, count: int) -> None:
    """Nothing was left out, and every stay that ended was charged what was quoted."""
    row = looking.execute(
        "SELECT (SELECT count(*) FROM link.events WHERE seq <= %s), (SELECT count(*) FROM link.parked),"
        " (SELECT count(*) FROM billing.discrepancies WHERE kind = 'QUOTE_DIFFERS'),"
        " (SELECT count(*) FROM link.events WHERE type = 'VehicleExited') - (SELECT count(*) FROM billing.charges)",
        [count],
    ).fetchone()
    if row != (count, 0, 0, 0):
        raise BenchmarkError(f"stored, parked, charged otherwise than quoted, not charged: {row} of {count}")


def _figures(drained: Drained, idle_s: list[float], bare_rates: dict[str, float]) -> list[Figure]:
    rate = drained.events / drained.real_s
    lanes = []
    for p in (50, 99):
        busy_ms, idle_ms = (percentile(cars_s, p) * 1_000 for cars_s in (drained.cars_s, idle_s))
        lanes.append(Figure(f"plate to relay p{p}, draining", "ms", busy_ms, idle_ms, "the lane without a drain"))
    return [
        *(Figure("log into PostgreSQL", "events/s", rate, bare_rate, what) for what, bare_rate in bare_rates.items()),
        *lanes,
    ]
