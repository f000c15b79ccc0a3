"""What a session costs on site and what was paid for it. The price is ``shared.rating``'s, the same function that the
cloud charges by, over the same facts."""

from edge.rules.inputs import Due, PaymentOffered, PaymentResult, QuoteAsked
from edge.rules.own_time import FAST_MS
from edge.rules.state import LAG_UNKNOWN_MS, FacilityState, ParkingSession, TransactionState
from edge.rules.turn import Turn
from shared.clock import SECOND_MS
from shared.events import PaymentTaken, RunningCharge
from shared.facilities import Facility
from shared.ids import normalise_plate
from shared.rating import ChargingUse, NoTariff, Quote, Stay, rate
from shared.tariffs import Tariff


def charging_use(transaction: TransactionState, until_ms: int) -> ChargingUse:
    """A transaction as it is priced if it ends at an instant."""
    return ChargingUse(
        label=transaction.station_id,
        started_ms=transaction.started_ms,
        finished_ms=transaction.finished_ms or until_ms,
        ended_ms=max(until_ms, transaction.started_ms),
        energy_wh=transaction.readings.total(transaction.rating_w).energy_wh,
        covered=transaction.right is not None and transaction.right.covers_charging,
    )


def quote(
    facility: Facility,
    tariffs: tuple[Tariff, ...],
    session: ParkingSession,
    running: tuple[RunningCharge, ...],
    until_ms: int,
) -> Quote:
    """Price a session from its entry to ``until_ms``. Raises NoTariff when none is published for it."""
    stay = Stay(
        facility_id=facility.facility_id,
        zone=facility.zone,
        space_kind=session.space_kind,
        entered_ms=session.entered_ms,
        until_ms=max(until_ms, session.entered_ms),
        charging=(*session.charging, *(r.use for r in running)),
        covers_parking=session.right.covers_parking,
        covers_charging=session.right.covers_charging,
    )
    return rate(stay, tariffs)


def running_charges(state: FacilityState, session_id: str, until_ms: int) -> tuple[RunningCharge, ...]:
    """The transactions of a session that have not ended, as they would be priced now. ``until_ms``: by the clock of
    its entry."""
    session = state.sessions.get(session_id)
    stepped_ms = 0 if session is None else session.stepped_ms
    return tuple(
        RunningCharge(
            station_id=t.station_id,
            transaction_id=t.transaction_id,
            use=charging_use(t, _told_by(t, own_ms) if t.closing is None else min(own_ms, t.closing.ended_ms)),
        )
        for t in state.transactions.values()
        if t.session_id == session_id
        for own_ms in (until_ms + stepped_ms - sum(t.steps_ms),)
    )


def _told_by(transaction: TransactionState, own_ms: int) -> int:
    """Now, by the clock of a station that is behind: an idle time that began by it ends by it. ``own_ms``: by ours of
    the transaction's beginning."""
    behind_ms = transaction.lag_ms - sum(transaction.steps_ms)
    return own_ms - behind_ms if FAST_MS < behind_ms < LAG_UNKNOWN_MS // 2 else own_ms


def price_until_ms(session: ParkingSession, facility: Facility, now_ms: int) -> int:
    """Up to when a session is priced if it leaves now: the moment of paying while its grace lasts, else now. By the
    clock of its entry, whatever ours was moved by since: what is paid for is the time that passed."""
    now_ms -= session.stepped_ms
    paid_ms = session.paid_until_ms
    if paid_ms is not None and now_ms <= paid_ms + facility.paid_grace_s * SECOND_MS:
        return paid_ms
    return now_ms


def due(turn: Turn, given: QuoteAsked) -> Due:
    """Answer what a session costs now, found by its id or by the plate of the parked car."""
    facility = turn.knowledge.facility
    session_id = given.session_id or turn.state.session_of_plate.get(normalise_plate(given.plate or ""))
    session = turn.state.sessions.get(session_id or "")
    if session is None or facility is None:
        asked = given.session_id or given.plate or "nothing given"
        return Due(session_id=None, problem=f"no open session for {asked}")
    until_ms = price_until_ms(session, facility, turn.now_ms)
    running = running_charges(turn.state, session.session_id, until_ms)
    try:
        price = quote(facility, turn.knowledge.tariffs, session, running, until_ms)
    except NoTariff as error:
        return Due(session_id=session.session_id, problem=str(error))
    return Due(
        session_id=session.session_id,
        total_cents=price.total_cents,
        paid_cents=session.paid_cents,
        due_cents=max(0, price.total_cents - session.paid_cents),
        priced_until_ms=until_ms,
    )


def take(turn: Turn, given: PaymentOffered) -> PaymentResult:
    """Book money taken on site. The same reference again changes nothing and is accepted again."""
    session = turn.state.sessions.get(given.session_id)
    if session is None:
        return PaymentResult(accepted=False, problem=f"no open session {given.session_id}")
    if given.reference in session.payment_references:
        return PaymentResult(accepted=True)
    if given.amount_cents <= 0:
        return PaymentResult(accepted=False, problem=f"amount_cents must be above 0, got {given.amount_cents}")
    if not session.entered_ms <= given.priced_until_ms <= turn.now_ms - session.stepped_ms:
        return PaymentResult(accepted=False, problem="priced_until_ms must lie between the entry and now")
    turn.record(
        PaymentTaken(
            session_id=given.session_id,
            amount_cents=given.amount_cents,
            method=given.method,
            reference=given.reference,
            taken_by=given.taken_by,
            priced_until_ms=given.priced_until_ms,
        )
    )
    return PaymentResult(accepted=True)
