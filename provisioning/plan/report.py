"""What a replay came to, as a table and as a picture of the site's power over time."""

from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

from provisioning.local.errors import SetupError
from provisioning.plan.replay import PERIODS_AN_HOUR, Outcome, Site

_HEADINGS = ("policy", "energy %", "met %", "peak kW", "waited", "wait min", "paused", "pause min")
_WIDTH, _HEIGHT, _LEFT = 1_000, 300, 60
_COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df")


def table(outcomes: Mapping[str, Outcome]) -> str:
    """One line per policy. ``waited`` and ``paused`` count cars, the minutes beside are means over those."""
    rows = [_HEADINGS, *(_row(name, outcome) for name, outcome in outcomes.items())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADINGS))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )


def _row(name: str, outcome: Outcome) -> tuple[str, ...]:
    return (
        name,
        f"{outcome.delivered_pct:.2f}",
        f"{outcome.met_pct:.1f}",
        f"{outcome.peak_w / 1000:.1f}",
        *_cars_and_mean(outcome.waits_min),
        *_cars_and_mean(outcome.paused_min),
    )


def _cars_and_mean(minutes: tuple[int, ...]) -> tuple[str, str]:
    found = [x for x in minutes if x]
    return str(len(found)), f"{sum(found) / len(found):.0f}" if found else "0"


def write_plot(file: Path, outcomes: Mapping[str, Outcome], site: Site) -> None:
    """Write the site's power, day by day the highest of each hour, as a picture (SVG). Raises SetupError when it cannot
    be written."""
    top_w = max([site.budget_w, *(outcome.peak_w for outcome in outcomes.values())]) * 1.05
    parts = [_axes(next(iter(outcomes.values())), top_w)]
    budget_y = _y(site.budget_w, top_w)
    parts.append(f'<path d="M{_LEFT} {budget_y:.1f}H{_WIDTH}" stroke="#a00" stroke-dasharray="6 4"/>')
    parts.append(f'<text x="{_LEFT + 6}" y="{budget_y - 5:.1f}" fill="#a00">budget {site.budget_w / 1000:g} kW</text>')
    for place, (name, outcome) in enumerate(outcomes.items()):
        colour = _COLOURS[place % len(_COLOURS)]
        parts.append(f'<path d="{_line(outcome, top_w)}" fill="none" stroke="{colour}"/>')
        parts.append(f'<text x="{_LEFT + 120 * place}" y="{_HEIGHT + 38}" fill="{colour}">{escape(name)}</text>')
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH + 10} {_HEIGHT + 50}" font-family="sans-serif"'
    )
    try:
        file.write_text(f'{head} font-size="12">\n' + "\n".join(parts) + "\n</svg>\n")
    except OSError as error:
        raise SetupError(f"cannot write {file} ({error.strerror})") from error


def _axes(outcome: Outcome, top_w: float) -> str:
    days = len(outcome.drawn_w) / PERIODS_AN_HOUR / 24
    marks = [f'<path d="M{_LEFT} 0V{_HEIGHT}H{_WIDTH}" fill="none" stroke="#888"/>']
    for day in range(0, int(days) + 1, max(1, int(days / 10))):
        x = _LEFT + (_WIDTH - _LEFT) * day / max(days, 1)
        marks.append(f'<text x="{x:.1f}" y="{_HEIGHT + 16}">day {day}</text>')
    for share in (0.25, 0.5, 0.75, 1.0):
        y = _y(share * top_w, top_w)
        marks.append(f'<text x="{_LEFT - 6}" y="{y + 10:.1f}" text-anchor="end">{share * top_w / 1000:.0f} kW</text>')
    return "\n".join(marks)


def _line(outcome: Outcome, top_w: float) -> str:
    hours = range(0, len(outcome.drawn_w), PERIODS_AN_HOUR)
    highest_w = [max(outcome.drawn_w[i : i + PERIODS_AN_HOUR]) for i in hours]
    step = (_WIDTH - _LEFT) / max(1, len(highest_w) - 1)
    return "M" + " ".join(f"{_LEFT + i * step:.1f} {_y(w, top_w):.1f}" for i, w in enumerate(highest_w))


def _y(power_w: float, top_w: float) -> float:
    return _HEIGHT * (1 - power_w / top_w)
