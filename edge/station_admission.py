"""Who may connect as which station: the decision alone, over what is known of one connection.

The security profiles of OCPP 2.0.1 (A00) and of the 1.6 security whitepaper: 1 is HTTP Basic, where the user name is
the station's id (A00.FR.204 on), 2 the same over TLS, 3 TLS with a certificate of the station's own. A station is let
in with the profile that it is configured for or a higher one, so that it can be moved up while it runs and never falls
back. No station is let in that the configuration does not name, and none without a proof.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal
from urllib.parse import unquote

from websockets.exceptions import InvalidHeader
from websockets.headers import parse_authorization_basic

from edge.station_secrets import Key, StationSecrets
from shared.facilities import Facility, Station

REVOKED = "its certificate was revoked"
KEY_BYTES = 20
"""An AuthorizationKey of OCPP 1.6 that was drawn at random."""
Profile = Literal[1, 2, 3]


@dataclass(frozen=True, slots=True)
class Approach:
    """A request for a connection. ``certificate_name``: the common name in the certificate that the station showed and
    whose chain was checked; None when it showed none."""

    target: str
    authorization: str | None = None
    encrypted: bool = False
    certificate_name: str | None = None
    certificate_revoked: bool = False

    @property
    def profile(self) -> Profile:
        """The security profile that it was made with."""
        if not self.encrypted:
            return 1
        return 2 if self.certificate_name is None else 3


@dataclass(frozen=True, slots=True)
class Admitted:
    """``key`` is the one that the station's password fitted; None when it showed a certificate."""

    station: Station
    key: Key | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """``reason`` is for our log. What the station is told does not say which half of its credentials was wrong."""

    status: HTTPStatus
    reason: str


def station_id_of(target: str) -> str:
    """The station id in a request's target: the last part of its path, percent-decoded (part 4, 3.1.1). Stations put it
    behind whatever address they were given, with one slash too many or one at the end; none of that names anybody."""
    path = target.partition("#")[0].partition("?")[0]
    return unquote(path.rstrip("/").rpartition("/")[2])


def admit(facility: Facility | None, approach: Approach, secrets: StationSecrets) -> Admitted | Refusal:
    """The station that may connect, or why none may."""
    if facility is None:
        return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "this facility has no configuration yet")
    station_id = station_id_of(approach.target)
    station = facility.station(station_id)
    proof = _certified(station, approach) if approach.profile == 3 else _signed_in(station, approach, secrets)
    if isinstance(proof, Admitted) and approach.profile < proof.station.security_profile:
        wanted = proof.station.security_profile
        return Refusal(
            HTTPStatus.UNAUTHORIZED,
            f"it connects with security profile {approach.profile}, profile {wanted} is the least it may",
        )
    return proof


def _certified(station: Station | None, approach: Approach) -> Admitted | Refusal:
    """A00.FR.4xx: the certificate's common name is the station's id."""
    if station is None:
        return Refusal(HTTPStatus.UNAUTHORIZED, "no station of this id is configured")
    if approach.certificate_revoked:
        return Refusal(HTTPStatus.UNAUTHORIZED, REVOKED)
    if approach.certificate_name != station.station_id:
        return Refusal(HTTPStatus.UNAUTHORIZED, "the certificate's common name is not the station id of the address")
    return Admitted(station)


def _signed_in(station: Station | None, approach: Approach, secrets: StationSecrets) -> Admitted | Refusal:
    if approach.authorization is None:
        return Refusal(HTTPStatus.UNAUTHORIZED, "no credentials; a station signs in with HTTP Basic")
    try:
        user, password = parse_authorization_basic(approach.authorization)
    except InvalidHeader as error:
        return Refusal(HTTPStatus.UNAUTHORIZED, f"the Authorization header is not HTTP Basic: {error}")
    if station is None:
        return Refusal(HTTPStatus.UNAUTHORIZED, "no station of this id is configured")
    if user != station.station_id:
        return Refusal(HTTPStatus.UNAUTHORIZED, "the user name is not the station id of the address")
    key = _fitting(secrets.keys(station), password)
    return Refusal(HTTPStatus.UNAUTHORIZED, "wrong password") if key is None else Admitted(station, key)


def _fitting(keys: Sequence[Key], password: str) -> Key | None:
    # What is not UTF-8 was decoded to half surrogate pairs, and is turned back to the bytes that were sent.
    sent = password.encode(errors="surrogateescape")
    # OCPP 1.6 (whitepaper, AuthorizationKey): a key is handed out in hexadecimal, and its bytes are sent.
    meant = (sent, sent.hex().encode(), sent.hex().upper().encode()) if len(sent) == KEY_BYTES else (sent,)
    for key in keys:
        hashes = [hashlib.sha256(key.salt.encode() + one).hexdigest() for one in meant]
        if any(hmac.compare_digest(one, key.sha256.lower()) for one in hashes):
            return key
    return None
