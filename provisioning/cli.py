"""The ``easypark`` command. Each subcommand imports what it needs and no more, so that a process starts quickly.

A start-up problem is one line on standard error that says what and how to mend it, and exit code 2.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from provisioning.backup import commands as backup_commands
from provisioning.local.errors import SetupError
from provisioning.simulation import command as simulation_command

USAGE_ERROR = 2
INTERRUPTED = 130
"""What shells say of a program that Ctrl-C ended."""
ROLES = ("customer", "attendant", "manager", "hq", "finance", "device")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; the process's exit code."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and not options.passes_on:
        parser.error(f"unrecognised: {' '.join(rest)}")
    options.rest = rest
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except SetupError as error:
        print(f"easypark: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        print("easypark: interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="easypark", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.set_defaults(passes_on=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(commands.add_parser("demo", help="two facilities, a cloud and a day of drivers on this machine"))
    edge = commands.add_parser("edge", help="the daemon of one facility")
    edge.add_argument("--config", type=Path, required=True, help="the facility's TOML file")
    edge.set_defaults(run=_edge)
    cloud = commands.add_parser("cloud", help="one of the cloud's processes; settings come from the environment")
    cloud.add_argument("process", choices=("api", "link", "worker", "migrate"))
    cloud.set_defaults(run=_cloud)
    world = commands.add_parser("world", help="simulated cars and charging stations, at the wire")
    world.add_argument("--config", type=Path, required=True, help="the world's TOML or JSON file")
    world.set_defaults(run=_world)
    stand_in = commands.add_parser(
        "stripe-stand-in", help="a server that speaks Stripe's HTTP; for demos only", add_help=False
    )
    stand_in.set_defaults(run=_stripe_stand_in, passes_on=True)
    mailbox = commands.add_parser("mailbox", help="a mail server that keeps each message as a file")
    mailbox.add_argument("--folder", type=Path, required=True, help="the Maildir to keep messages in")
    mailbox.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    mailbox.set_defaults(run=_mailbox)
    backup_commands.add(commands, backup_edge=_backup_edge, restore_edge=_restore_edge)
    upload = commands.add_parser("upload", help="carry what a box's file holds to the cloud, without its daemon")
    upload.add_argument("--config", type=Path, required=True, help="the facility's TOML file")
    upload.add_argument("--within", type=float, default=3_600.0, help="seconds to try for (default: 3600)")
    upload.set_defaults(run=_upload)
    diagnostics = commands.add_parser("diagnostics", help="how a box is, in one file, while its daemon does not run")
    diagnostics.add_argument("--config", type=Path, required=True, help="the facility's TOML file")
    diagnostics.add_argument("--to", type=Path, default=Path(), help="the folder to write to (default: this one)")
    diagnostics.set_defaults(run=_diagnostics)
    _add_plan(commands.add_parser("plan", help="what charging sessions of the past would have got under a budget"))
    simulation_command.add(commands)
    token = commands.add_parser("token", help="a token for the API, signed with EASYPARK_JWT_SECRET_FILE")
    token.add_argument("--role", choices=ROLES, required=True)
    token.add_argument("--subject", required=True, help="whom it names: a customer's, clerk's or device's id")
    token.add_argument("--hours", type=float, default=12.0, help="how long it is valid (default: 12)")
    token.set_defaults(run=_token)
    return parser


def _add_plan(plan: argparse.ArgumentParser) -> None:
    plan.add_argument("--sessions", type=Path, required=True, metavar="FILE", help="CSV, one session a line")
    plan.add_argument("--budget", type=_above_zero_kw, default=400.0, metavar="KW", help="of the site (default: 400)")
    plan.add_argument("--chargers", type=int, default=25, help="who finds none free waits (default: 25)")
    plan.add_argument("--rating", type=_above_zero_kw, default=6.656, metavar="KW", help="of each (default: 6.656)")
    plan.add_argument("--minimum", type=_kw, default=1.248, metavar="KW", help="below it a car pauses (default: 1.248)")
    plan.add_argument("--policy", default="all", help="need, proportional, equal, first-come, least-laxity or all")
    plan.add_argument("--no-departures", action="store_true", help="drivers tell neither departure nor need")
    plan.add_argument("--plot", type=Path, metavar="FILE.svg", help="where to draw the power over time")
    plan.set_defaults(run=_plan)


def _add_demo(demo: argparse.ArgumentParser) -> None:
    demo.add_argument("--speed", type=_above_zero, default=30.0, help="lived seconds per real second (default: 30)")
    demo.add_argument("--fresh", action="store_true", help="remove what earlier runs left, then start")
    demo.add_argument("--for", dest="duration", type=_duration, metavar="TIME", help="live that long (2h), audit, end")
    demo.add_argument("--headless", action="store_true", help="for scripts: do not invite to a page")
    demo.add_argument("--summary", type=Path, metavar="FILE", help="where a --for run writes its figures, as JSON")
    demo.add_argument("--seed", type=int, help="which customers and cars there are (default: 1, or what the data has)")
    demo.add_argument("--port", type=_port, help="of the page (default: 8080, or any when that is taken)")
    demo.add_argument("--state", type=Path, metavar="DIR", help="where the data is kept (default: .easypark/demo)")
    demo.set_defaults(run=_demo)


def _above_zero(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 1000, got {text}")
    return value


def _kw(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1_000_000:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1000000 kW, got {text}")
    return value


def _above_zero_kw(text: str) -> float:
    if (value := _kw(text)) == 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 < value < 65536:
        raise argparse.ArgumentTypeError(f"must be from 1 to 65535, got {text}")
    return value


def _duration(text: str) -> int:
    """``90s``, ``30m``, ``2h``, ``1d`` as lived milliseconds."""
    units = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
    try:
        amount_ms = round(float(text[:-1]) * units[text[-1:]])
    except (ValueError, KeyError):
        raise argparse.ArgumentTypeError(f"say a number and s, m, h or d, such as 2h; got {text!r}") from None
    if amount_ms <= 0:
        raise argparse.ArgumentTypeError(f"must be above 0, got {text!r}")
    return amount_ms


def _demo(options: argparse.Namespace) -> int:
    from provisioning.demo.run import Wish, run  # noqa: PLC0415 - start-up time

    return run(
        Wish(
            speed=options.speed,
            seed=options.seed,
            port=options.port,
            fresh=options.fresh,
            duration_ms=options.duration,
            headless=options.headless,
            summary=options.summary,
            state=options.state,
        )
    )


def _plan(options: argparse.Namespace) -> int:
    from provisioning.plan.replay import Site  # noqa: PLC0415 - start-up time
    from provisioning.plan.run import Wish, run  # noqa: PLC0415 - start-up time

    site = Site(
        budget_w=round(options.budget * 1_000),
        chargers=options.chargers,
        rating_w=round(options.rating * 1_000),
        minimum_w=round(options.minimum * 1_000),
        departures=not options.no_departures,
    )
    return run(Wish(options.sessions, site, options.policy, options.plot))


def _edge(options: argparse.Namespace) -> int:
    from edge.main import run  # noqa: PLC0415 - start-up time

    return run(options.config)


def _backup_edge(options: argparse.Namespace) -> int:
    from edge.backup import BackupError, back_up  # noqa: PLC0415 - start-up time
    from edge.config import ConfigError, read_config  # noqa: PLC0415 - as above

    try:
        config = read_config(options.config)
        made = back_up(config.data_dir, options.to, keep=options.keep, now_ms=round(time.time() * 1_000))
    except (BackupError, ConfigError) as error:
        raise SetupError(str(error)) from error
    print(f"{made.path}: log {made.log_id} up to entry {made.head}, verified")
    return 0


def _restore_edge(options: argparse.Namespace) -> int:
    from edge.backup import BackupError, restore  # noqa: PLC0415 - start-up time
    from edge.config import ConfigError, read_config  # noqa: PLC0415 - as above

    try:
        config = read_config(options.config)
        made = restore(options.source, config.data_dir, facility_id=config.facility_id)
    except (BackupError, ConfigError) as error:
        raise SetupError(str(error)) from error
    print(f"restored log {made.log_id} up to entry {made.head}; the daemon goes on in a new log with that state")
    return 0


def _upload(options: argparse.Namespace) -> int:
    from edge.upload import run  # noqa: PLC0415 - start-up time

    return run(options.config, within_real_s=options.within)


def _diagnostics(options: argparse.Namespace) -> int:
    from edge.config import ConfigError, read_config  # noqa: PLC0415 - start-up time
    from edge.diagnostics.bundle import BundleError  # noqa: PLC0415 - as above
    from edge.diagnostics.collector import write_without_daemon  # noqa: PLC0415 - as above

    try:
        config = read_config(options.config)
        print(write_without_daemon(config, options.to, now_ms=round(time.time() * 1_000)))
    except (BundleError, ConfigError) as error:
        raise SetupError(str(error)) from error
    return 0


def _cloud(options: argparse.Namespace) -> int:
    from cloud.main import run  # noqa: PLC0415 - start-up time

    return run(options.process)


def _world(options: argparse.Namespace) -> int:
    from hardware.simulator.world.main import run  # noqa: PLC0415 - start-up time

    return run(options.config)


def _stripe_stand_in(options: argparse.Namespace) -> int:
    from provisioning.stripe_stand_in.main import main as stand_in  # noqa: PLC0415 - start-up time

    return stand_in(options.rest)


def _mailbox(options: argparse.Namespace) -> int:
    from provisioning.mailbox import run  # noqa: PLC0415 - start-up time

    return run(options.folder, options.port)


def _token(options: argparse.Namespace) -> int:
    from cloud.auth import Role, issue_token  # noqa: PLC0415 - start-up time

    file = os.environ.get("EASYPARK_JWT_SECRET_FILE")
    if not file:
        raise SetupError("EASYPARK_JWT_SECRET_FILE is not set: name the file that the API reads its secret from")
    try:
        secret = Path(file).read_text().strip()
        token = issue_token(
            secret,
            role=Role(options.role),
            subject=options.subject,
            ttl_s=round(options.hours * 3600),
            now_s=int(time.time()),
        )
    except OSError as error:
        raise SetupError(f"EASYPARK_JWT_SECRET_FILE: cannot read {file} ({error.strerror})") from error
    except ValueError as error:
        raise SetupError(str(error)) from error
    print(token)
    return 0
