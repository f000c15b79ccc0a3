"""``python -m tests.torture``: the long trials, one after the other or those that are named."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from provisioning.cli import main as easypark
from tests.benchmarks.run import DISK
from tests.torture import fuzz, power_cut
from tests.torture.curve import Curve
from tests.torture.month import rehearse
from tests.torture.offline import Offline
from tests.torture.ordeal import EVERYTHING, KILL, Ordeal
from tests.torture.picture import draw
from tests.torture.power import trial
from tests.torture.tidings import Tidings

CURVE_REAL_S = 90.0
TIDINGS_ROUNDS = 25


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials; 0 when nothing that must never happen did."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--only", action="append", choices=sorted(TRIALS), help="this one; may be given again")
    parser.add_argument("--seed", type=int, default=1, help="which faults there are (default: 1)")
    parser.add_argument("--rounds", type=int, default=200, help="of kills and bad weather (default: 200)")
    parser.add_argument("--hours", type=float, default=72.0, help="without the cloud, lived (default: 72)")
    parser.add_argument("--images", type=int, default=2_000, help="of disks at a power cut (default: 2000)")
    parser.add_argument("--seeds", type=int, default=1_000, help="of simulated weeks (default: 1000)")
    parser.add_argument(
        "--events", type=int, default=1_000_000, help="of each facility in the drill (default: 1000000)"
    )
    parser.add_argument("--steps", type=int, default=1_000_000, help="of the power rule (default: 1000000)")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share those steps (default: 1)")
    parser.add_argument("--picture", type=Path, help="where to draw the curve, an SVG")
    options = parser.parse_args(arguments)
    failed = [name for name in options.only or TRIALS if not TRIALS[name](options)]
    print("FAILED: " + ", ".join(failed) if failed else "Nothing that must never happen did")
    return 1 if failed else 0


def _ordeal(options: argparse.Namespace) -> bool:
    return _try(options, EVERYTHING)


def _kills(options: argparse.Namespace) -> bool:
    return _try(options, (KILL,))


def _try(options: argparse.Namespace, trials: tuple[str, ...]) -> bool:
    with tempfile.TemporaryDirectory(prefix="easypark-ordeal-") as folder:
        Path(folder).chmod(0o755)  # the account that PostgreSQL runs as must enter it
        found = Ordeal(options.rounds, options.seed, Path(folder) / "state", trials=trials).run()
    print(json.dumps(found, indent=2))
    return not found["audit"]


def _offline(options: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory(prefix="easypark-offline-") as folder:
        Path(folder).chmod(0o755)  # as above
        found = Offline(options.hours, Path(folder) / "state").run()
    print(json.dumps(found, indent=2))
    return not found["audit"]


def _drill(options: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory(prefix="easypark-drill-", dir=DISK) as folder:
        Path(folder).chmod(0o755)  # as above
        report = rehearse(Path(folder), events=options.events)
    print(json.dumps(asdict(report), indent=2, default=str))
    return not report.lost


def _power_cut(options: argparse.Namespace) -> bool:
    return power_cut.main(["--images", str(options.images), "--seed", str(options.seed)]) == 0


def _fuzz(options: argparse.Namespace) -> bool:
    print(json.dumps(fuzz.run(options.rounds, options.seed), indent=2))
    return True


def _simulate(options: argparse.Namespace) -> bool:
    return easypark(["simulate", "--seeds", str(options.seeds), "--jobs", str(os.cpu_count() or 1)]) == 0


def _power(options: argparse.Namespace) -> bool:
    found = trial(options.steps, first=options.seed, jobs=options.jobs)
    print(json.dumps(found, indent=2))
    return not found["audit"]


def _tidings(_options: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory(prefix="easypark-tidings-") as folder:
        print(json.dumps(found := Tidings(Path(folder), TIDINGS_ROUNDS).run(), indent=2))
    return not found["late"]


def _curve(options: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory(prefix="easypark-curve-") as folder:
        curve = Curve(Path(folder), options.seed, CURVE_REAL_S)
        found = curve.run()
    if options.picture is not None:
        draw(options.picture, curve)
    print(json.dumps(found, indent=2))
    return not found["audit"]


TRIALS = {
    "power-cut": _power_cut,
    "simulate": _simulate,
    "kills": _kills,
    "ordeal": _ordeal,
    "offline": _offline,
    "drill": _drill,
    "fuzz": _fuzz,
    "power": _power,
    "curve": _curve,
    "tidings": _tidings,
}

if __name__ == "__main__":
    sys.exit(main())
