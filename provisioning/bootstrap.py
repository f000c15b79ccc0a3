"""Makes ``.venv`` beside this project and puts into it what ``uv.lock`` says. Standard library only.

``python3 provisioning/bootstrap.py [runtime|dev]``: a second run finds its stamp and ends at once. This file is parsed
by whatever Python a machine has, so that an old one can say so: no syntax newer than Python 3.6.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

if not (3, 11) <= sys.version_info[:2] < (3, 15):
    sys.stderr.write(
        "easypark: Python 3.11 or newer is needed (up to 3.14), this is {}.{}: install one and name it, as in"
        " 'make demo PYTHON=python3.12'\n".format(*sys.version_info[:2])
    )
    sys.exit(2)

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "bootstrap.log"
COMMAND = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys
from provisioning.cli import main
sys.exit(main())
"""


class SetupError(Exception):
    """What keeps the set-up from being done, in one line that says how to mend it."""


def main() -> int:
    """Bring ``.venv`` up to date; the exit code."""
    kind = sys.argv[1] if len(sys.argv) > 1 else "runtime"
    if kind not in ("runtime", "dev"):
        print(f"easypark: choose runtime or dev, not {kind!r}", file=sys.stderr)
        return 2
    try:
        set_up(kind)
    except SetupError as error:
        print(f"easypark: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"easypark: cannot set up {VENV}: {error.strerror} ({error.filename}); make the folder writable for you"
            " or free some space",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("easypark: the set-up was interrupted; the same command goes on with it", file=sys.stderr)
        return 130
    return 0


def set_up(kind: str) -> None:
    """Install the packages of one kind (``dev`` holds those of ``runtime``) unless its stamp says they are there."""
    requirements = ROOT / "provisioning" / "requirements" / f"{kind}.txt"
    text = requirements.read_bytes()
    wanted = hashlib.sha256(b"\0".join([text, version().encode(), str(ROOT).encode()])).hexdigest()
    stamp = VENV / f"easypark-{kind}.stamp"
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    step("Making .venv", make_environment)
    count = len(re.findall(rb"^\S+==", text, flags=re.MULTILINE))
    step(f"Installing {count} packages, checked by their hashes", lambda: install(requirements))
    step("Linking the command easypark", link)
    stamp.write_text(wanted)


def step(what: str, do: Callable[[], None]) -> None:
    """Do one step under one line of progress that ends with its seconds."""
    print(f"{what} ... ", end="", flush=True)
    began = time.monotonic()
    try:
        do()
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - began:.1f} s", flush=True)


def make_environment() -> None:
    """Make ``.venv`` unless it is there and whole; one that was moved or lost its Python is made anew."""
    if PYTHON.exists() and runs(str(PYTHON), "-c", "import sys; sys.exit(sys.prefix == sys.base_prefix)"):
        return
    if VENV.exists() and not VENV.is_dir():
        raise SetupError(f"{VENV} is not a folder: remove it")
    with_pip = importlib.util.find_spec("ensurepip") is not None
    if not with_pip and importlib.util.find_spec("pip") is None:
        raise SetupError(
            "this Python has neither ensurepip nor pip: install them (on Debian and Ubuntu: apt-get install"
            " python3-venv), or name another Python, as in 'make demo PYTHON=python3.12'"
        )
    try:
        venv.EnvBuilder(clear=VENV.is_dir(), symlinks=True, with_pip=with_pip).create(VENV)
    except subprocess.CalledProcessError as error:
        raise SetupError(
            f"pip cannot be put into {VENV}: ensurepip ended with {error.returncode}; free some space"
        ) from error


def runs(*command: str) -> bool:
    """Whether a command can be run and ends well."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - ours
    except OSError:
        return False


def install(requirements: Path) -> None:
    """Install exactly these files' packages: nothing that is not named with its hash. Raises SetupError."""
    if runs(str(PYTHON), "-m", "pip", "--version"):
        pip = [str(PYTHON), "-m", "pip"]
    else:
        pip = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    command = [
        *pip,
        "install",
        "--require-hashes",
        "--no-deps",
        "--no-input",
        "--retries",
        "2",
        "-r",
        str(requirements),
    ]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    with LOG.open("w") as log:
        done = subprocess.run(command, env=environment, stdout=log, stderr=log, check=False)  # noqa: S603 - ours
    if done.returncode != 0:
        raise SetupError(diagnosis(LOG.read_text(errors="replace")))


def diagnosis(log: str) -> str:
    """What pip's complaint means and how to mend it, in one line."""
    if "No space left" in log:
        return f"no space is left for {VENV}: free about 400 MB"
    if "DO NOT MATCH THE HASHES" in log:
        return f"a package that was fetched is not the one that was locked: look at {LOG} and at your package index"
    if re.search(r"NewConnectionError|ConnectTimeout|ReadTimeout|NameResolution|ProxyError|from versions: none\)", log):
        return (
            "the package index cannot be reached: check the network, or the index in your pip settings, and try again"
        )
    errors = [line for line in log.splitlines() if line.startswith("ERROR:")]
    said = errors[-1][len("ERROR:") :].strip() if errors else "nothing"
    return f"pip cannot install the packages, it says '{said}': see {LOG}"


def link() -> None:
    """Make the project importable where it lies, known by its version, and its command runnable: what an editable
    installation does, without fetching a build tool."""
    packages = next((VENV / "lib").glob("python3*")) / "site-packages"
    (packages / "easyparkplus.pth").write_text(f"{ROOT}\n")
    for old in packages.glob("easyparkplus-*.dist-info"):
        shutil.rmtree(old)
    known_as = packages / f"easyparkplus-{version()}.dist-info"
    known_as.mkdir()
    (known_as / "METADATA").write_text(f"Metadata-Version: 2.1\nName: easyparkplus\nVersion: {version()}\n")
    command = VENV / "bin" / "easypark"
    command.write_text(COMMAND.format(python=PYTHON))
    command.chmod(0o755)


def version() -> str:
    """The project's own version. Raises SetupError."""
    found = re.search(r'^version = "([^"]+)"$', (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    if found is None:
        raise SetupError(f"{ROOT / 'pyproject.toml'} names no version: take it anew from the repository")
    return found.group(1)


if __name__ == "__main__":
    sys.exit(main())
