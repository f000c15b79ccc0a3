"""PostgreSQL refuses to run as root. This finds another account for it and a folder that account can reach.

Nothing of the machine is changed for that: no account is added, no folder's permissions are widened.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from provisioning.local.errors import SetupError
from provisioning.local.processes import Account

ROOTS_PLACE = Path("/var/lib/easypark")
_NOBODY = 65534


def account_below_root() -> Account | None:
    """The account for programs that refuse root: ``nobody``, or None when we are not root and need no other."""
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Account(uid=_NOBODY, gid=_NOBODY)
    return Account(uid=nobody.pw_uid, gid=nobody.pw_gid)


def can_run(account: Account, program: Path) -> bool:
    """Whether an account may execute a program, asked of the kernel (parents, mounts and access lists included)."""
    return _works(account, str(program), "--version")


def can_enter(account: Account, folder: Path) -> bool:
    """Whether an account may enter a folder."""
    return _works(account, "/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder))


def _works(account: Account, *command: str) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - the commands are ours
            command,
            user=account.uid,
            group=account.gid,
            extra_groups=(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except PermissionError:
        return False
    return done.returncode == 0


def reachable(folder: Path, account: Account | None) -> Path:
    """``folder``, or when the account cannot enter it (below a private home) one of ours in root's place for data.

    The stand-in's name follows from the folder's, so the next start finds it; ``forget`` removes it.
    Raises SetupError when neither can be made.
    """
    if account is None or can_enter(account, folder):
        return folder
    elsewhere = _elsewhere(folder)
    try:
        make_public(elsewhere)
    except OSError as error:
        raise SetupError(
            f"{folder} cannot be entered by the account that runs PostgreSQL and {elsewhere} cannot be made"
            f" ({error.strerror}): choose another folder with --state"
        ) from error
    if not can_enter(account, elsewhere):
        raise SetupError(
            f"neither {folder} nor {elsewhere} can be entered by the account that runs PostgreSQL:"
            " choose another folder with --state"
        )
    return elsewhere


def make_public(folder: Path) -> None:
    """Make a folder of ours in root's place that every account can enter, whatever our umask. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in (ROOTS_PLACE, folder):
        part.chmod(0o755)


def forget(folder: Path) -> None:
    """Remove what ``reachable`` made for a folder, if anything."""
    if os.geteuid() == 0:
        shutil.rmtree(_elsewhere(folder), ignore_errors=True)


def _elsewhere(folder: Path) -> Path:
    return ROOTS_PLACE / hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
