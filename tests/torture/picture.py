"""The curve as a picture (SVG)."""

from collections.abc import Sequence
from pathlib import Path

from shared.clock import MINUTE_MS
from tests.torture.curve import Curve, Sample

_WIDTH, _HEIGHT, _LEFT = 1_000, 300, 60
_POINTS_MAX = 600


def draw(file: Path, curve: Curve) -> None:
    """Write what the stations would give over lived time, the budget, and what went wrong when. Raises OSError."""
    samples = curve.samples
    first_ms, last_ms = samples[0].at_ms, samples[-1].at_ms
    budget_w = curve.site.power.budget_w
    top_w = 1.05 * max(budget_w, *(s.total_w for s in samples))

    def x(at_ms: int) -> float:
        return _LEFT + (_WIDTH - _LEFT) * (at_ms - first_ms) / max(1, last_ms - first_ms)

    def y(power_w: float) -> float:
        return _HEIGHT * (1 - power_w / top_w)

    parts = [f'<path d="M{_LEFT} 0V{_HEIGHT}H{_WIDTH}" fill="none" stroke="#888"/>']
    for at_ms, colour in [(ms, "#d1242f") for ms in curve.kills_ms] + [(ms, "#9a6700") for ms in curve.weather_ms]:
        parts.append(f'<path d="M{x(at_ms):.1f} 0V{_HEIGHT}" stroke="{colour}" stroke-dasharray="2 3"/>')
    parts.append(f'<path d="M{_LEFT} {y(budget_w):.1f}H{_WIDTH}" stroke="#a00" stroke-dasharray="6 4"/>')
    thinned = _thinned(samples)
    for colour, line in (
        ("#aaa", [(s.at_ms, s.total_w) for s in thinned]),
        ("#1f6feb", [(s.at_ms, s.kept_w) for s in thinned]),
    ):
        path = " ".join(f"{x(at_ms):.1f} {y(power_w):.1f}" for at_ms, power_w in line)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}"/>')
    parts += [
        f'<text x="6" y="{y(budget_w) + 4:.1f}">{budget_w // 1000} kW</text>',
        f'<text x="30" y="{_HEIGHT}">0</text>',
    ]
    for minute in range(0, (last_ms - first_ms) // MINUTE_MS + 1, 5):
        parts.append(f'<text x="{x(first_ms + minute * MINUTE_MS):.1f}" y="{_HEIGHT + 16}">{minute} min</text>')
    parts.append(_legend())
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH + 10} {_HEIGHT + 50}" font-family="sans-serif"'
    )
    file.write_text(f'{head} font-size="12">\n' + "\n".join(parts) + "\n</svg>\n")


def _thinned(samples: Sequence[Sample]) -> list[Sample]:
    """So few that they can be drawn; of each stretch the one at which the most was kept."""
    step = max(1, len(samples) // _POINTS_MAX)
    return [max(samples[i : i + step], key=lambda s: s.kept_w) for i in range(0, len(samples), step)]


def _legend() -> str:
    told = (
        ("#1f6feb", "by stations that keep their word"),
        ("#aaa", "with the excess of the disobedient"),
        ("#a00", "budget"),
        ("#d1242f", "kill -9 of the daemon"),
        ("#9a6700", "bad network"),
    )
    parts, x = [], _LEFT
    for colour, text in told:
        parts.append(f'<text x="{x}" y="{_HEIGHT + 38}" fill="{colour}">{text}</text>')
        x += 7 * len(text) + 20
    return "\n".join(parts)
