"""PostgreSQL as our child: committed rows survive a kill, strangers are refused, failures are one line."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import psycopg
import pytest

from provisioning.local.accounts import account_below_root
from provisioning.local.errors import SetupError
from provisioning.local.postgres import Postgres
from provisioning.local.processes import Account

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    made = Postgres(tmp_path / "pg")
    yield made
    made.remove()


def test_committed_rows_survive_kills_and_a_stop(server: Postgres) -> None:
    server.start()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    for n, end in enumerate((server.kill, server.kill, server.stop)):
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("INSERT INTO kept VALUES (%s)", [n])
        end()
        assert not server.running
        server.start()
    with psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT n FROM kept ORDER BY n").fetchall() == [(0,), (1,), (2,)]


def test_the_address_stays_the_same_over_a_restart(server: Postgres) -> None:
    server.start()
    before = server.url()
    server.stop()
    server.start()
    assert server.url() == before


def test_it_keeps_checksums_speaks_utf8_and_hears_only_this_machine(postgres_server: Postgres) -> None:
    settings = "data_checksums", "server_encoding", "listen_addresses", "unix_socket_directories"
    with psycopg.connect(postgres_server.url("postgres")) as connection:
        found = [connection.execute(f"SHOW {name}").fetchone() for name in settings]
    assert found == [("on",), ("UTF8",), ("127.0.0.1",), ("",)]


@pytest.mark.parametrize("user", ["easypark", "postgres"])
def test_a_wrong_password_is_refused(postgres_server: Postgres, user: str) -> None:
    port = urlsplit(postgres_server.url()).port
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://{user}:wrong@127.0.0.1:{port}/postgres")


def test_the_password_file_is_for_its_owner_only(server: Postgres, tmp_path: Path) -> None:
    server.start()
    assert (tmp_path / "pg" / "password").stat().st_mode & 0o777 == 0o600


def test_a_taken_port_is_one_line(server: Postgres, tmp_path: Path, postgres_server: Postgres) -> None:
    taken = urlsplit(postgres_server.url()).port
    with pytest.raises(SetupError, match=f"port {taken} is taken by another program"):
        Postgres(tmp_path / "pg", port=taken).start()


def test_a_server_that_will_not_start_says_its_last_words_and_what_to_do(server: Postgres) -> None:
    server.start()
    with psycopg.connect(server.url()) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    server.stop()
    (Path(row[0]) / "postgresql.conf").write_text("nonsense = 1\n")
    with pytest.raises(SetupError, match=r"PostgreSQL does not start: .*FATAL.*postgres\.log.*--fresh") as caught:
        server.start()
    assert "\n" not in str(caught.value)


def test_a_password_file_that_was_changed_is_told_from_a_slow_start(server: Postgres, tmp_path: Path) -> None:
    server.start()
    server.stop()
    (tmp_path / "pg" / "password").write_text("another")
    began = time.monotonic()
    with pytest.raises(SetupError, match="is not the one that PostgreSQL's data was made with"):
        server.start()
    assert time.monotonic() - began < 10
    assert not server.running


def test_a_first_start_cut_short_leaves_nothing_half(server: Postgres, tmp_path: Path) -> None:
    draft = tmp_path / "pg" / "data.new"
    draft.mkdir(parents=True)
    (draft / "half").write_text("")
    server.start()
    assert not draft.exists() or os.geteuid() == 0  # as root its data may lie elsewhere, and the draft is no harm


def test_no_write_permission_is_one_line() -> None:
    with pytest.raises(SetupError, match=r"cannot keep PostgreSQL's data in /proc/self/pg.*--state"):
        Postgres(Path("/proc/self/pg")).start()


def test_a_folder_of_programs_is_a_setting(server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASYPARK_POSTGRES_BINARIES", str(tmp_path))
    with pytest.raises(SetupError, match=r"no program 'postgres' in .*EASYPARK_POSTGRES_BINARIES"):
        server.start()


@needs_root
def test_root_runs_it_as_nobody_and_its_data_is_nobodys(postgres_server: Postgres) -> None:
    account = account_below_root()
    assert account is not None
    assert account.uid != 0
    status = Path(f"/proc/{postgres_server.process.pid}/status").read_text()
    assert f"Uid:\t{account.uid}\t{account.uid}" in status
    with psycopg.connect(postgres_server.url("postgres")) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    assert Path(row[0]).stat().st_uid == account.uid
    assert Path(row[0]).stat().st_mode & 0o777 == 0o700


@needs_root
def test_root_widens_no_folder_for_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    server = Postgres(home / "state" / "pg")
    try:
        server.start()
        assert home.stat().st_mode & 0o777 == 0o700
    finally:
        server.remove()


@needs_root
def test_an_ordinary_user_runs_it_as_themselves() -> None:
    """Below pytest's own folder only root can go, so this has one of its own."""
    nobody = Account(65534, 65534)
    with TemporaryDirectory() as folder:
        os.chown(folder, nobody.uid, nobody.gid)

        def work() -> None:
            with Postgres(Path(folder) / "pg") as server, psycopg.connect(server.url()) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)

        assert _as(nobody, work) == 0


def _as(account: Account, work: Callable[[], None]) -> int:
    """Run a function in a child process of another account; its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
            work()
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals a child when its parent dies")
def test_it_shuts_down_when_its_supervisor_is_killed_and_starts_again_at_once(server: Postgres, tmp_path: Path) -> None:
    """The second supervisor may come while the first one's server still shuts down in the same folder."""
    code = (
        "import sys, time; from pathlib import Path; from provisioning.local.postgres import Postgres\n"
        "server = Postgres(Path(sys.argv[1])); server.start(); print('up', flush=True); time.sleep(60)"
    )
    first = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "pg")], stdout=subprocess.PIPE)
    assert first.stdout is not None
    assert first.stdout.readline() == b"up\n"
    first.send_signal(signal.SIGKILL)
    first.wait()
    first.stdout.close()
    server.start()
    with psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert "received fast shutdown request" in (tmp_path / "pg" / "postgres.log").read_text()
