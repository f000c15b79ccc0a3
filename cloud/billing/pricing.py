"""From the cloud's session rows to what ``shared.rating`` prices, as the lane sees the same facts. Pure."""

from collections.abc import Collection, Sequence

from cloud.sessions.store import ChargingSession, ParkingSession
from shared.rating import ChargingUse, Stay


def stay_of(
    session: ParkingSession,
    charging: Sequence[ChargingSession],
    *,
    zone: str,
    until_ms: int,
    running: Collection[tuple[str, str]] = (),
) -> Stay:
    """A session as it is priced up to ``until_ms``. ``running`` names, by station and transaction id, what had not
    ended when that was settled; it is priced as far as it is known to have come."""
    return Stay(
        facility_id=session.facility_id,
        zone=zone,
        space_kind=session.space_kind,
        entered_ms=session.entered_ms,
        until_ms=max(until_ms, session.entered_ms),
        charging=tuple(
            _use(c, c.started_ms, until_ms if (c.station_id, c.transaction_id) in running else None)
            for c in charging
            if c.started_ms is not None
        ),
        covers_parking=session.right.covers_parking,
        covers_charging=session.right.covers_charging,
    )


def _use(charging: ChargingSession, started_ms: int, until_ms: int | None) -> ChargingUse:
    """``until_ms`` None: it has ended."""
    if until_ms is None and charging.ended_ms is not None:
        ended_ms, finished_ms = charging.ended_ms, charging.finished_ms or charging.ended_ms
    else:
        ended_ms = max(until_ms or started_ms, started_ms)
        finished_ms = min(charging.finished_ms or ended_ms, ended_ms)
    return ChargingUse(
        label=charging.station_id,
        started_ms=started_ms,
        finished_ms=finished_ms,
        ended_ms=ended_ms,
        energy_wh=charging.energy_wh or 0,
        covered=charging.right is not None and charging.right.covers_charging,
    )
