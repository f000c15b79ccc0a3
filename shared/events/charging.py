"""Charging. A transaction is OCPP's: from authorised and plugged in to unplugged; keyed by station and its id."""

from typing import Any, Literal

from pydantic import Field

from shared.facilities import Frozen
from shared.ids import Id, StationId
from shared.rights import RightRef


class ChargingRefused(Frozen):
    """Someone may not charge, and why. ``status`` is what the station was told (AuthorizationStatusEnumType)."""

    type: Literal["ChargingRefused"] = "ChargingRefused"
    station_id: StationId
    evse_id: int | None
    id_token: str
    reason: str
    status: str = ""


class TransactionStarted(Frozen):
    """The first message of a transaction, and again its Started when that comes after others (``is_start``: it is).

    ``seq_no`` counts a station's messages (OCPP 2.0.1 E01.FR.07); None from one that numbers none. ``rating_w`` is the
    most the EVSE can give. ``evse_known`` False: the message named no EVSE. ``signed``: the register came with the
    meter's signature. ``told_at_ms``: what the station said, when its time cannot be.
    """

    type: Literal["TransactionStarted"] = "TransactionStarted"
    station_id: StationId
    evse_id: int
    transaction_id: str
    seq_no: int | None
    started_at_ms: int
    id_token: str = ""
    session_id: Id | None = None
    right: RightRef | None = None
    register_wh: int | None = None
    offline: bool = False
    is_start: bool = True
    evse_known: bool = True
    remote_start_id: int | None = None
    rating_w: int | None = None
    signed: bool = False
    told_at_ms: int | None = None


class TransactionNumbered(Frozen):
    """The name that we gave to a transaction whose station gives it none (OCPP 1.6), and the start that it names."""

    type: Literal["TransactionNumbered"] = "TransactionNumbered"
    station_id: StationId
    evse_id: int
    number: int
    started_at_ms: int
    register_wh: int | None = None
    id_token: str = ""


class TransactionAuthorized(Frozen):
    """The token came after the cable: who pays for a transaction that has already started."""

    type: Literal["TransactionAuthorized"] = "TransactionAuthorized"
    station_id: StationId
    evse_id: int
    transaction_id: str
    seq_no: int | None
    id_token: str
    session_id: Id
    right: RightRef | None = None


class EnergyMetered(Frozen):
    """A meter reading within a transaction, taken by the station at ``metered_at_ms``; power is the station's own
    figure or derived from the register. ``told_at_ms``: what the station said, when its time cannot be. ``offline``: it
    was taken while the station was away, so it says nothing of the power drawn now."""

    type: Literal["EnergyMetered"] = "EnergyMetered"
    station_id: StationId
    evse_id: int
    transaction_id: str
    seq_no: int | None
    metered_at_ms: int
    register_wh: int | None = None
    power_w: int | None = None
    soc_pct: int | None = None
    signed: bool = False
    told_at_ms: int | None = None
    offline: bool = False


class MeterKeySeen(Frozen):
    """The public key (DER SubjectPublicKeyInfo, hexadecimal) that an EVSE's meter was first seen to sign with. Nobody
    vouches for it: who has it changed at the station from the first day on is not found out by it."""

    type: Literal["MeterKeySeen"] = "MeterKeySeen"
    station_id: StationId
    evse_id: int
    key: str


class MeterSignatureJudged(Frozen):
    """What the meter's signatures of a transaction are worth so far; booked when that becomes worse, or more is signed.

    CONFIGURED_KEY: they fit the key that the facility's configuration names; FIRST_SEEN_KEY: the one that was first
    seen; UNVERIFIED: they cannot be checked here; BROKEN: they do not fit, or say something else than the station.
    ``begin_signed``: the register that the transaction began with is among what was signed.
    """

    type: Literal["MeterSignatureJudged"] = "MeterSignatureJudged"
    station_id: StationId
    evse_id: int
    transaction_id: str
    proof: Literal["CONFIGURED_KEY", "FIRST_SEEN_KEY", "UNVERIFIED", "BROKEN"]
    reason: str = ""
    begin_signed: bool = False


class MessageHeard(Frozen):
    """A numbered message of a transaction that changed nothing else: booked so that it is not taken for lost."""

    type: Literal["MessageHeard"] = "MessageHeard"
    station_id: StationId
    evse_id: int
    transaction_id: str
    seq_no: int
    told_at_ms: int


class ChargingStateChanged(Frozen):
    """``state`` is OCPP's ChargingStateEnumType: Charging, EVConnected, SuspendedEV, SuspendedEVSE, Idle."""

    type: Literal["ChargingStateChanged"] = "ChargingStateChanged"
    station_id: StationId
    evse_id: int
    transaction_id: str
    seq_no: int | None
    state: str
    changed_at_ms: int


class TransactionFlagged(Frozen):
    """Something about a transaction that a person may want to look at, booked once per kind.

    METER_BACKWARDS, METER_JUMPED, METER_ABSURD: a register that cannot be believed and is not billed. CLOCK_WRONG: the
    station's time was far off, so that of receipt counts. MESSAGES_MISSING: some will not come. END_LOST, SUPERSEDED:
    closed without its last message, at what was last heard of it. UNPAID: it goes on no parking session. RIGHT_ENDED:
    its right was taken away or its plate blocked meanwhile.
    """

    type: Literal["TransactionFlagged"] = "TransactionFlagged"
    station_id: StationId
    evse_id: int
    transaction_id: str
    flag: Literal[
        "METER_BACKWARDS",
        "METER_JUMPED",
        "METER_ABSURD",
        "CLOCK_WRONG",
        "MESSAGES_MISSING",
        "END_LOST",
        "SUPERSEDED",
        "UNPAID",
        "RIGHT_ENDED",
    ]
    details: dict[str, Any] = Field(default_factory=dict)


class TransactionClosing(Frozen):
    """The transaction is over, but messages of it are still expected; it is closed at ``close_at_ms`` at the latest.

    ``cause``: ENDED (its last message is here, earlier ones are not), LOST (the station no longer has it) or SUPERSEDED
    (another began on its EVSE). ``ended_at_ms`` is the end told, or the last that was heard of it.
    """

    type: Literal["TransactionClosing"] = "TransactionClosing"
    station_id: StationId
    evse_id: int
    transaction_id: str
    seq_no: int | None
    cause: Literal["ENDED", "LOST", "SUPERSEDED"]
    ended_at_ms: int
    close_at_ms: int
    reason: str = ""
    offline: bool = False


class TransactionResumed(Frozen):
    """It was taken for LOST and goes on: its station says so, or told of later charging."""

    type: Literal["TransactionResumed"] = "TransactionResumed"
    station_id: StationId
    evse_id: int
    transaction_id: str


class ChargingToken(Frozen):
    """A token to charge with; those of one group may stop each other's charging. ``group_id`` empty: no group."""

    id_token: str
    group_id: str = ""


class StandingChanged(Frozen):
    """What headquarters thinks of a parked car's customer came to be known, or changed: the tokens to charge with, and
    whether the plate is blocked."""

    type: Literal["StandingChanged"] = "StandingChanged"
    session_id: Id
    tokens: tuple[ChargingToken, ...] = ()
    blocked: bool = False


class TargetSet(Frozen):
    """The driver wants charging to stop at an energy or a state of charge; both None: no longer."""

    type: Literal["TargetSet"] = "TargetSet"
    station_id: StationId
    evse_id: int
    transaction_id: str
    energy_wh: int | None
    soc_pct: int | None
    by: str


class TargetReached(Frozen):
    type: Literal["TargetReached"] = "TargetReached"
    station_id: StationId
    evse_id: int
    transaction_id: str
    energy_wh: int
    soc_pct: int | None


class TransactionEnded(Frozen):
    """``finished_at_ms`` is when energy last flowed: idle time runs from there to ``ended_at_ms`` (unplugged).

    ``energy_method``: REGISTER, the believable increments of the meter's register; SIGNED, the same where the first and
    the last register, or all, came with the meter's signature and none was found broken (kept with the raw messages;
    ``signature_proof`` says what they are worth, as ``MeterSignatureJudged`` has it); NONE, fewer than two believable
    registers came, so no energy is billed. Readings of power are never billed: they are samples, not measures.
    ``flags`` are those of ``TransactionFlagged``.
    """

    type: Literal["TransactionEnded"] = "TransactionEnded"
    station_id: StationId
    evse_id: int
    transaction_id: str
    seq_no: int | None
    started_at_ms: int
    finished_at_ms: int
    ended_at_ms: int
    energy_wh: int
    session_id: Id | None = None
    right: RightRef | None = None
    reason: str = ""
    offline: bool = False
    energy_method: Literal["REGISTER", "SIGNED", "NONE"] = "REGISTER"
    signature_proof: Literal["NONE", "CONFIGURED_KEY", "FIRST_SEEN_KEY", "UNVERIFIED", "BROKEN"] = "NONE"
    flags: tuple[str, ...] = ()
