"""Passwords that nobody chose: drawn at first start and kept in files that only the owner can read."""

import os
import secrets
from pathlib import Path


def secret(file: Path) -> str:
    """The secret kept in ``file`` (mode 0600); drawn and written when there is none yet."""
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        drawn = secrets.token_urlsafe(24)
        write_private(file, drawn)
        return drawn


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read, in one step: it is never there half or readable by others."""
    draft = file.with_name(f".{file.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as target:
        target.write(text)
    draft.replace(file)
