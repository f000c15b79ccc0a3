"""What a station tells of itself that no rule decides by: kept so that people can read it, replaced by what is newer.

A note has a kind and, within it, a key; the newest of a key counts. Version-neutral: each OCPP version says which notes
a message makes (``Handler.notes``), ``edge/station_book.py`` keeps them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

VARIABLE_ATTRIBUTE, VALUE = "variableAttribute", "value"
"""Where the body of a variable has its values: 2.0.1 in a list of attributes, 1.6 at once."""


class Kind(StrEnum):
    """What can be read back of a station."""

    BOOT = "boot"
    VARIABLE = "variable"
    REPORT = "report"
    MONITOR = "monitor"
    EVENT = "event"
    PROFILE = "profile"
    EXTERNAL_LIMIT = "external-limit"
    DISPLAY_MESSAGE = "display-message"
    CUSTOMER = "customer"
    SECURITY = "security"
    NEEDS = "needs"
    EV_SCHEDULE = "ev-schedule"
    SIGNED_VALUE = "signed-value"
    REGISTRATION = "registration"
    INVENTORY = "inventory"


KEPT_MAX: Mapping[Kind, int] = MappingProxyType(
    {
        Kind.BOOT: 1,
        Kind.VARIABLE: 10_000,
        Kind.REPORT: 20,
        Kind.MONITOR: 2_000,
        Kind.EVENT: 500,
        Kind.PROFILE: 500,
        Kind.EXTERNAL_LIMIT: 100,
        Kind.DISPLAY_MESSAGE: 200,
        Kind.CUSTOMER: 200,
        Kind.SECURITY: 200,
        Kind.NEEDS: 100,
        Kind.EV_SCHEDULE: 100,
        Kind.SIGNED_VALUE: 2_000,
        Kind.REGISTRATION: 1,
        Kind.INVENTORY: 1,
    }
)
"""How many of a kind are kept for one station; beyond it the oldest go."""


OURS = frozenset((Kind.REGISTRATION, Kind.INVENTORY))
"""What we noted of a station, not it of itself: it cannot push these out."""


@dataclass(frozen=True, slots=True)
class Note:
    """``body``: JSON as the station sent it."""

    kind: Kind
    key: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Revise:
    """A note that says more of what is known already: ``how`` makes its body of the one that is there ({}: none)."""

    kind: Kind
    key: str
    how: Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ForgetOne:
    """What the station says is no more: the note of a kind and key."""

    kind: Kind
    key: str


@dataclass(frozen=True, slots=True)
class Forget:
    """What the station says is no more: the notes of a kind whose key begins so."""

    kind: Kind
    prefix: str


@dataclass(frozen=True, slots=True)
class ForgetOthers:
    """A new list begins: the notes of a kind whose key does not begin so are of an older one."""

    kind: Kind
    prefix: str


Change = Note | Revise | ForgetOne | Forget | ForgetOthers
