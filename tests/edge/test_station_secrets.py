"""Passwords given from here: both count until the new one is used, hashed in a file that only the daemon reads."""

import hashlib
import stat
from pathlib import Path

from edge.station_secrets import FILE_NAME, PASSWORD_BYTES, Key, StationSecrets
from shared.facilities import Station
from tests.edge.stations_kit import facility

STATION = facility("dc-1").stations[0]
CONFIGURED = Key(STATION.password_salt, STATION.password_sha256)


def fits(key: Key, password: str) -> bool:
    return hashlib.sha256(f"{key.salt}{password}".encode()).hexdigest() == key.sha256


def test_the_configured_password_counts_until_there_is_another() -> None:
    assert StationSecrets().keys(STATION) == (CONFIGURED,)


def test_a_new_password_counts_beside_the_old_until_it_is_used() -> None:
    secrets = StationSecrets()
    password = secrets.draw(STATION)
    assert len(password) == 2 * PASSWORD_BYTES
    old, new = secrets.keys(STATION)
    assert old == CONFIGURED
    assert fits(new, password)
    secrets.used(STATION, old)
    assert secrets.keys(STATION) == (old, new)
    secrets.used(STATION, new)
    assert secrets.keys(STATION) == (new,)


def test_a_refused_password_counts_no_more() -> None:
    secrets = StationSecrets()
    secrets.draw(STATION)
    secrets.withdraw(STATION)
    secrets.withdraw(STATION)
    assert secrets.keys(STATION) == (CONFIGURED,)


def test_of_many_that_were_never_answered_the_one_in_use_and_the_newest_count() -> None:
    secrets = StationSecrets()
    drawn = [secrets.draw(STATION) for _ in range(10)]
    keys = secrets.keys(STATION)
    assert keys[0] == CONFIGURED
    assert fits(keys[-1], drawn[-1])
    assert len(keys) == 4


def test_what_was_given_counts_after_a_restart_and_cannot_be_read_by_others(tmp_path: Path) -> None:
    password = StationSecrets(tmp_path).draw(STATION)
    assert fits(StationSecrets(tmp_path).keys(STATION)[-1], password)
    file = tmp_path / FILE_NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert password not in file.read_text()


def test_another_password_from_headquarters_takes_its_place() -> None:
    secrets = StationSecrets()
    secrets.draw(STATION)
    moved: Station = STATION.model_copy(update={"password_sha256": "ab" * 32})
    assert secrets.keys(moved) == (Key("pepper", "ab" * 32),)


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("{")
    assert StationSecrets(tmp_path).keys(STATION) == (CONFIGURED,)
    assert (tmp_path / FILE_NAME).with_suffix(".damaged").exists()
