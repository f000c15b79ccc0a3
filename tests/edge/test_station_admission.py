"""The law of the door: no unknown station, no wrong or missing password, no name but the station's own."""

import base64
import hashlib
from collections.abc import Callable
from http import HTTPStatus

import pytest

from edge.station_admission import Admitted, Approach, Refusal, admit, station_id_of
from edge.station_secrets import StationSecrets
from shared.facilities import Facility, Station
from tests.edge.stations_kit import PASSWORD, basic, facility

FACILITY = facility("ac-1", "dc-1")


def let_in(site: Facility, target: str, authorization: str) -> Station | None:
    verdict = admit(site, Approach(target, authorization), StationSecrets())
    return verdict.station if isinstance(verdict, Admitted) else None


def test_a_station_with_its_password_is_let_in() -> None:
    assert let_in(FACILITY, "/dc-1", basic("dc-1", PASSWORD)) == FACILITY.station("dc-1")


@pytest.mark.parametrize(
    ("target", "authorization", "reason"),
    [
        ("/dc-1", None, "no credentials"),
        ("/dc-1", "Bearer abc", "not HTTP Basic"),
        ("/dc-1", "Basic !!!", "not HTTP Basic"),
        ("/dc-1", "Basic " + base64.b64encode(b"no-colon").decode(), "not HTTP Basic"),
        ("/dc-9", basic("dc-9", PASSWORD), "no station of this id"),
        ("/", basic("", PASSWORD), "no station of this id"),
        ("//", basic("", PASSWORD), "no station of this id"),
        ("/dc-1/", basic("dc-1/", PASSWORD), "not the station id"),
        ("/dc-1/..", basic("..", PASSWORD), "no station of this id"),
        ("/ac-1%2Fdc-1", basic("dc-1", PASSWORD), "no station of this id"),
        ("/dc-1", basic("ac-1", PASSWORD), "not the station id"),
        ("/dc-1", basic("dc-1", "wrong"), "wrong password"),
        ("/dc-1", basic("dc-1", ""), "wrong password"),
        ("/dc-1", "Basic " + base64.b64encode(b"dc-1:\xff\xfe").decode(), "wrong password"),
    ],
)
def test_anyone_else_is_refused_and_the_log_learns_why(target: str, authorization: str | None, reason: str) -> None:
    refusal = admit(FACILITY, Approach(target, authorization), StationSecrets())
    assert isinstance(refusal, Refusal)
    assert refusal.status is HTTPStatus.UNAUTHORIZED
    assert reason in refusal.reason


def test_before_the_first_configuration_a_station_is_told_to_come_back() -> None:
    refusal = admit(None, Approach("/dc-1", basic("dc-1", PASSWORD)), StationSecrets())
    assert isinstance(refusal, Refusal)
    assert refusal.status is HTTPStatus.SERVICE_UNAVAILABLE


@pytest.mark.parametrize(
    "target",
    [
        "/dc-1",
        "/dc%2D1",
        "/dc-1?x=/ac-1",
        "/dc-1#/ac-1",
        "/dc-1/",
        "//dc-1",
        "/ocpp/dc-1",
        "/ocpp//1.6/dc-1",
        "ws://box:9310/dc-1",
    ],
)
def test_the_last_part_of_the_address_names_the_station(target: str) -> None:
    assert station_id_of(target) == "dc-1"
    assert let_in(FACILITY, target, basic("dc-1", PASSWORD)) == FACILITY.station("dc-1")


def test_a_password_need_not_be_text() -> None:
    password = b"\xff\x00\xfe"
    salted = hashlib.sha256(b"salt" + password).hexdigest()
    site = FACILITY.model_copy(
        update={
            "stations": (FACILITY.stations[0].model_copy(update={"password_salt": "salt", "password_sha256": salted}),)
        }
    )
    assert let_in(site, "/ac-1", "Basic " + base64.b64encode(b"ac-1:" + password).decode()) == site.stations[0]


@pytest.mark.parametrize("written", [str.upper, str.lower])
def test_a_key_of_20_bytes_that_was_handed_out_in_hexadecimal_is_sent_as_its_bytes(
    written: Callable[[str], str],
) -> None:
    key = bytes(range(236, 256))
    salted = hashlib.sha256(b"salt" + written(key.hex()).encode()).hexdigest()
    changes = {"password_salt": "salt", "password_sha256": salted}
    site = FACILITY.model_copy(update={"stations": (FACILITY.stations[0].model_copy(update=changes),)})
    assert let_in(site, "/ac-1", "Basic " + base64.b64encode(b"ac-1:" + key).decode()) == site.stations[0]
    assert let_in(site, "/ac-1", "Basic " + base64.b64encode(b"ac-1:" + key[:-1]).decode()) is None


@pytest.mark.parametrize(
    ("least", "approach", "admitted"),
    [
        (1, Approach("/dc-1", basic("dc-1", PASSWORD)), True),
        (1, Approach("/dc-1", basic("dc-1", PASSWORD), encrypted=True), True),
        (2, Approach("/dc-1", basic("dc-1", PASSWORD)), False),
        (2, Approach("/dc-1", basic("dc-1", PASSWORD), encrypted=True), True),
        (2, Approach("/dc-1", None, encrypted=True, certificate_name="dc-1"), True),
        (3, Approach("/dc-1", basic("dc-1", PASSWORD), encrypted=True), False),
        (3, Approach("/dc-1", None, encrypted=True, certificate_name="dc-1"), True),
        (3, Approach("/dc-1", basic("dc-1", PASSWORD), encrypted=True, certificate_name="ac-1"), False),
        (1, Approach("/dc-1", basic("dc-1", PASSWORD), encrypted=True, certificate_name=""), False),
        (1, Approach("/dc-9", None, encrypted=True, certificate_name="dc-9"), False),
    ],
)
def test_a_station_comes_in_with_its_security_profile_or_a_higher_one(
    least: int, approach: Approach, *, admitted: bool
) -> None:
    station = FACILITY.stations[1].model_copy(update={"security_profile": least})
    site = FACILITY.model_copy(update={"stations": (station,)})
    assert isinstance(admit(site, approach, StationSecrets()), Admitted if admitted else Refusal)


def test_a_password_given_from_here_is_taken_beside_the_configured_one_until_it_is_used() -> None:
    secrets = StationSecrets()
    station = FACILITY.stations[1]
    fresh = secrets.draw(station)
    assert isinstance(admit(FACILITY, Approach("/dc-1", basic("dc-1", PASSWORD)), secrets), Admitted)
    found = admit(FACILITY, Approach("/dc-1", basic("dc-1", fresh)), secrets)
    assert isinstance(found, Admitted)
    assert found.key is not None
    secrets.used(station, found.key)
    assert isinstance(admit(FACILITY, Approach("/dc-1", basic("dc-1", PASSWORD)), secrets), Refusal)
