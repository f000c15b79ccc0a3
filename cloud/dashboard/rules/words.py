"""Figures and ages as people read them. Numbers come without their unit where the page sets the unit beside them."""

from shared.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, to_local

DASH = "–"
"""For what is not known; a zero would be a claim."""


def age(ms: int) -> str:
    """``12 s ago``. What is a moment old, or ahead of us because clocks differ a little, is ``just now``."""
    if ms < SECOND_MS:
        return "just now"
    return f"{span(ms)} ago"


def span(ms: int) -> str:
    """A stretch of time in its largest unit, rounded down: ``12 s``, ``4 min``, ``3 h``, ``2 d``."""
    for unit_ms, unit in ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min")):
        if ms >= unit_ms:
            return f"{ms // unit_ms} {unit}"
    return f"{max(0, ms) // SECOND_MS} s"


def clock(at_ms: int, zone: str) -> str:
    """``09:41:07`` on the wall at a place."""
    return to_local(at_ms, zone).strftime("%H:%M:%S")


def minute(at_ms: int, zone: str) -> str:
    """``09:41`` on the wall at a place."""
    return to_local(at_ms, zone).strftime("%H:%M")


def moment(at_ms: int, zone: str, *, now_ms: int) -> str:
    """``09:41:07`` for today at that place, ``15 Sep 09:41`` for another day."""
    at, now = to_local(at_ms, zone), to_local(now_ms, zone)
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at.day} {at:%b %H:%M}"


def zone_name(at_ms: int, zone: str) -> str:
    """``EDT``: what people there call their time at that instant."""
    return to_local(at_ms, zone).strftime("%Z")


def day(at_ms: int, zone: str) -> str:
    """``Wednesday 16 September 2026``."""
    local = to_local(at_ms, zone)
    return f"{local:%A} {local.day} {local:%B %Y}"


def kw(watts: int | None) -> str:
    """Watts as kilowatts: whole ones from 10 kW up, with one decimal below, a dash for unknown."""
    if watts is None:
        return DASH
    return f"{watts / 1000:.1f}" if 0 < abs(watts) < 9_950 else f"{watts / 1000:.0f}"


def count(number: int, one: str, many: str) -> str:
    """``1 event``, ``1,204 events``."""
    return f"{number:,} {one if number == 1 else many}"
