"""The command: runs the benchmarks one after the other and prints one table.

Compare ratios between machines and between changes, never the figures: both sides of a ratio saw the same disk, the
same processors and the same neighbours.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from provisioning.local.postgres import Postgres
from tests.benchmarks import asking, charging, gate, power, protocol, replaced, restart, storm, upload
from tests.benchmarks.figures import Figure, table

DISK = Path("/var/tmp")  # noqa: S108 - a folder on a disk, where /tmp is often memory
Benchmark = Callable[[Path, bool], list[Figure]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 0 when all was measured."""
    options = _parser().parse_args(arguments)
    figures: list[Figure] = []
    for name in options.only or BENCHMARKS:
        print(f"measuring {name} ...", flush=True)
        with tempfile.TemporaryDirectory(prefix=f"easypark-{name}-", dir=options.folder) as folder:
            figures += BENCHMARKS[name](Path(folder), options.quick)
    print(table(figures))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), help="this one; may be given again")
    parser.add_argument("--quick", action="store_true", help="a few seconds each, for a first look")
    parser.add_argument("--folder", type=Path, default=DISK, help="on the disk to measure (default: %(default)s)")
    return parser


def _gate(folder: Path, quick: bool) -> list[Figure]:
    return gate.measure(folder, cars=40 if quick else 400)


def _charging(folder: Path, quick: bool) -> list[Figure]:
    return charging.measure(folder, slices=2 if quick else 5, slice_real_s=1.0 if quick else 3.0)


def _protocol(folder: Path, quick: bool) -> list[Figure]:
    counts = (25,) if quick else protocol.CONNECTIONS
    return protocol.measure(folder, slices=2 if quick else 4, slice_real_s=1.0 if quick else 3.0, connections=counts)


def _storm(folder: Path, quick: bool) -> list[Figure]:
    return storm.measure(folder, stations=25 if quick else 250)


def _power(_folder: Path, quick: bool) -> list[Figure]:
    return power.measure(rounds=50 if quick else 1_000)


def _restart(folder: Path, quick: bool) -> list[Figure]:
    return restart.measure(folder, entries=100_000 if quick else restart.YEAR_ENTRIES, rounds=2 if quick else 5)


def _upload(folder: Path, quick: bool) -> list[Figure]:
    server = Postgres(folder / "postgres")
    try:
        server.start()
        return upload.measure(folder, server, upload.Mix(events=40_000 if quick else 1_000_000))
    finally:
        server.remove()


def _asking(folder: Path, quick: bool) -> list[Figure]:
    server = Postgres(folder / "postgres")
    try:
        server.start()
        return asking.measure(folder, server, rounds=50 if quick else 500)
    finally:
        server.remove()


def _replaced(folder: Path, quick: bool) -> list[Figure]:
    server = Postgres(folder / "postgres")
    try:
        server.start()
        return replaced.measure(folder, server, rights=2_000 if quick else 100_000)
    finally:
        server.remove()


BENCHMARKS: dict[str, Benchmark] = {
    "gate": _gate,
    "asking": _asking,
    "charging": _charging,
    "protocol": _protocol,
    "storm": _storm,
    "power": _power,
    "upload": _upload,
    "restart": _restart,
    "replaced": _replaced,
}
