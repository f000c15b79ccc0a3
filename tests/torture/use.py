"""How much of the budget is used while all is calm, told from what stations draw and from a facility's log."""

from collections.abc import Collection, Iterable, Sequence
from statistics import mean

from edge.rules import facility as rules
from edge.rules.books import sites
from shared.clock import SECOND_MS
from shared.events import Entry
from shared.facilities import Facility


def used_pct(
    site: Facility, entries: Iterable[Entry], drawn: Sequence[tuple[int, float]], apart: Collection[str]
) -> dict[str, float]:
    """In per cent of the budget, on average over these instants: what the obeying draw (``drawn``: when and how many
    W), what is reserved for those that disobey, forget, refuse or are slow to answer (``apart``), both together, and
    all that is promised."""
    left, state = iter(sorted(entries, key=lambda e: e.seq)), rules.new_state("curve")
    upcoming, reserved_w, promised_w = next(left, None), list[int](), list[int]()
    for at_ms, _ in drawn:
        while upcoming is not None and upcoming.at_ms <= at_ms:
            rules.apply(state, upcoming)
            upcoming = next(left, None)
        rows = sites(state, site, at_ms)
        worst_w = {row.station_id: row.worst_w(at_ms, site.power.drift_s * SECOND_MS) for row in rows}
        awaited_w = {row.station_id: 0 if row.promises.fallback_w else row.share_w for row in rows if row.connected}
        promised_w.append(sum(worst_w.values()))
        reserved_w.append(sum(max(w, awaited_w.get(name, 0)) for name, w in worst_w.items() if name in apart))
    parts = {
        "drawn_by_the_obeying": mean(w for _, w in drawn),
        "reserved_for_the_others": mean(reserved_w),
        "promised": mean(promised_w),
    }
    parts["drawn_or_reserved"] = parts["drawn_by_the_obeying"] + parts["reserved_for_the_others"]
    return {name: round(100 * power_w / site.power.budget_w, 1) for name, power_w in parts.items()}
