"""``easypark simulate``: what may be asked for. What it does is imported when it is asked."""

import argparse
import os

from provisioning.local.errors import SetupError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    simulate = commands.add_parser("simulate", help="a network of facilities, its faults and its auditor, from seeds")
    simulate.add_argument("--seeds", type=_whole, default=1_000, help="how many, from 0 on (default: 1000)")
    simulate.add_argument("--seed", type=int, help="live this one alone")
    simulate.add_argument("--facilities", type=_whole, default=3, help="in each story (default: 3)")
    simulate.add_argument("--days", type=_above_zero, default=7.0, help="of trouble, before all is healed (default: 7)")
    simulate.add_argument("--pace", type=_above_zero, default=1.0, help="how often cars come and things break")
    simulate.add_argument("--often", metavar="FAULT", action="append", help="this fault comes eight times as often")
    simulate.add_argument("--jobs", type=_whole, help="processes at a time (default: one for each core there is)")
    simulate.add_argument("--bug", metavar="NAME", help="plant this bug, to see it caught")
    simulate.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from provisioning.simulation.run import UnknownBug, Wish, run  # noqa: PLC0415 - start-up time
    from provisioning.simulation.scenario import Scenario  # noqa: PLC0415 - start-up time

    scenario = Scenario(options.facilities, options.days, options.pace, _known(options.often or []))
    jobs = 1 if options.seed is not None else options.jobs or min(_cores(), options.seeds)
    try:
        return run(Wish(scenario, options.seeds, options.seed, jobs, options.bug))
    except UnknownBug as error:
        raise SetupError(str(error)) from error


def _known(often: list[str]) -> tuple[str, ...]:
    from provisioning.simulation.faults import FAULTS  # noqa: PLC0415 - start-up time

    names = [fault.name for fault in FAULTS]
    for name in often:
        if name not in names:
            raise SetupError(f"there is no fault {name!r}; there are: {', '.join(names)}")
    return tuple(often)


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _whole(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {text}")
    return value


def _above_zero(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1_000:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 1000, got {text}")
    return value
