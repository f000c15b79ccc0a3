"""The passwords that stations were given from here, hashed, in a file of their own that only the daemon reads.

A station's configured password counts until a new one is given. From then on both count, because nobody can know when
the station takes the new one up, until it first signs in with that. When headquarters configures another password, what
was given here counts no more.
"""

import hashlib
import json
import logging
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.facilities import Station

FILE_NAME = "station-keys.json"
PASSWORD_BYTES = 20
"""Handed out as 40 hexadecimal digits: the longest password of OCPP 2.0.1 and the longest key of 1.6."""
_PENDING_MAX = 4
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    """A password that cannot be read back: ``sha256`` is of the salt and the password."""

    salt: str
    sha256: str


@dataclass(frozen=True, slots=True)
class _Given:
    """``keys`` are all that count, the newest last; ``instead_of`` is the hash that was configured meanwhile."""

    instead_of: str
    keys: tuple[Key, ...]


class StationSecrets:
    """One file, or memory alone without a folder. What changes it raises OSError when the file cannot be written, and
    then nothing has changed."""

    def __init__(self, folder: Path | None = None) -> None:
        self._path = None if folder is None else folder / FILE_NAME
        self._given: dict[str, _Given] = {} if self._path is None else _read(self._path)

    def keys(self, station: Station) -> tuple[Key, ...]:
        """Every password that a station may sign in with now."""
        given = self._given.get(station.station_id)
        if given is None or given.instead_of != station.password_sha256:
            return (Key(station.password_salt, station.password_sha256),)
        return given.keys

    def draw(self, station: Station) -> str:
        """A new password, which counts from now on beside what counted before. This is the only time it can be read."""
        password, salt = secrets.token_hex(PASSWORD_BYTES), secrets.token_hex(PASSWORD_BYTES)
        key = Key(salt, hashlib.sha256(f"{salt}{password}".encode()).hexdigest())
        before = self.keys(station)
        self._put(station, (*before[:1], *before[1:][2 - _PENDING_MAX :], key))
        return password

    def withdraw(self, station: Station) -> None:
        """The station refused the newest password."""
        if len(keys := self.keys(station)) > 1:
            self._put(station, keys[:-1])

    def used(self, station: Station, key: Key) -> None:
        """A station signed in. With the newest password: no other counts any more."""
        keys = self.keys(station)
        if len(keys) > 1 and key == keys[-1]:
            self._put(station, (key,))

    def _put(self, station: Station, keys: tuple[Key, ...]) -> None:
        changed = {**self._given, station.station_id: _Given(station.password_sha256, keys)}
        if self._path is not None:
            _write(self._path, changed)
        self._given = changed


def _read(path: Path) -> dict[str, _Given]:
    """What the file holds. One that cannot be understood is set aside: the configured passwords count again."""
    try:
        table = json.loads(path.read_text())
        return {
            name: _Given(str(given["instead_of"]), tuple(Key(str(k["salt"]), str(k["sha256"])) for k in given["keys"]))
            for name, given in table.items()
        }
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        aside = path.with_suffix(".damaged")
        text = "%s is damaged (%s): set aside as %s; stations whose password was renewed must be given it anew"
        _log.error(text, path, error, aside.name)
        path.replace(aside)
        return {}


def _write(path: Path, given: dict[str, _Given]) -> None:
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({name: asdict(x) for name, x in given.items()}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
