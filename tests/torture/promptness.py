"""How soon limits follow what happens, told from a facility's log."""

from collections.abc import Iterable
from statistics import quantiles

from shared.events import Entry

_TIDINGS = ("TransactionStarted", "TransactionEnded", "StationConnected", "StationBooted")


def limits_after_s(entries: Iterable[Entry], stations: Iterable[str]) -> dict[str, tuple[float, float]]:
    """For each kind of tidings of these stations: lived seconds until the next limit of the site was answered with
    Accepted, the median and the 9th decile. Tidings that ask for no limit (more tidings came first) do not count."""
    among, since_ms, found = set(stations), dict[str, int](), dict[str, list[float]]()
    for written in entries:
        if written.type in _TIDINGS and written.body["station_id"] in among:
            since_ms = {written.type: written.at_ms}
        elif written.type == "LimitAnswered" and written.body["outcome"] == "ACCEPTED":
            for kind, at_ms in since_ms.items():
                found.setdefault(kind, []).append((written.at_ms - at_ms) / 1_000)
            since_ms = {}
    parted = {kind: quantiles(spans_s, n=10) for kind, spans_s in found.items() if len(spans_s) > 1}
    return {kind: (round(parts[4], 2), round(parts[8], 2)) for kind, parts in parted.items()}
