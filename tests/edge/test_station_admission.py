"""The law of the door: no unknown station, no wrong or missing password, no name but the station's own."""

import base64
import hashlib
from collections.abc import Callable
from http import HTTPStatus

import pytest

from edge.station_admission import Refusal, admit, station_id_of
from tests.edge.stations_kit import PASSWORD, basic, facility

FACILITY = facility("ac-1", "dc-1")


def test_a_station_with_its_password_is_let_in() -> None:
    assert admit(FACILITY, "/dc-1", basic("dc-1", PASSWORD)) == FACILITY.station("dc-1")


@pytest.mark.parametrize(
    ("target", "authorization", "reason"),
    [
        ("/dc-1", None, "no credentials"),
        ("/dc-1", "Bearer abc", "not HTTP Basic"),
        ("/dc-1", "Basic !!!", "not HTTP Basic"),
        ("/dc-1", "Basic " + base64.b64encode(b"no-colon").decode(), "not HTTP Basic"),
        ("/dc-9", basic("dc-9", PASSWORD), "no station of this id"),
        ("/", basic("", PASSWORD), "no station of this id"),
        ("/dc-1/", basic("dc-1/", PASSWORD), "no station of this id"),
        ("/dc-1", basic("ac-1", PASSWORD), "not the station id"),
        ("/dc-1", basic("dc-1", "wrong"), "wrong password"),
        ("/dc-1", basic("dc-1", ""), "wrong password"),
        ("/dc-1", "Basic " + base64.b64encode(b"dc-1:\xff\xfe").decode(), "wrong password"),
    ],
)
def test_anyone_else_is_refused_and_the_log_learns_why(target: str, authorization: str | None, reason: str) -> None:
    refusal = admit(FACILITY, target, authorization)
    assert isinstance(refusal, Refusal)
    assert refusal.status is HTTPStatus.UNAUTHORIZED
    assert reason in refusal.reason


def test_before_the_first_configuration_a_station_is_told_to_come_back() -> None:
    refusal = admit(None, "/dc-1", basic("dc-1", PASSWORD))
    assert isinstance(refusal, Refusal)
    assert refusal.status is HTTPStatus.SERVICE_UNAVAILABLE


@pytest.mark.parametrize(
    ("target", "station_id"), [("/dc-1", "dc-1"), ("/dc%2D1", "dc-1"), ("/dc-1?x=1", "dc-1"), ("/a/b", "a/b")]
)
def test_the_address_is_percent_decoded(target: str, station_id: str) -> None:
    assert station_id_of(target) == station_id


def test_a_password_need_not_be_text() -> None:
    password = b"\xff\x00\xfe"
    salted = hashlib.sha256(b"salt" + password).hexdigest()
    site = FACILITY.model_copy(
        update={
            "stations": (FACILITY.stations[0].model_copy(update={"password_salt": "salt", "password_sha256": salted}),)
        }
    )
    assert admit(site, "/ac-1", "Basic " + base64.b64encode(b"ac-1:" + password).decode()) == site.stations[0]


@pytest.mark.parametrize("written", [str.upper, str.lower])
def test_a_key_of_20_bytes_that_was_handed_out_in_hexadecimal_is_sent_as_its_bytes(
    written: Callable[[str], str],
) -> None:
    key = bytes(range(236, 256))
    salted = hashlib.sha256(b"salt" + written(key.hex()).encode()).hexdigest()
    changes = {"password_salt": "salt", "password_sha256": salted}
    site = FACILITY.model_copy(update={"stations": (FACILITY.stations[0].model_copy(update=changes),)})
    assert admit(site, "/ac-1", "Basic " + base64.b64encode(b"ac-1:" + key).decode()) == site.stations[0]
    assert isinstance(admit(site, "/ac-1", "Basic " + base64.b64encode(b"ac-1:" + key[:-1]).decode()), Refusal)
