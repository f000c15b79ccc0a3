"""Who may ask the edge's API: bearer tokens, known by their SHA-256 only, because the cloud may be away for days."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from edge.config import ConfigError

_LINE = "'<sha256 of the token, 64 hex digits> <device, attendant or manager> <name, optional>'"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Role(StrEnum):
    DEVICE = "device"
    ATTENDANT = "attendant"
    MANAGER = "manager"


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who holds a token. ``name`` goes on record with what they do, such as money taken."""

    role: Role
    name: str


def bearer_of(token: str, bearers: Mapping[str, Bearer]) -> Bearer | None:
    """Who holds this token, or None. Looked up by its hash, so that timing tells nothing about the tokens."""
    return bearers.get(hashlib.sha256(token.encode()).hexdigest())


def read_bearers(path: Path) -> dict[str, Bearer]:
    """The tokens' hashes and who holds them; empty lines and lines that begin with # say nothing.

    Raises ConfigError with the line's number and what is allowed.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"api.token_file {path} cannot be read ({error}): each of its lines is {_LINE}") from error
    bearers: dict[str, Bearer] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            digest, bearer = _parse(line, f"{path} line {number}")
            bearers[digest] = bearer
    return bearers


def _parse(line: str, where: str) -> tuple[str, Bearer]:
    digest, _, rest = line.strip().partition(" ")
    role, _, name = rest.strip().partition(" ")
    if not _SHA256.fullmatch(digest) or role not in tuple(Role):
        raise ConfigError(f"{where} is not {_LINE}")
    return digest, Bearer(Role(role), name.strip() or role)
