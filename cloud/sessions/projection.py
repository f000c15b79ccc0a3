"""Events into session rows, in bulk: one statement per kind of row and batch, whatever the number of events.

Rows go to PostgreSQL as one JSON document, so the statements are constant. Every statement may run again with the same
events and leaves the same rows.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.link.readings import READING
from cloud.link.rules import Told
from cloud.sessions.rules import charging_changes
from shared.events import (
    Event,
    PaymentTaken,
    SitePowerSampled,
    VehicleEntered,
    VehicleExited,
)


def _with_rows(sql: str) -> TextClause:
    return text(sql).bindparams(bindparam("rows", type_=JSONB))


_ENTERED = _with_rows(
    """
    INSERT INTO sessions.parking_sessions
        (session_id, facility_id, plate, "right", customer_id, space_id, space_kind, is_ev, entered_ms)
    SELECT session_id, :facility_id, plate, "right", "right" ->> 'customer_id', space_id, space_kind, is_ev, at_ms
    FROM jsonb_to_recordset(:rows) AS r (session_id text, plate text, "right" jsonb, space_id text, space_kind text,
        is_ev boolean, at_ms bigint)
    ON CONFLICT (session_id) DO NOTHING
    """
)

_EXITED = _with_rows(
    """
    UPDATE sessions.parking_sessions AS s
    SET exited_ms = r.at_ms, priced_until_ms = r.priced_until_ms, quoted_cents = r.quoted_cents,
        tariff_versions = r.tariff_versions
    FROM jsonb_to_recordset(:rows) AS r (session_id text, at_ms bigint, priced_until_ms bigint, quoted_cents bigint,
        tariff_versions text[])
    WHERE s.session_id = r.session_id AND s.facility_id = :facility_id
    """
)

_PAID = _with_rows(
    """
    INSERT INTO sessions.site_payments
        (facility_id, log_id, seq, session_id, amount_cents, method, reference, taken_by, at_ms)
    SELECT :facility_id, :log_id, seq, session_id, amount_cents, method, reference, taken_by, at_ms
    FROM jsonb_to_recordset(:rows) AS r (seq bigint, session_id text, amount_cents bigint, method text,
        reference text, taken_by text, at_ms bigint)
    ON CONFLICT DO NOTHING
    """
)

_PAID_TOTALS = _with_rows(
    """
    UPDATE sessions.parking_sessions AS s SET paid_cents = p.paid_cents
    FROM (
        SELECT session_id, sum(amount_cents) AS paid_cents FROM sessions.site_payments
        WHERE session_id IN (SELECT session_id FROM jsonb_to_recordset(:rows) AS r (session_id text))
        GROUP BY session_id
    ) AS p
    WHERE s.session_id = p.session_id
    """
)

_SAMPLED = _with_rows(
    """
    INSERT INTO sessions.power_samples (facility_id, at_ms, log_id, seq, drawn_w, worst_case_w, budget_w)
    SELECT :facility_id, at_ms, :log_id, seq, drawn_w, worst_case_w, budget_w
    FROM jsonb_to_recordset(:rows) AS r (at_ms bigint, seq bigint, drawn_w bigint, worst_case_w bigint,
        budget_w bigint)
    ON CONFLICT DO NOTHING
    """
)

_CHARGED = _with_rows(
    """
    INSERT INTO sessions.charging_sessions AS c
        (facility_id, ended_log_id, station_id, transaction_id, evse_id, session_id, "right", started_ms,
        start_register_wh, finished_ms, ended_ms, ended_seq, energy_wh, energy_method, flags, state, state_ms,
        register_wh, register_ms, power_w, power_ms, soc_pct, soc_ms)
    SELECT :facility_id, CASE WHEN r.ended_seq IS NOT NULL THEN :log_id END, r.*
    FROM jsonb_to_recordset(:rows) AS r (station_id text, transaction_id text, evse_id integer, session_id text,
        "right" jsonb, started_ms bigint, start_register_wh bigint, finished_ms bigint, ended_ms bigint,
        ended_seq bigint, energy_wh bigint, energy_method text, flags text[], state text, state_ms bigint,
        register_wh bigint, register_ms bigint, power_w bigint, power_ms bigint, soc_pct integer, soc_ms bigint)
    ON CONFLICT (facility_id, station_id, transaction_id) DO UPDATE SET
        evse_id = excluded.evse_id,
        session_id = coalesce(excluded.session_id, c.session_id),
        "right" = coalesce(excluded."right", c."right"),
        started_ms = coalesce(excluded.started_ms, c.started_ms),
        start_register_wh = coalesce(c.start_register_wh, excluded.start_register_wh),
        finished_ms = excluded.finished_ms,
        ended_ms = excluded.ended_ms,
        ended_log_id = excluded.ended_log_id,
        ended_seq = excluded.ended_seq,
        energy_wh = excluded.energy_wh,
        energy_method = excluded.energy_method,
        flags = excluded.flags,
        state = CASE WHEN excluded.state_ms >= c.state_ms THEN excluded.state
            ELSE coalesce(c.state, excluded.state) END,
        state_ms = greatest(excluded.state_ms, c.state_ms),
        register_wh = CASE WHEN excluded.register_ms >= c.register_ms THEN excluded.register_wh
            ELSE coalesce(c.register_wh, excluded.register_wh) END,
        register_ms = greatest(excluded.register_ms, c.register_ms),
        power_w = CASE WHEN excluded.power_ms >= c.power_ms THEN excluded.power_w
            ELSE coalesce(c.power_w, excluded.power_w) END,
        power_ms = greatest(excluded.power_ms, c.power_ms),
        soc_pct = CASE WHEN excluded.soc_ms >= c.soc_ms THEN excluded.soc_pct
            ELSE coalesce(c.soc_pct, excluded.soc_pct) END,
        soc_ms = greatest(excluded.soc_ms, c.soc_ms)
    WHERE c.ended_ms IS NULL
    """
)
"""Ended is ended (OCPP 2.0.1 E: an ended transaction is immutable), so what comes for one later changes nothing."""


class UnknownSession(ValueError):  # noqa: N818 - says what is so
    """An exit or a payment for a stay whose entry never came: a hole in what the facility told."""


class SessionsProjection:
    """See ``cloud.link.ingest.Projection``."""

    name: Final = "sessions"
    types: Final = frozenset(
        {
            "VehicleEntered",
            "VehicleExited",
            "PaymentTaken",
            "TransactionStarted",
            "TransactionAuthorized",
            "EnergyMetered",
            "ChargingStateChanged",
            "TransactionEnded",
            "SitePowerSampled",
        }
    )

    async def __call__(self, conn: AsyncConnection, facility_id: str, log_id: str, told: Sequence[Told]) -> None:
        """Entries first, so that whoever enters and leaves within one batch has a row to close."""
        keys = {"facility_id": facility_id, "log_id": log_id}
        others = [t for t in told if t.type != READING]
        if entered := _rows(others, VehicleEntered):
            await conn.execute(_ENTERED, {**keys, "rows": entered})
        if paid := _rows(others, PaymentTaken):
            await conn.execute(_PAID, {**keys, "rows": paid})
            _all_found(paid, (await conn.execute(_PAID_TOTALS, {"rows": paid})).rowcount)
        if exited := _rows(others, VehicleExited):
            # Of two exits of one stay the last counts; PostgreSQL would take either.
            last = list({row["session_id"]: row for row in exited}.values())
            _all_found(last, (await conn.execute(_EXITED, {**keys, "rows": last})).rowcount)
        if sampled := _rows(others, SitePowerSampled):
            await conn.execute(_SAMPLED, {**keys, "rows": sampled})
        if charged := charging_changes((seq, event) for seq, _, _, event in told):
            await conn.execute(_CHARGED, {**keys, "rows": charged})


def _rows(told: Sequence[Told], kind: type[Event]) -> list[dict[str, Any]]:
    return [
        {**event.model_dump(mode="json"), "seq": seq, "at_ms": at_ms}
        for seq, at_ms, _, event in told
        if isinstance(event, kind)
    ]


def _all_found(rows: Sequence[dict[str, Any]], changed: int) -> None:
    session_ids = {row["session_id"] for row in rows}
    if changed < len(session_ids):
        raise UnknownSession(f"{len(session_ids) - changed} of the sessions {', '.join(sorted(session_ids)[:5])}")
