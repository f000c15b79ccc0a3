"""Who may connect as which station: the decision alone, over the values of one HTTP request.

Security profile 1 of OCPP 2.0.1 (A00.FR.204 on): HTTP Basic, and the user name is the station's id. No station is let
in that the configuration does not name, and none without a password.
"""

import hashlib
import hmac
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from websockets.exceptions import InvalidHeader
from websockets.headers import parse_authorization_basic

from shared.facilities import Facility, Station

KEY_BYTES = 20
"""An AuthorizationKey of OCPP 1.6 that was drawn at random."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """``reason`` is for our log. What the station is told does not say which half of its credentials was wrong."""

    status: HTTPStatus
    reason: str


def station_id_of(target: str) -> str:
    """The station id in a request's target: its path without the first slash, percent-decoded (part 4, 3.1.1)."""
    return unquote(urlsplit(target).path.removeprefix("/"))


def admit(facility: Facility | None, target: str, authorization: str | None) -> Station | Refusal:
    """The station that may connect, or why none may."""
    if facility is None:
        return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "this facility has no configuration yet")
    station_id = station_id_of(target)
    if authorization is None:
        return Refusal(HTTPStatus.UNAUTHORIZED, "no credentials; a station signs in with HTTP Basic")
    try:
        user, password = parse_authorization_basic(authorization)
    except InvalidHeader as error:
        return Refusal(HTTPStatus.UNAUTHORIZED, f"the Authorization header is not HTTP Basic: {error}")
    station = facility.station(station_id)
    if station is None:
        return Refusal(HTTPStatus.UNAUTHORIZED, "no station of this id is configured")
    if user != station_id:
        return Refusal(HTTPStatus.UNAUTHORIZED, "the user name is not the station id of the address")
    if not _password_fits(station, password):
        return Refusal(HTTPStatus.UNAUTHORIZED, "wrong password")
    return station


def _password_fits(station: Station, password: str) -> bool:
    # What is not UTF-8 was decoded to half surrogate pairs, and is turned back to the bytes that were sent.
    sent = password.encode(errors="surrogateescape")
    # OCPP 1.6 (whitepaper, AuthorizationKey): a key is handed out in hexadecimal, and its bytes are sent.
    meant = (sent, sent.hex().encode(), sent.hex().upper().encode()) if len(sent) == KEY_BYTES else (sent,)
    hashes = [hashlib.sha256(station.password_salt.encode() + one).hexdigest() for one in meant]
    return any(hmac.compare_digest(one, station.password_sha256.lower()) for one in hashes)
