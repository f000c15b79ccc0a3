"""The set-up: an old Python is told so in one line, and every other failure is one line too."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioning import bootstrap

ROOT = Path(bootstrap.__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "provisioning" / "requirements"


@pytest.mark.parametrize("minor", [6, 7, 8, 9, 10])
def test_an_old_python_can_read_the_file(minor: int) -> None:
    ast.parse(Path(bootstrap.__file__).read_text(), feature_version=(3, minor))


def old_pythons() -> Iterator[str]:
    for name in ("python3.6", "python3.7", "python3.8", "python3.9", "python3.10"):
        found = shutil.which(name)
        if found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0:
            yield found


@pytest.mark.skipif(not list(old_pythons()), reason="this machine has no Python older than 3.11")
def test_an_old_python_is_told_what_is_needed() -> None:
    for python in old_pythons():
        done = subprocess.run([python, bootstrap.__file__], capture_output=True, text=True, check=False)
        version = re.search(r"\d\.\d+$", python)
        assert version is not None
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert f"Python 3.11 or newer is needed (up to 3.14), this is {version[0]}" in done.stderr


def copied(folder: Path) -> Path:
    """The files that the set-up works with, in a place of their own."""
    (folder / "provisioning").mkdir()
    shutil.copy(bootstrap.__file__, folder / "provisioning" / "bootstrap.py")
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(REQUIREMENTS, folder / "provisioning" / "requirements")
    return folder


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return copied(tmp_path)


def set_up(clone: Path, kind: str = "runtime", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "provisioning/bootstrap.py", kind],
        cwd=clone,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that needs no packages, set up."""
    clone = copied(tmp_path_factory.mktemp("installed"))
    (clone / "provisioning" / "requirements" / "runtime.txt").write_text("")
    done = set_up(clone, PIP_NO_INDEX="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(" ... ")[0] for line in done.stdout.splitlines()] == [
        "Making .venv",
        "Installing 0 packages, checked by their hashes",
        "Linking the command easypark",
    ]
    return clone


def test_what_is_set_up_is_the_clone_itself_known_by_its_version(installed: Path) -> None:
    """The rooms are imported from where they lie; the daemon tells its version to headquarters."""
    code = (
        "import importlib.metadata as m, provisioning; print(m.version('easyparkplus'), list(provisioning.__path__)[0])"
    )
    done = subprocess.run(
        [installed / ".venv/bin/python", "-P", "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    assert done.stdout.split()[0].endswith(bootstrap.version())
    assert done.stdout.split()[1] == str(installed.resolve() / "provisioning")
    assert os.access(installed / ".venv/bin/easypark", os.X_OK)


def test_a_second_run_finds_its_stamp_and_does_nothing(installed: Path) -> None:
    done = set_up(installed)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_stamp_does_not_hold_when_what_it_stands_for_changed(installed: Path) -> None:
    requirements, project = installed / "provisioning/requirements/runtime.txt", installed / "pyproject.toml"
    changes = (
        lambda: requirements.write_text("# changed\n"),
        lambda: project.write_text(project.read_text().replace('version = "', 'version = "9.')),
        (installed / ".venv/bin/python").unlink,
    )
    for change in changes:
        change()
        again = set_up(installed, PIP_NO_INDEX="1")
        assert (again.returncode, again.stderr) == (0, "")
        assert "Linking the command easypark" in again.stdout


def test_no_index_reached_is_one_line(installed: Path) -> None:
    """An index that does not exist, by a name that never resolves (RFC 2606)."""
    requirements = installed / "provisioning/requirements/runtime.txt"
    kept = requirements.read_text()
    requirements.write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    try:
        done = set_up(
            installed,
            PIP_INDEX_URL="https://index.invalid/simple",
            PIP_EXTRA_INDEX_URL="",
            PIP_FIND_LINKS="",
            PIP_NO_CACHE_DIR="1",
            PIP_CONFIG_FILE=os.devnull,
        )
    finally:
        requirements.write_text(kept)
    assert done.returncode == 2
    assert done.stderr == (
        "easypark: the package index cannot be reached: check the network, or the index in your pip settings,"
        " and try again\n"
    )


def test_something_else_in_the_folders_place_is_one_line(clone: Path) -> None:
    (clone / ".venv").write_text("")
    done = set_up(clone)
    assert (done.returncode, done.stderr) == (2, f"easypark: {clone.resolve()}/.venv is not a folder: remove it\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_write_permission_is_one_line(clone: Path) -> None:
    clone.chmod(0o500)
    done = set_up(clone)
    clone.chmod(0o700)
    assert done.returncode == 2
    assert f"cannot set up {clone.resolve()}/.venv: Permission denied" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "no space is left"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "is not the one that was locked"),
        ("WARNING: Retrying after NewConnectionError\nERROR: Could not find a version", "index cannot be reached"),
        ("ERROR: Could not find a version that satisfies x==1 (from versions: none)", "index cannot be reached"),
        ("ERROR: something else", "it says 'something else'"),
    ],
)
def test_what_pip_says_is_told_in_one_line(said: str, meant: str) -> None:
    told = bootstrap.diagnosis(said)
    assert meant in told
    assert "\n" not in told


def pinned(file: Path) -> dict[str, tuple[str, frozenset[str]]]:
    """The version and hashes of each package of a requirements file."""
    found = {}
    for block in re.split(r"\n(?=\S)", file.read_text().strip()):
        head, *hashes = block.split("\\\n")
        name, version = head.split(";")[0].strip().split("==")
        found[name] = (version.strip(), frozenset(line.strip().removeprefix("--hash=") for line in hashes))
    return found


def locked() -> dict[str, tuple[str, frozenset[str]]]:
    """The same, as ``uv.lock`` has it."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    return {
        package["name"]: (
            package["version"],
            frozenset(
                file["hash"]
                for file in [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
            ),
        )
        for package in packages
        if package["name"] != "easyparkplus"
    }


def test_what_is_installed_for_development_is_what_is_locked() -> None:
    assert pinned(REQUIREMENTS / "dev.txt") == locked()


def test_what_is_installed_to_run_is_part_of_it_and_has_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[\[<>=~!]", each)[0] for each in project["dependencies"]}
    runtime = pinned(REQUIREMENTS / "runtime.txt")
    assert wanted <= set(runtime)
    assert runtime.items() <= locked().items()


def test_no_index_is_named_in_what_is_installed() -> None:
    assert not [line for file in REQUIREMENTS.iterdir() for line in file.read_text().splitlines() if "://" in line]
