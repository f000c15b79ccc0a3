"""The command line: what cannot be meant is refused with what is allowed, and start-up problems are one line."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cloud.auth import Role, read_token
from provisioning import cli


def failure(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo", "--speed", "0"], "must be above 0 and at most 1000, got 0"),
        (["demo", "--speed", "fast"], "--speed"),
        (["demo", "--for", "2"], "say a number and s, m, h or d, such as 2h; got '2'"),
        (["demo", "--for=-2h"], "must be above 0"),
        (["demo", "--port", "70000"], "must be from 1 to 65535, got 70000"),
        (["demo", "--sped", "2"], "unrecognised: --sped 2"),
        (["cloud", "everything"], "'everything'"),
        (["edge"], "--config"),
        ([], "COMMAND"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in failure(arguments, capsys)


@pytest.mark.parametrize(
    ("text", "ms"), [("90s", 90_000), ("30m", 1_800_000), ("2h", 7_200_000), ("1.5d", 129_600_000)]
)
def test_durations_are_numbers_with_a_unit(text: str, ms: int) -> None:
    assert cli._duration(text) == ms


def test_diagnostics_of_a_box_whose_daemon_does_not_run_say_what_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "edge.toml"
    config.write_text(
        'facility_id = "here"\ndata_dir = "data"\nbroker_url = "mqtt://here:secret-word@broker"\n'
        '[ocpp]\nport = 1\n[api]\nport = 2\ntoken_file = "tokens"\n'
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "facility.db").write_bytes(b"not a database" * 100)
    assert cli.main(["diagnostics", "--config", str(config), "--to", str(tmp_path / "usb")]) == 0
    with zipfile.ZipFile(capsys.readouterr().out.strip()) as bundle:
        parts = {name: bundle.read(name).decode() for name in bundle.namelist()}
    assert "file is not a database" in parts["store.json"]
    assert json.loads(parts["disk.json"])["files"] == {"facility.db": 1_400}
    assert "secret-word" not in "".join(parts.values())


def test_a_token_is_signed_with_the_clouds_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "s" * 40
    (tmp_path / "secret").write_text(f"{secret}\n")
    monkeypatch.setenv("EASYPARK_JWT_SECRET_FILE", str(tmp_path / "secret"))
    assert cli.main(["token", "--role", "manager", "--subject", "clerk-7"]) == 0
    caller = read_token(secret, capsys.readouterr().out.strip())
    assert (caller.subject, caller.role) == ("clerk-7", Role.MANAGER)


@pytest.mark.parametrize("file", [None, "/nowhere/secret"])
def test_a_token_without_a_secret_is_one_line(
    file: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("EASYPARK_JWT_SECRET_FILE", raising=False)
    if file:
        monkeypatch.setenv("EASYPARK_JWT_SECRET_FILE", file)
    assert cli.main(["token", "--role", "hq", "--subject", "x"]) == 2
    said = capsys.readouterr().err
    assert "EASYPARK_JWT_SECRET_FILE" in said
    assert said.count("\n") == 1


def test_what_the_stand_in_takes_is_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--webhook-url" in _help(["stripe-stand-in", "--help"])


def _help(arguments: list[str]) -> str:
    command = [sys.executable, "-m", "provisioning", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_asking_for_help_imports_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process pays for its own imports only: the cloud's cost more than a second on a small machine."""
    code = (
        "import sys; from provisioning import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "rooms = ('cloud', 'edge', 'hardware', 'fastapi', 'pydantic', 'psycopg')\n"
        "print([name for name in rooms if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo", "--state", "/proc/self/easypark"], "cannot write in /proc/self/easypark"),
        (["demo", "--for", "1m", "--summary", "/nowhere/s.json"], "cannot write /nowhere/s.json"),
    ],
)
def test_a_demo_that_cannot_begin_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
