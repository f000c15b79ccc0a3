"""Instants as stations write them and as they want them written."""

from datetime import UTC, datetime

from shared.clock import from_datetime, to_utc


def instant(text: object, otherwise_ms: int) -> int:
    """The instant that a station wrote, in ms; UTC when it names no zone. An unreadable one is ``otherwise_ms``: a
    message that says what was delivered is worth more than the time in it."""
    if not isinstance(text, str):
        return otherwise_ms
    try:
        moment = datetime.fromisoformat(text.strip().upper())
        return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return otherwise_ms


def written(at_ms: int) -> str:
    """An instant in the form of the specification: RFC 3339, UTC, milliseconds."""
    return to_utc(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
