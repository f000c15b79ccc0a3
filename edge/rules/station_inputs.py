"""What is known of a station besides what it says: its own bounds, and what its meter's signatures are worth."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ListRoomTold:
    """How many tokens a station takes in one message of its local list, and how many in all; None: it does not say."""

    station_id: str
    per_message: int | None
    in_all: int | None


@dataclass(frozen=True, slots=True)
class SignatureChecked:
    """The signed registers of one message of a transaction were looked at. ``key`` is the public key that fits them,
    ``registers_wh`` what they say; UNVERIFIED: nothing can be said; BROKEN: they are not what was signed."""

    station_id: str
    transaction_id: str
    evse_id: int | None
    outcome: Literal["SOUND", "UNVERIFIED", "BROKEN"]
    reason: str = ""
    key: str = ""
    registers_wh: tuple[int, ...] = ()
