"""Money is integer cents; fractions of a cent live only inside rating, as ``Decimal``."""

from decimal import ROUND_HALF_UP, Decimal


def to_cents(amount: Decimal) -> int:
    """Round an amount in dollars to cents, half away from zero: the house's one rounding rule."""
    return int((amount * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def format_usd(amount_cents: int) -> str:
    """``-1234567`` as ``-$12,345.67``: always with cents, for people to read."""
    sign = "-" if amount_cents < 0 else ""
    return f"{sign}${abs(amount_cents) // 100:,}.{abs(amount_cents) % 100:02d}"
