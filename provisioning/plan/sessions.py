"""Reads charging sessions from a CSV file."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from provisioning.local.errors import SetupError

PERIOD_MIN = 5
COLUMNS = ("arrival_period_5min", "departure_period_5min", "energy_kwh")


@dataclass(frozen=True, slots=True)
class Session:
    """One car: when it came and left, in periods of five minutes, and what it took."""

    arrival: int
    departure: int
    energy_wh: float


def read(file: Path) -> list[Session]:
    """The sessions of a file, by arrival. Raises SetupError with the line and column of what is wrong, and what is
    allowed there."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            found = list(_sessions(file, csv.DictReader(lines)))
    except OSError as error:
        raise SetupError(f"cannot read {file} ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SetupError(f"{file} is not a CSV file in UTF-8 ({error})") from error
    if not found:
        raise SetupError(f"{file} has no sessions: a line of column names, then one line per session")
    return sorted(found, key=lambda s: (s.arrival, s.departure))


def _sessions(file: Path, rows: "csv.DictReader[str]") -> Iterable[Session]:
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise SetupError(f"{file}, line 1: no column {', '.join(missing)}; needed are {', '.join(COLUMNS)}")
    for row in rows:
        where = f"{file}, line {rows.line_num}"
        arrival = _number(where, row, "arrival_period_5min", whole=True)
        departure = _number(where, row, "departure_period_5min", whole=True)
        energy_kwh = _number(where, row, "energy_kwh", whole=False)
        if departure <= arrival:
            raise SetupError(f"{where}, column departure_period_5min: must be after the arrival, {arrival:g}")
        yield Session(int(arrival), int(departure), energy_kwh * 1_000)


def _number(where: str, row: Mapping[str, str | None], column: str, *, whole: bool) -> float:
    text = row[column]
    allowed = "a whole number of at least 0" if whole else "a number of at least 0"
    try:
        value = float(text or "")
    except ValueError:
        raise SetupError(f"{where}, column {column}: must be {allowed}, got {text!r}") from None
    if not isfinite(value) or value < 0 or (whole and value != int(value)):
        raise SetupError(f"{where}, column {column}: must be {allowed}, got {text!r}")
    return value
