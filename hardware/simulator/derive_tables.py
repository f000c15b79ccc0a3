"""Derives ``tables.json`` from real data: ``python -m hardware.simulator.derive_tables DATA_FOLDER``.

**EV drivers** come from one month of one garage (ACN-Data, Caltech, March 2019): the share of arrivals per hour, and
stays with energies. The two belong together (who stays 30 minutes takes no 40 kWh), so energies are kept as quantiles
within five bands of stay. Sessions over two days are left out: a car left plugged in over a holiday.

**Regular cars** come from counters of 30 car parks (Birmingham, 2016), read about every 30 minutes between 08:00 and
16:30. A counter shows only the *net* flow: a car that comes and another that goes between two readings are invisible.

- Rows below 0 or over the capacity are left out, as real counters drift.
- Arrivals per weekday and hour are the rises between readings, a lower bound of the true arrivals. Those before 08:00
  are the first reading less what stands there overnight, taken as the park's mean first reading on its quietest
  weekday; all of them are booked on the hour from 07:00.
- Stays are found by matching rises with falls within a car park and day. Whoever matches first in, first out gets
  the most equal stays that the counts allow (``stay_min_fifo``); last in, first out gets the most unequal ones
  (``stay_min_lifo``). The truth lies between. Cars still there at the last reading are left out: when they left
  is not known.

What no reading shows (evenings, nights, stays shorter than the readings) is not in the tables; ``population.py``
assumes it and says so.
"""

import csv
import gzip
import json
import sys
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

TABLES = Path(__file__).with_name("tables.json")
EV_FILE = "acn_caltech_2019-03_sessions.csv"
REGULAR_FILE = "birmingham_car_parks_2016.csv.gz"
EV_ZONE = ZoneInfo("America/Los_Angeles")
EV_ORIGIN = datetime(2019, 3, 1, tzinfo=EV_ZONE).astimezone(UTC)
STAY_MAX_MIN = 2 * 24 * 60
QUANTILES = 20
BANDS = 5
HOURS = 24
DAYS = 7
WORKDAYS = 5

SOURCES = [
    {
        "data": "ACN-Data, Caltech garage, March 2019 (event queue of caltech-netlab/acnportal-experiments)",
        "licence": "BSD-3-Clause",
        "credit": "Z. Lee, T. Li, S. Low: ACN-Data: Analysis and Applications of an Open EV Charging Dataset, 2019",
    },
    {
        "data": "Parking Birmingham, UCI Machine Learning Repository, 2016",
        "licence": "UK Open Government Licence",
        "credit": "Birmingham City Council; D. Stolfi, E. Alba, X. Yao: Predicting Car Park Occupancy Rates, 2017",
    },
]

Reading = tuple[datetime, int]


def quantiles(weighted: Iterable[tuple[float, float]], digits: int) -> list[float]:
    """The minimum, the inner quantiles and the maximum of (value, weight) pairs: ``QUANTILES + 1`` numbers.

    Raises ValueError when there are no values.
    """
    ordered = sorted(weighted)
    if not ordered:
        raise ValueError("quantiles of no values")
    total = sum(weight for _, weight in ordered)
    result: list[float] = []
    passed = 0.0
    for value, weight in ordered:
        passed += weight
        while len(result) <= QUANTILES and passed > total * len(result) / QUANTILES + 1e-9:
            result.append(round(value, digits))
    return result + [round(ordered[-1][0], digits)] * (QUANTILES + 1 - len(result))


def shares(counts: Sequence[float]) -> list[float]:
    """Counts as shares of their sum."""
    total = sum(counts)
    return [round(count / total, 5) for count in counts]


def ev_tables(folder: Path) -> dict[str, Any]:
    """Arrivals, stays and energies of EV drivers. Raises OSError when the file is not there."""
    with (folder / EV_FILE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    arrivals = {"workday": [0.0] * HOURS, "weekend": [0.0] * HOURS}
    sessions: list[tuple[float, float]] = []
    for row in rows:
        arrival, departure = int(row["arrival_period_5min"]), int(row["departure_period_5min"])
        local = (EV_ORIGIN + timedelta(minutes=5 * arrival)).astimezone(EV_ZONE)
        arrivals["workday" if local.weekday() < WORKDAYS else "weekend"][local.hour] += 1
        stay_min = 5.0 * (departure - arrival)
        if stay_min <= STAY_MAX_MIN:
            sessions.append((stay_min, float(row["energy_kwh"])))
    sessions.sort()
    size = len(sessions) / BANDS
    bands = [sessions[round(i * size) : round((i + 1) * size)] for i in range(BANDS)]
    return {
        "arrivals": {name: shares(counts) for name, counts in arrivals.items()},
        "bands": [
            {
                "stay_min": quantiles(((stay, 1.0) for stay, _ in band), 0),
                "energy_kwh": quantiles(((energy, 1.0) for _, energy in band), 2),
            }
            for band in bands
        ],
    }


def car_park_days(folder: Path) -> Iterator[tuple[str, date, list[Reading]]]:
    """The clean readings of each car park and day, in order. Raises OSError when the file is not there."""
    days: dict[tuple[str, date], set[Reading]] = defaultdict(set)
    with gzip.open(folder / REGULAR_FILE, "rt", newline="") as file:
        for row in csv.DictReader(file):
            occupancy = int(row["Occupancy"])
            if 0 <= occupancy <= int(row["Capacity"]):
                at = datetime.fromisoformat(row["LastUpdated"])
                days[row["SystemCodeNumber"], at.date()].add((at, occupancy))
    for (park, day), readings in sorted(days.items()):
        yield park, day, sorted(readings)


def changes(readings: Sequence[Reading]) -> Iterator[tuple[datetime, int]]:
    """Net change between neighbouring readings, placed halfway between them."""
    for (before, held), (after, holds) in pairwise(readings):
        yield before + (after - before) / 2, holds - held


def stays(readings: Sequence[Reading], *, last_first: bool) -> Iterator[tuple[float, float]]:
    """Match each fall with the earliest (or latest) rise still inside: (minutes, cars)."""
    inside: deque[tuple[datetime, int]] = deque()
    for at, change in changes(readings):
        if change > 0:
            inside.append((at, change))
        leaving = -change
        while leaving > 0 and inside:
            arrived, cars = inside.pop() if last_first else inside.popleft()
            leave = min(leaving, cars)
            yield (at - arrived).total_seconds() / 60, float(leave)
            leaving -= leave
            if cars > leave:
                (inside.append if last_first else inside.appendleft)((arrived, cars - leave))


def early_arrivals(firsts: dict[str, dict[int, list[int]]]) -> list[float]:
    """Cars per weekday that came before the first reading, over all parks; ``firsts`` are first readings per park
    and weekday."""
    early = [0.0] * DAYS
    for by_day in firsts.values():
        means = {day: sum(values) / len(values) for day, values in by_day.items()}
        overnight = min(means.values())
        for day, values in by_day.items():
            early[day] += sum(max(0.0, value - overnight) for value in values)
    return early


def regular_tables(folder: Path) -> dict[str, Any]:
    """Arrivals per weekday and hour and two bounds of the stays. Raises OSError when the file is not there."""
    arrivals = [[0.0] * HOURS for _ in range(DAYS)]
    firsts: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    dates: list[set[date]] = [set() for _ in range(DAYS)]
    fifo: list[tuple[float, float]] = []
    lifo: list[tuple[float, float]] = []
    for park, day, readings in car_park_days(folder):
        weekday = day.weekday()
        dates[weekday].add(day)
        firsts[park][weekday].append(readings[0][1])
        for at, change in changes(readings):
            arrivals[weekday][at.hour] += max(0, change)
        fifo += stays(readings, last_first=False)
        lifo += stays(readings, last_first=True)
    for weekday, cars in enumerate(early_arrivals(firsts)):
        arrivals[weekday][7] += cars
    per_day = [sum(hours) / len(dates[weekday]) for weekday, hours in enumerate(arrivals)]
    workday = sum(per_day[:WORKDAYS]) / WORKDAYS
    return {
        "arrivals": [shares(hours) for hours in arrivals],
        "volume": [round(cars / workday, 3) for cars in per_day],
        "stay_min_fifo": quantiles(fifo, 0),
        "stay_min_lifo": quantiles(lifo, 0),
    }


def derive(folder: Path) -> dict[str, Any]:
    """All tables from the data in ``folder``. Raises OSError when a file is not there."""
    return {"sources": SOURCES, "ev": ev_tables(folder), "regular": regular_tables(folder)}


def render(tables: dict[str, Any]) -> str:
    """The text of ``tables.json``: sorted, one list per line."""
    return _render(tables, "") + "\n"


def _render(value: Any, indent: str) -> str:
    inner = indent + "  "
    if isinstance(value, dict):
        body = ",\n".join(f"{inner}{json.dumps(key)}: {_render(value[key], inner)}" for key in sorted(value))
        return f"{{\n{body}\n{indent}}}"
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        body = ",\n".join(inner + _render(item, inner) for item in value)
        return f"[\n{body}\n{indent}]"
    return json.dumps(value)


def main(argv: Sequence[str]) -> int:
    """Write ``tables.json`` from the folder named on the command line."""
    if len(argv) != 1:
        print("usage: python -m hardware.simulator.derive_tables DATA_FOLDER", file=sys.stderr)
        return 2
    try:
        tables = derive(Path(argv[0]))
    except OSError as error:
        print(f"cannot read the data: {error}; DATA_FOLDER must hold {EV_FILE} and {REGULAR_FILE}", file=sys.stderr)
        return 2
    TABLES.write_text(render(tables))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
