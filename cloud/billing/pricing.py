"""From the cloud's session rows to what ``shared.rating`` prices, as the lane sees the same facts. Pure."""

from collections.abc import Collection, Sequence
from contextlib import suppress

from cloud.sessions.store import ChargingSession, ParkingSession
from shared.events import RunningCharge
from shared.rating import ChargingUse, NoTariff, Quote, Stay, rate
from shared.tariffs import Tariff


def stay_of(
    session: ParkingSession,
    charging: Sequence[ChargingSession],
    running: Sequence[RunningCharge],
    *,
    zone: str,
    until_ms: int,
) -> Stay:
    """A session as it is priced up to ``until_ms``: the transactions that had ended, and those that were ``running`` as
    far as they were known when the car was let out, whatever is known of them by now."""
    apart = {(r.station_id, r.transaction_id) for r in running}
    ended = [c for c in charging if (c.station_id, c.transaction_id) not in apart]
    return Stay(
        facility_id=session.facility_id,
        zone=zone,
        space_kind=session.space_kind,
        entered_ms=session.entered_ms,
        until_ms=max(until_ms, session.entered_ms),
        charging=(*(use for c in ended if (use := _use(c)) is not None), *(r.use for r in running)),
        covers_parking=session.right.covers_parking,
        covers_charging=session.right.covers_charging,
    )


def rate_as_quoted(stay: Stay, tariffs: tuple[Tariff, ...], versions: Collection[str]) -> Quote:
    """Price a stay by the tariffs that the lane quoted with, named like ``boston-parking/3``.

    A facility that was cut off prices by what it had heard, and the driver pays what the lane showed, whatever was
    published meanwhile. By all tariffs when those named are not here, or are not what they were: a restore can lose a
    price list whose name is then used again. Raises NoTariff when there is no price at all.
    """
    named = tuple(t for t in tariffs if f"{t.tariff_id}/{t.version}" in versions)
    if len(named) == len(set(versions)):
        with suppress(NoTariff):
            return rate(stay, named)
    return rate(stay, tariffs)


def _use(charging: ChargingSession) -> ChargingUse | None:
    if charging.started_ms is None or charging.ended_ms is None:
        return None
    return ChargingUse(
        label=charging.station_id,
        started_ms=charging.started_ms,
        finished_ms=charging.finished_ms or charging.ended_ms,
        ended_ms=charging.ended_ms,
        energy_wh=charging.energy_wh or 0,
        covered=charging.right is not None and charging.right.covers_charging,
    )
