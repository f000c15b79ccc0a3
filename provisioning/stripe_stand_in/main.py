"""The stand-in as a process: ``easypark stripe-stand-in --port PORT --state DIR [--webhook-url URL]``."""

import argparse
import asyncio
import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from provisioning.stripe_stand_in.app import Rules, make_app
from provisioning.stripe_stand_in.store import FILE_NAME, Store
from provisioning.stripe_stand_in.webhooks import Disorder
from shared import logs
from shared.clock import Clock, Timeline

GRACE_REAL_S = 3
API_KEY = "STRIPE_API_KEY"
WEBHOOK_SECRET = "STRIPE_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
TIMELINE = "EASYPARK_TIMELINE"


class StartProblem(Exception):  # noqa: N818 - says what is so
    """It cannot start; the text says why and how to mend it."""


@dataclass(frozen=True, slots=True)
class Config:
    rules: Rules
    state_dir: Path
    timeline: Timeline
    host: str = "127.0.0.1"
    port: int = 0


def read_config(argv: Sequence[str], env: Mapping[str, str]) -> Config:
    """Read the command line and the environment. Raises StartProblem; argparse exits by itself with 2."""
    parser = argparse.ArgumentParser(prog="easypark stripe-stand-in", description="A stand-in for Stripe.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True, help="folder that keeps what it remembers")
    parser.add_argument("--webhook-url", default="", help="where events are sent, signed with STRIPE_WEBHOOK_SECRET")
    parser.add_argument("--latency-s", type=float, default=0.0, help="real seconds that every request takes longer")
    parser.add_argument(
        "--webhook-events", default="*", help="which events are sent, with commas between (default: all)"
    )
    parser.add_argument("--late", type=float, default=0.1, help="chance that a webhook is overtaken by later ones")
    parser.add_argument("--repeated", type=float, default=0.1, help="chance that a webhook comes twice")
    parser.add_argument("--delay-s", type=float, default=1.0, help="longest such delay, in real seconds")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    if not env.get(API_KEY):
        raise StartProblem(f"{API_KEY} is not set: give it the key that the cloud will use, sk_test_...")
    try:
        rules = Rules(
            api_key=env[API_KEY],
            webhook_url=args.webhook_url,
            webhook_secret=env.get(WEBHOOK_SECRET, ""),
            webhook_events=tuple(args.webhook_events.split(",")),
            latency_real_s=args.latency_s,
            disorder=Disorder(late=args.late, repeated=args.repeated, delay_real_s=args.delay_s, seed=args.seed),
        )
        timeline = Timeline.parse(env.get(TIMELINE, ""))
    except ValueError as error:
        raise StartProblem(str(error)) from error
    return Config(rules, args.state, timeline, args.host, args.port)


def listen(host: str, port: int) -> socket.socket:
    """A bound TCP socket. The protocol is named because asyncio sets TCP_NODELAY only where it is; without that every
    answer waits 40 ms for the other side's delayed acknowledgement. Raises OSError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status. Raises StartProblem."""
    try:
        config.state_dir.mkdir(parents=True, exist_ok=True)
        listener = listen(config.host, config.port)
    except OSError as error:
        what = f"{config.host}:{config.port}" if error.filename is None else error.filename
        raise StartProblem(f"cannot use {what}: {error.strerror}; choose another --port or --state") from error
    try:
        Store(config.state_dir).close()
    except sqlite3.DatabaseError as error:
        listener.close()
        raise StartProblem(f"{config.state_dir / FILE_NAME} cannot be read ({error}): remove that folder") from error
    clock = Clock(config.timeline, time.time)
    app = make_app(config.rules, config.state_dir, clock=clock, read_real_s=time.time)
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_REAL_S, lifespan="on")
    )
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises the signal again when it has stopped
        signal.signal(number, lambda *_: None)
    with listener:
        asyncio.run(server.serve(sockets=[listener]))
    return 0 if server.started else 2


def main(argv: Sequence[str] | None = None) -> int:
    """The command. A problem at the start is one line on stderr and status 2."""
    try:
        config = read_config(sys.argv[1:] if argv is None else argv, os.environ)
        logs.configure(process="stripe-stand-in")
        return run(config)
    except StartProblem as problem:
        print(f"stripe-stand-in: {problem}", file=sys.stderr)
        return 2
