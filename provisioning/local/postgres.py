"""PostgreSQL as our child: a small supervisor over the programs ``initdb`` and ``postgres``.

It listens on 127.0.0.1 only, asks for a password drawn at first start (SCRAM), and keeps checksums over its pages. What
it keeps lies in one folder: ``data/``, ``password``, ``port``, ``postgres.log``. A managed PostgreSQL takes its place
by one address; nothing else in the system knows this class.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from provisioning.local.accounts import account_below_root, forget, reachable
from provisioning.local.binaries import postgres_binaries
from provisioning.local.errors import SetupError
from provisioning.local.ports import HOST, is_free, remembered_port
from provisioning.local.private import secret, write_private
from provisioning.local.processes import Child, Manners

USER = "easypark"
DATABASE = "easypark"
_START_TIMEOUT_REAL_S = 60.0
_POLL_REAL_S = 0.02
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    "password_encryption": "scram-sha-256",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}
# The sorting and case rules of Unicode built into PostgreSQL, the same on every system, unlike those of its C library.
_INITDB = (
    "--auth=scram-sha-256",
    "--data-checksums",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    f"--username={USER}",
)


class WrongPasswordError(SetupError):
    """The data was made with another password than the one that lies beside it."""


class Postgres:
    """One PostgreSQL server kept in ``folder``. ``with Postgres(folder) as server: server.url()``.

    ``start`` may be called again after ``stop`` and after ``kill``: the data stays. When we are root it runs as another
    account, whose data lies elsewhere if that account cannot enter ``folder``.
    """

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        """``port`` None: one that is free, the same one again when it still is."""
        self._folder = folder
        self._wanted_port = port
        self._account = account_below_root()
        self._child: Child | None = None
        self._port = 0

    def start(self) -> None:
        """Start it, wait until it takes connections, and make the database. Raises SetupError."""
        self.spawn()
        self.wait_until_ready()

    def spawn(self) -> None:
        """Start it without waiting; sets the folder up at first. Raises SetupError."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            data = reachable(self._folder, self._account) / "data"
            self._port = self._choose_port()
            password = secret(self._folder / "password")
            binaries = postgres_binaries(self._account)
            if not (data / "PG_VERSION").exists():
                self._create(data, binaries, password)
        except OSError as error:
            raise SetupError(
                f"cannot keep PostgreSQL's data in {self._folder} ({error.strerror}): free space or make it writable,"
                " or choose another folder with --state"
            ) from error
        settings = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": str(self._port)}.items()]
        self._child = Child(
            [str(binaries / "postgres"), "-D", str(data), *settings],
            log=self._folder / "postgres.log",
            manners=Manners(stop_signal=signal.SIGINT, stop_timeout_real_s=30.0, account=self._account),
        )
        self._child.start()

    def wait_until_ready(self, timeout_real_s: float = _START_TIMEOUT_REAL_S) -> None:
        """Wait until it answers a query (recovery after a crash included). Raises SetupError with its last log line."""
        give_up = time.monotonic() + timeout_real_s
        while not self._answers():
            child = self.process
            if not child.running and _is_leaving(child.words()) and time.monotonic() < give_up:
                child.start()
            elif not child.running or time.monotonic() >= give_up:
                self.stop()
                raise SetupError(
                    f"PostgreSQL does not start: {child.last_words() or 'it says nothing'} (log: {child.log});"
                    " mend that, or start over with --fresh, which loses the data"
                )
            time.sleep(_POLL_REAL_S)

    def _answers(self) -> bool:
        """Whether it takes a connection and has our database by now."""
        try:
            self.create_database(DATABASE)
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                self.stop()
                raise WrongPasswordError(
                    f"the password in {self._folder / 'password'} is not the one that PostgreSQL's data was made with:"
                    " put the right file back, or start over with --fresh, which loses the data"
                ) from error
            return False
        return True

    def stop(self) -> None:
        """Disconnect everybody and shut down cleanly (PostgreSQL's "fast" mode)."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """``kill -9``: what a power cut does. What was committed is there after the next start."""
        if self._child is not None:
            self._child.kill()

    def remove(self) -> None:
        """Stop, and remove all that it keeps, wherever it lies."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
        forget(self._folder)

    @property
    def data(self) -> Path:
        """The folder of its data, for ``postgres -D``. Raises SetupError."""
        return reachable(self._folder, self._account) / "data"

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    @property
    def process(self) -> Child:
        """Its process. Raises RuntimeError before the first start."""
        if self._child is None:
            raise RuntimeError("spawn() comes first")
        return self._child

    def url(self, database: str = DATABASE) -> str:
        """``postgresql://user:password@127.0.0.1:port/database``. Holds the password: never log it."""
        password = quote(secret(self._folder / "password"), safe="")
        return f"postgresql://{USER}:{password}@{HOST}:{self._port}/{database}"

    def create_database(self, name: str) -> None:
        """Make an empty database unless there is one of that name. Raises psycopg.OperationalError when not running."""
        with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=5) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if known is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _choose_port(self) -> int:
        if self._wanted_port is None:
            return remembered_port(self._folder / "port")
        if not is_free(self._wanted_port):
            raise SetupError(f"port {self._wanted_port} is taken by another program: choose another for PostgreSQL")
        return self._wanted_port

    def _create(self, data: Path, binaries: Path, password: str) -> None:
        """``initdb`` into a draft that becomes ``data`` when it is whole, so a start cut short leaves nothing half."""
        draft = data.with_name("data.new")
        password_file = data.with_name("password.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        write_private(password_file, password)
        if self._account is not None:
            os.chown(draft, self._account.uid, self._account.gid)
            os.chown(password_file, self._account.uid, self._account.gid)
        try:
            _run_initdb(Manners(account=self._account), binaries, draft, password_file)
        finally:
            password_file.unlink()
        draft.rename(data)


def _run_initdb(manners: Manners, binaries: Path, data: Path, password_file: Path) -> None:
    account = manners.account
    done = subprocess.run(  # noqa: S603 - the command is ours
        [str(binaries / "initdb"), "-D", str(data), f"--pwfile={password_file}", *_INITDB],
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else (),
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (
            [line for line in done.stderr.splitlines() if "error:" in line] or done.stderr.splitlines() or ["nothing"]
        )
        raise SetupError(
            f"PostgreSQL's data cannot be set up in {data.parent}: initdb says '{said[0].strip()}';"
            " free space or make the folder writable, or choose another one with --state"
        )


def _is_leaving(words: str) -> bool:
    """Whether a server of an earlier, killed supervisor is still shutting down in the same folder. Its own last lines
    come into the same log, after those of the one that could not start."""
    return "Is another postmaster" in words or "pre-existing shared memory block" in words
