"""The whole house of a demo: every process, in the order in which one needs the other, as much at once as can be."""

import hashlib
import importlib.util
import sqlite3
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import psycopg

from cloud.auth import Role, issue_token
from hardware.simulator.customers import customers
from provisioning.demo import configs
from provisioning.demo.facilities import CUSTOMERS, FACILITY_IDS
from provisioning.demo.figures import Cloud, LogHead, log_head
from provisioning.demo.lived import LivedTime
from provisioning.demo.page.room import Around
from provisioning.demo.page.server import PageServer
from provisioning.demo.page.site import Box
from provisioning.demo.places import Wires, choose_ports, draw_secrets, web
from provisioning.demo.prices import tariffs
from provisioning.demo.programs import Addresses, Part, Program, Programs, Stage
from provisioning.demo.seed import Gate, Launch, customer_id_of, seed
from provisioning.demo.stack import Say, Stack
from provisioning.local.broker import Broker
from provisioning.local.errors import SetupError
from provisioning.local.postgres import Postgres
from provisioning.local.state import State
from shared.clock import Timeline

Route = Callable[[str, str], str]
"""The name of a way, such as "Cloud and broker", and an address; the address to use instead."""
PATIENCE_REAL_S = 60.0
MIGRATE_TIMEOUT_REAL_S = 120.0
UPLOAD_TIMEOUT_REAL_S = 90.0
PAGE_TOKEN_TTL_S = 30 * 24 * 3600
_PREPARED = "prepared"
_POLL_REAL_S = 0.05


def _straight(_name: str, url: str) -> str:
    return url


class House:
    """``open`` starts everything, ``close`` stops it and keeps the data. All calls come from the main thread."""

    def __init__(self, state: State, lived: LivedTime, *, say: Say, port: int | None, route: Route = _straight) -> None:
        """Chooses ports and draws secrets, starts nothing. ``route`` may lead the way from a process to the database or
        the broker elsewhere. Raises SetupError."""
        self._route = route
        self.state = state
        self.stack = Stack(say)
        self._say = say
        self._lived = lived
        self._began = time.monotonic()
        self._ports = choose_ports(state, port)
        self._secrets = draw_secrets(state)
        self._wires = Wires(state)
        self._postgres = Postgres(state.folder / "postgres")
        self._broker = Broker(state.folder / "broker", facility_ids=FACILITY_IDS)
        self._facilities = configs.facilities(state)
        self._uploads: tuple[Program, ...] = ()

    def open(self, seed_number: int) -> None:
        """Start everything, fill an empty cloud, and let the drivers come. Raises SetupError."""
        self._broker.spawn()
        self._postgres.spawn()
        self._keep_ground("The MQTT broker", self._broker, part="broker")
        self._keep_ground("PostgreSQL", self._postgres)
        self._prepare(seed_number)
        timeline = self._lived.begin()
        programs = self._programs(timeline)
        files = configs.Configs(self.state, self._ports, self._secrets, self._wires, str(timeline))
        self._start_all(programs, files)
        with self.cloud() as reader:
            self._await("that the facilities hear of every decision", lambda: reader.has_told(FACILITY_IDS))
        self._progress("The facilities know prices and customers")
        self._start_world(programs, files, seed_number)

    def _prepare(self, seed_number: int) -> None:
        """Bring the database up to date and fill an empty one. What was done is remembered, with the id of the
        database's decision log and the migrations' hash, so that the next start need not even look."""
        done = self.state.remembered(_PREPARED) or {}
        migrations = _hash_of_migrations()
        with self.cloud() as reader:
            if done == {"seed": seed_number, "log_id": reader.log_id(), "migrations": migrations}:
                return
        self._migrate()
        with self.cloud() as reader:
            log_id = reader.log_id()
        if (done.get("seed"), done.get("log_id")) != (seed_number, log_id):
            self._fill(seed_number)
        self.state.keep(_PREPARED, {"seed": seed_number, "log_id": log_id, "migrations": migrations})

    def _programs(self, timeline: Timeline) -> Programs:
        return Programs(
            logs=self.state.subfolder("logs"), timeline=str(timeline), ports=self._ports, secrets=self._secrets
        )

    @cached_property
    def _addresses(self) -> Addresses:
        database = self._route("Cloud and database", self._postgres.url())
        return Addresses(database, self._route("Cloud and broker", self._broker.url()))

    def _start_all(self, programs: Programs, files: configs.Configs) -> None:
        boxes = {
            name: files.edge(name, self._route(f"{name} and broker", self._broker.url(name))) for name in FACILITY_IDS
        }
        edges = programs.edges(boxes, {name: facility.name for name, facility in self._facilities.items()})
        self._uploads = tuple(programs.upload(name, config) for name, config in boxes.items())
        starting = [
            programs.stripe(self.state.subfolder("stripe")),
            programs.mailbox(self.state.folder / "mailbox"),
            *(programs.cloud(process, self._addresses) for process in ("api", "link", "worker")),
            *edges.values(),
        ]
        for program in starting:
            self.stack.start(program)
        for program in starting:
            self.stack.wait_until_ready(program)
            self._progress(f"{program.name} is up")

    def _keep_ground(self, name: str, server: Postgres | Broker, part: Part | None = None) -> None:
        """Hand over a server that was spawned to the stack, once it is ready."""
        server.wait_until_ready()
        self.stack.start(Program(name, server.process, Stage.GROUND, lambda: True, part))
        self._progress(f"{name} is up")

    def _migrate(self) -> None:
        program = self._programs(self._lived.eve()).cloud("migrate", self._addresses)
        program.child.start()
        ended = program.child.wait(MIGRATE_TIMEOUT_REAL_S)
        if not ended or program.child.exit_code != 0:
            program.child.kill()
            raise SetupError(
                f"the database cannot be brought up to date ({program.how_it_ended()}): {program.last_words()}"
                f" (log: {program.child.log}); mend that, or start over with --fresh, which loses the data"
            )
        self._progress("The database is up to date")

    def _fill(self, seed_number: int) -> None:
        """Register everybody, with only the API and the gateway running, on the eve of the first day."""
        launch = Launch(
            name=f"driver-{seed_number}",
            facilities=tuple(self._facilities.values()),
            tariffs=tariffs(),
            customers=tuple(customers(str(seed_number), CUSTOMERS)),
        )
        programs = self._programs(self._lived.eve())
        for program in (programs.stripe(self.state.subfolder("stripe")), programs.cloud("api", self._addresses)):
            self.stack.start(program)
            self.stack.wait_until_ready(program)
        seed(Gate(web(self._ports.api), self._secrets.jwt, web(self._ports.stripe)), launch)
        ids = [customer_id_of(launch.name, customer) for customer in launch.customers]
        with self.cloud() as reader:
            self._await("that every customer's card is saved", lambda: reader.cards_of(ids) == len(ids))
        self.stack.release(Stage.CLOUD)
        self.stack.release(Stage.OUTSIDE)
        self._progress(f"{len(launch.facilities)} facilities and {len(launch.customers)} customers are registered")

    def _await(self, what: str, true: Callable[[], bool]) -> None:
        give_up = time.monotonic() + PATIENCE_REAL_S
        while not true():
            self.stack.tend()
            if time.monotonic() > give_up:
                raise SetupError(
                    f"waited {PATIENCE_REAL_S:.0f} s in vain for this: {what}; look at {self.state.folder / 'logs'}"
                )
            time.sleep(_POLL_REAL_S)

    def _start_world(self, programs: Programs, files: configs.Configs, seed_number: int) -> None:
        starts_at_ms = self._lived.starts_at_ms
        world = programs.world(files.world(seed=seed_number, starts_at_ms=starts_at_ms))
        self._lived.wait_for_the_start(self._say)
        self.stack.start(world)
        self._progress("Drivers are on their way")

    def _progress(self, what: str) -> None:
        self._say(f"{time.monotonic() - self._began:6.1f} s  {what}")

    def page_with_token(self) -> str:
        """The address of the page with what lets its reader in. Holds a token: for the owner's eyes."""
        token = issue_token(
            self._secrets.jwt, role=Role.HQ, subject="demo", ttl_s=PAGE_TOKEN_TTL_S, now_s=int(time.time())
        )
        return f"{web(self._ports.page)}/?token={token}"

    def page(self) -> PageServer:
        """The server of the page, to be started and stopped by whoever shows it."""
        boxes = [
            Box(facility, web(self._ports.edge_api[name]), self._secrets.edge_tokens[name])
            for name, facility in self._facilities.items()
        ]
        around = Around(
            api_url=web(self._ports.api),
            boxes=boxes,
            mailbox=self.state.folder / "mailbox",
            clock=self._lived.clock,
            handles=self.stack,
            jwt_secret=self._secrets.jwt,
        )
        return PageServer(around, self._ports.page)

    def cloud(self) -> Cloud:
        """A reading connection to the cloud's database. Raises SetupError when there is none."""
        try:
            return Cloud(self._postgres.url())
        except psycopg.OperationalError as error:
            raise SetupError(
                f"PostgreSQL does not answer: {error}; look at {self.state.folder / 'postgres'}"
            ) from error

    @property
    def database_url(self) -> str:
        return self._postgres.url()

    def edge_logs(self) -> dict[str, Path]:
        """Each facility's log file."""
        return {name: configs.edge_log(self.state, name) for name in FACILITY_IDS}

    def log_heads(self) -> dict[str, LogHead]:
        """How far each facility's log has come. Raises SetupError."""
        try:
            return {name: log_head(file) for name, file in self.edge_logs().items()}
        except sqlite3.Error as error:
            raise SetupError(f"a facility's log cannot be read: {error}") from error

    def hand_over(self) -> None:
        """Stop the boxes on site and carry what they wrote last to the cloud. Raises SetupError."""
        self.stack.release(Stage.EDGE)
        for upload in self._uploads:
            upload.child.start()
        for upload in self._uploads:
            if not upload.child.wait(UPLOAD_TIMEOUT_REAL_S) or upload.child.exit_code != 0:
                raise SetupError(f"{upload.name} was not handed over: {upload.last_words()} (log: {upload.child.log})")

    def close(self) -> None:
        """Stop everything, from above; the data is kept."""
        self.stack.stop()
        self._wires.close()


def _hash_of_migrations() -> str:
    """Changes with every file that could change the database."""
    spec = importlib.util.find_spec("cloud.migrations")
    folders = () if spec is None else spec.submodule_search_locations or ()
    files = sorted(file for folder in folders for file in Path(folder).rglob("*") if file.suffix in {".py", ".sql"})
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
