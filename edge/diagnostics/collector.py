"""Gathering: what the running parts tell is read on the event loop, the rest, the hiding and the writing on a thread
of its own, so that no lane waits. A part that cannot be told says why, and the others are told all the same.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from edge.config import Config
from edge.diagnostics import files
from edge.diagnostics.bundle import Bundle, BundleError, Bundles
from edge.diagnostics.hiding import Hider
from edge.rules.gathering import DiagnosticsGathered, GatherDiagnostics
from edge.rules.inputs import Input
from edge.runtime import RuntimeStoppedError
from edge.upkeep import aside
from shared.clock import Clock, to_utc
from shared.commands import CommandResult, Outcome, ReadDiagnostics, Reason

GATHER_WITHIN_REAL_S = 25.0
"""Headquarters waits 40 s for an answer."""
Reading = Callable[[], Any]
_log = logging.getLogger(__name__)


class Diagnostics:
    """``readings`` are the running parts, by the name of their file in the bundle: ``.json`` for one value, ``.jsonl``
    for a list of them or of lines that hold them, ``.txt`` for text."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        readings: Mapping[str, Reading],
        *,
        submit: Callable[[Input], Awaitable[object]],
    ) -> None:
        self._config = config
        self._clock = clock
        self._readings = readings
        self._submit = submit
        self._bundles = Bundles(config.data_dir)
        self._one_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def gather(self, asked: GatherDiagnostics) -> None:
        """Begin to gather, and give the rules what became of it."""
        task = asyncio.create_task(self._gather(asked.command_id), name="diagnostics")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def piece(self, command_id: str, reading: ReadDiagnostics) -> CommandResult:
        """A piece of a bundle, for headquarters."""
        try:
            piece = self._bundles.piece(reading.name, reading.offset)
        except BundleError:
            return CommandResult(command_id=command_id, outcome=Outcome.REFUSED, reason=Reason.UNKNOWN_BUNDLE)
        details = piece.model_dump(mode="json")
        return CommandResult(command_id=command_id, outcome=Outcome.DONE, details=details)

    async def _gather(self, command_id: str) -> None:
        try:
            async with asyncio.timeout(GATHER_WITHIN_REAL_S), self._one_at_a_time:
                live = {name: _read(reading) for name, reading in self._readings.items()}
                made = await aside(lambda: write(self._bundles, self._config, live, now_ms=self._clock.now_ms()))
            details = {"name": made.name, "bytes": made.size_bytes, "sha256": made.sha256}
            told = DiagnosticsGathered(command_id, Outcome.DONE, details=details)
        except Exception as error:  # noqa: BLE001 - whoever asked must hear of it
            told = DiagnosticsGathered(command_id, Outcome.FAILED, _reason(error))
            _log.warning("diagnostics: %s", told.reason)
        try:
            await self._submit(told)
        except RuntimeStoppedError:
            _log.warning("the daemon is stopping: that diagnostics were gathered is not booked")


def _reason(error: Exception) -> str:
    if isinstance(error, BundleError):
        return str(error)
    if isinstance(error, TimeoutError):
        return f"not gathered within {GATHER_WITHIN_REAL_S:g} s"
    return f"{type(error).__name__}: {error}"


def write(bundles: Bundles, config: Config, live: Mapping[str, Any], *, now_ms: int) -> Bundle:
    """Write a bundle of what the running parts told, and of what the box's files do. Raises BundleError."""
    about = {"facility_id": config.facility_id, "at": to_utc(now_ms).isoformat(), **files.versions()}
    readings: dict[str, Callable[[Config], Any]] = {
        "configuration.json": files.configuration,
        "disk.json": files.disk,
        "store.json": files.store,
        "events.jsonl": files.events,
    }
    told = {"about.json": about, **live, **{name: _read(reading, config) for name, reading in readings.items()}}
    plain = {name: _read(_plain, value) for name, value in told.items()}
    hider = Hider()
    hider.learn(plain)
    return bundles.write(config.facility_id, {name: _text(hider, name, x) for name, x in plain.items()}, now_ms)


def write_without_daemon(config: Config, folder: Path, *, now_ms: int) -> Path:
    """A bundle of what can be told while the daemon does not run, in a folder. Raises BundleError."""
    bundles = Bundles(folder)
    return bundles.path_of(write(bundles, config, {}, now_ms=now_ms).name)


def _plain(told: Any) -> Any:
    """As JSON has it; lines of a log as values, so that what stands in them by a private name is hidden."""
    value = to_jsonable_python(told, fallback=str)
    return [_line(x) if isinstance(x, str) else x for x in value] if isinstance(value, list) else value


def _line(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return {"cut": line}


def _read(reading: Callable[..., Any], *given: object) -> Any:
    try:
        return reading(*given)
    except Exception as error:  # noqa: BLE001 - what is broken is what diagnostics are asked for
        return {"unreadable": f"{type(error).__name__}: {error}"}


def _text(hider: Hider, name: str, value: Any) -> str:
    if name.endswith(".jsonl") and isinstance(value, list):
        return "".join(f"{json.dumps(hider.record(line), ensure_ascii=False)}\n" for line in value)
    if isinstance(value, str):
        return hider.text(value)
    return json.dumps(hider.record(value), indent=1, ensure_ascii=False)
