"""What a meter's signatures are worth: whose key they fit, and what that says of a charge's energy (J01.FR.21).

A key is configured, or else the first one that an EVSE was seen to sign with; no other counts. A transaction is worth
as much as the worst of its signatures. One that is broken raises an alert, and its charge is not said to be signed: it
goes by the register, as the station tells it.
"""

from typing import Literal, get_args

from edge.rules import station_reports
from edge.rules.inputs import SecurityReported
from edge.rules.reckoning import Sum
from edge.rules.state import FacilityState, SignatureState, TransactionState, evse_key, transaction_key
from edge.rules.station_inputs import SignatureChecked
from edge.rules.turn import Turn
from shared.events import MeterKeySeen, MeterSignatureJudged
from shared.facilities import Evse

Proof = Literal["NONE", "CONFIGURED_KEY", "FIRST_SEEN_KEY", "UNVERIFIED", "BROKEN"]
_WORSE: tuple[Proof, ...] = get_args(Proof)
ALERT = "MeterSignatureBroken"
REASON_MAX = 200
AGREES_WITHIN_WH = 10
"""A register that a station writes in kWh with two decimals may be so far from the meter's own."""


def checked(turn: Turn, given: SignatureChecked) -> None:
    """Book what is news of a transaction's signatures. It comes before the message that it is of."""
    key = transaction_key(given.station_id, given.transaction_id)
    if key in turn.state.ended:
        return
    running = turn.state.transactions.get(key)
    evse_id = given.evse_id or (running.evse_id if running is not None else _only_evse(turn, given.station_id))
    known = turn.state.signatures.get(key, SignatureState("NONE"))
    found, reason = _judged(turn, given, evse_id)
    begin_signed = known.begin_signed or (running is not None and _begins(running, given, found))
    worse = _WORSE.index(found) > _WORSE.index(_proof(known))
    if not worse and begin_signed == known.begin_signed:
        return
    turn.record(
        MeterSignatureJudged(
            station_id=given.station_id,
            evse_id=evse_id or 1,
            transaction_id=given.transaction_id,
            proof=found if worse else _proof(known),
            reason=reason[:REASON_MAX],
            begin_signed=begin_signed,
        )
    )
    if worse and found == "BROKEN":
        info = f"transaction {given.transaction_id}, EVSE {evse_id}: {reason}"[:REASON_MAX]
        alert = SecurityReported(given.station_id, ALERT, turn.now_ms, critical=True, info=info)
        station_reports.security(turn, alert)


def _judged(turn: Turn, given: SignatureChecked, evse_id: int | None) -> tuple[Proof, str]:
    if given.outcome != "SOUND":
        return given.outcome, given.reason
    if evse_id is None:
        return "UNVERIFIED", "nobody knows yet of which EVSE it is"
    evse = next((x for x in _evses(turn, given.station_id) if x.evse_id == evse_id), None)
    if evse is None:
        return "UNVERIFIED", "the station has no such EVSE"
    if evse.meter_public_key:
        fits = evse.meter_public_key == given.key
        return ("CONFIGURED_KEY", "") if fits else ("BROKEN", "it is not signed with the key that is configured")
    first = turn.state.meter_keys.get(evse_key(given.station_id, evse_id))
    if first is None:
        turn.record(MeterKeySeen(station_id=given.station_id, evse_id=evse_id, key=given.key))
    if first not in (None, given.key):
        return "BROKEN", "it is not signed with the key that was first seen"
    return "FIRST_SEEN_KEY", ""


def _only_evse(turn: Turn, station_id: str) -> int | None:
    evses = _evses(turn, station_id)
    return evses[0].evse_id if len(evses) == 1 else None


def _evses(turn: Turn, station_id: str) -> tuple[Evse, ...]:
    facility = turn.knowledge.facility
    station = facility.station(station_id) if facility is not None else None
    return station.evses if station is not None else ()


def seen_keys(state: FacilityState, station_id: str) -> tuple[str, ...]:
    """The keys that a station's meters were first seen to sign with."""
    return tuple(key for place, key in state.meter_keys.items() if place.rsplit("/", 1)[0] == station_id)


def _begins(running: TransactionState, given: SignatureChecked, worth: Proof) -> bool:
    """Whether the register that a transaction began with is among what was signed: one text often holds both ends."""
    first = running.readings.total(running.rating_w).first
    return first is not None and worth != "BROKEN" and any(agree(wh, first.register_wh) for wh in given.registers_wh)


def agree(signed_wh: int, told_wh: int) -> bool:
    """Whether a signed register is the one that a station tells."""
    return abs(signed_wh - told_wh) <= AGREES_WITHIN_WH


def _proof(known: SignatureState) -> Proof:
    return next(x for x in _WORSE if x == known.proof)


def worth(state: FacilityState, running: TransactionState, found: Sum) -> tuple[Proof, bool]:
    """What the signatures of a transaction are worth, and whether they stand for its energy: for every register, or for
    the first and the last, of which it is the difference. Never with one that is broken."""
    known = state.signatures.get(transaction_key(running.station_id, running.transaction_id), SignatureState("NONE"))
    both_ends = found.doubts == 0 and (found.first_signed or known.begin_signed) and found.last_signed
    return _proof(known), known.proof != "BROKEN" and (found.all_signed or both_ends)
