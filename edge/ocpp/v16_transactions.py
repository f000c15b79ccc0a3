"""OCPP 1.6, from the station: what it tells of its transactions, its meters and its connectors (4.7 to 4.10).

1.6 neither numbers messages nor names transactions: what a start or a connector tells goes to the rules without a name,
and the rules give it one (``edge/rules/naming.py``).
"""

from ocpp.v16.enums import ReadingContext

from edge.ocpp import metering
from edge.ocpp.moments import instant
from edge.ocpp.rpc import Payload
from edge.ocpp.v16_words import (
    CHARGING_STATES,
    CONNECTOR_STATUSES,
    STOPPED_REASONS,
    has_signed_register,
    meter_values,
)
from edge.ocpp.version import Request
from edge.rules.inputs import ConnectorReported, Input, MeterReported, TransactionReported
from shared.clock import MINUTE_MS

OFFLINE_MS = MINUTE_MS
"""A transaction message that comes this long after what it tells was kept while the link was down; 1.6 does not say."""
UNNAMED = ""


def status(asked: Request) -> tuple[Input, ...]:
    """4.9. What a connector says is all that 1.6 tells of a charging car: SuspendedEV starts its idle time."""
    told, evse_id = asked.payload, asked.payload["connectorId"]
    seen = ConnectorReported(asked.station_id, evse_id, min(evse_id, 1), CONNECTOR_STATUSES[told["status"]])
    state = CHARGING_STATES.get(told["status"])
    if evse_id == 0 or state is None:
        return (seen,)
    at_ms = instant(told.get("timestamp"), asked.received_at_ms)
    running = TransactionReported(
        asked.station_id, UNNAMED, "Updated", None, at_ms, evse_id=evse_id, charging_state=state
    )
    return (seen, running)


def started(asked: Request) -> tuple[Input, ...]:
    """4.8. From here on energy is offered."""
    told = asked.payload
    at_ms = instant(told["timestamp"], asked.received_at_ms)
    return (
        TransactionReported(
            station_id=asked.station_id,
            transaction_id=UNNAMED,
            kind="Started",
            seq_no=None,
            at_ms=at_ms,
            evse_id=told["connectorId"] or None,
            id_token=told["idTag"],
            offline=_late(asked, at_ms),
            charging_state=CHARGING_STATES["Charging"],
            register_wh=_register_wh(told["meterStart"]),
            matches=asked.matches,
        ),
    )


def stopped(asked: Request) -> tuple[Input, ...]:
    """4.10. The stop is booked whatever it says, for a transaction that was never heard of too. Its tag is whose who
    stopped it, not whose who pays. The data it brings may hold the beginning, which an unknown
    transaction lacks otherwise."""
    told, data = asked.payload, asked.payload.get("transactionData", ())
    at_ms = instant(told["timestamp"], asked.received_at_ms)
    reading = metering.read(meter_values(data), received_at_ms=at_ms, context=ReadingContext.transaction_end)
    reason = told.get("reason", "Local")
    ended = TransactionReported(
        station_id=asked.station_id,
        transaction_id=str(told["transactionId"]),
        kind="Ended",
        seq_no=None,
        at_ms=at_ms,
        offline=_late(asked, at_ms),
        register_wh=_register_wh(told["meterStop"]),
        soc_pct=reading.soc_pct,
        stopped_reason=STOPPED_REASONS.get(reason, reason),
        signed=has_signed_register(x for x in data if not _of_beginning(x)),
        matches=asked.matches,
        stopped_by=told.get("idTag"),
    )
    return (*_kept_readings(asked, at_ms), ended)


def _of_beginning(one: Payload) -> bool:
    return any(x.get("context") == ReadingContext.transaction_begin for x in one["sampledValue"])


def _kept_readings(asked: Request, ended_at_ms: int) -> tuple[TransactionReported, ...]:
    """What the register said at the beginning, where a stop's data tells it; and what it said last before the stop,
    when ``meterStop`` is the nought of a station that has lost it."""
    told = asked.payload
    readings = [
        (metering.read(meter_values([one]), received_at_ms=ended_at_ms), has_signed_register([one]))
        for one in told.get("transactionData", ())
    ]
    known = sorted((x for x in readings if x[0].register_wh is not None and x[0].at_ms < ended_at_ms), key=_taken_ms)
    wanted = known[:1] if told["meterStop"] > 0 else known[:1] + known[1:][-1:]
    return tuple(
        TransactionReported(
            station_id=asked.station_id,
            transaction_id=str(told["transactionId"]),
            kind="Updated",
            seq_no=None,
            at_ms=reading.at_ms,
            offline=_late(asked, reading.at_ms),
            register_wh=reading.register_wh,
            signed=signed,
        )
        for reading, signed in wanted
    )


def _taken_ms(told: tuple[metering.Reading, bool]) -> int:
    return told[0].at_ms


def metered(asked: Request) -> tuple[Input, ...]:
    """4.7. Connector 0 is the station's own meter: it is no reading of any car. A transaction id that is not positive
    is how some stations write that there is none."""
    told, evse_id = asked.payload, asked.payload["connectorId"]
    reading = metering.read(meter_values(told["meterValue"]), received_at_ms=asked.received_at_ms)
    number = told.get("transactionId", 0)
    if reading.empty or (evse_id == 0 and number <= 0):
        return ()
    if number <= 0:
        values = (reading.register_wh, reading.power_w, reading.soc_pct)
        return (MeterReported(asked.station_id, evse_id, reading.at_ms, *values),)
    return (
        TransactionReported(
            station_id=asked.station_id,
            transaction_id=str(number),
            kind="Updated",
            seq_no=None,
            at_ms=reading.at_ms,
            evse_id=evse_id or None,
            offline=_late(asked, reading.at_ms),
            register_wh=reading.register_wh,
            power_w=reading.power_w,
            soc_pct=reading.soc_pct,
            signed=has_signed_register(told["meterValue"]),
        ),
    )


def _late(asked: Request, at_ms: int) -> bool:
    return asked.received_at_ms - at_ms > OFFLINE_MS


def _register_wh(told_wh: float) -> int | None:
    return round(told_wh) if 0 <= told_wh <= metering.VALUE_MAX else None
