"""Measured figures as plain data, and the table that shows them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


class BenchmarkError(Exception):
    """What was measured did not do its work, so its speed says nothing."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity of the product next to the same of the bare thing, measured in the same run."""

    name: str
    unit: str
    product: float
    bare: float
    against: str
    """What the bare thing is."""

    @property
    def ratio(self) -> float:
        """Product over bare. For times, less is better; for rates, more is."""
        return self.product / self.bare


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of all values do not exceed. Raises ValueError for none."""
    if not values:
        raise ValueError("no values were measured")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def percentiles_ms(name: str, product_s: Sequence[float], bare_s: Sequence[float], against: str) -> list[Figure]:
    """p50 and p99 of two series of durations, in milliseconds."""
    return [
        Figure(f"{name} p{p}", "ms", percentile(product_s, p) * 1_000, percentile(bare_s, p) * 1_000, against)
        for p in (50, 99)
    ]


def table(figures: Sequence[Figure]) -> str:
    """Aligned columns with a heading."""
    rows = [("", "product", "bare", "", "ratio", "bare is")]
    rows += [(f.name, _number(f.product), _number(f.bare), f.unit, f"{f.ratio:.2f}", f.against) for f in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(_aligned(row, widths)).rstrip() for row in rows)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    numbers = (1, 2, 4)
    return [
        text.rjust(width) if column in numbers else text.ljust(width)
        for column, (text, width) in enumerate(zip(row, widths, strict=True))
    ]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
