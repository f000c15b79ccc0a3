"""The house's laws as functions over source text, so that the tests can also show that they catch a breach."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("shared", "hardware", "edge", "cloud", "provisioning")
CONTEXTS = (
    "link",
    "facilities",
    "customers",
    "tariffs",
    "subscriptions",
    "reservations",
    "sessions",
    "billing",
    "notifications",
    "reports",
    "dashboard",
    "app",
)
"""Contexts of the cloud; each imports only those on its left."""

CLOUD_ROOT = ("config", "db", "auth", "jobs", "gateway", "problems", "lived", "metrics", "server")
"""Files of the cloud's root that every context may use."""

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
PARAMETERS_MAX = 5

_IMPURE = {"asyncio", "http", "logging", "os", "random", "secrets", "socket", "sqlite3", "subprocess", "threading"}
_CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter", "uuid1", "uuid4", "sleep"}


@dataclass(frozen=True)
class Import:
    line: int
    module: str


def files(*rooms: str) -> Iterator[Path]:
    """Python files of rooms, relative to the root."""
    for room in rooms or ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT)


def imports(source: str) -> Iterator[Import]:
    """Every import of a file, wherever it stands; ``from a import b`` counts as ``a.b``, since b may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (Import(node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def import_breaches(path: Path, source: str) -> Iterator[str]:
    """What a file imports that its room may not."""
    for found in imports(source):
        target = found.module.split(".")
        if target[0] in ROOMS and not _may_import(path, target):
            yield f"{path}:{found.line} imports {found.module}"


def _may_import(path: Path, target: list[str]) -> bool:
    room = path.parts[0]
    if target[0] == room:
        return room != "cloud" or _leftwards(path, target)
    if target[0] == "shared":
        return True
    if room == "edge":
        return target[0] == "hardware" and path.as_posix() in ("edge/main.py", "edge/devices.py")
    return room == "provisioning" and (_starts_processes(path) or _may_simulate(path, target))


def _leftwards(path: Path, target: list[str]) -> bool:
    context = path.parts[1].removesuffix(".py")
    if context in ("main", "migrations"):
        return True
    wanted = target[1] if len(target) > 1 else ""
    if wanted in CLOUD_ROOT:
        return True
    if context not in CONTEXTS:
        return False
    return wanted in CONTEXTS and CONTEXTS.index(wanted) <= CONTEXTS.index(context)


def _starts_processes(path: Path) -> bool:
    """The command starts everything; the demo knows both ends' configuration; the planner replays the edge's rules.
    Nothing else in provisioning does."""
    return path.as_posix() == "provisioning/cli.py" or path.parts[1] in ("demo", "plan")


def _may_simulate(path: Path, target: list[str]) -> bool:
    """The simulation lives by the edge's rules and by the cloud's pure ones (with the row types that those take, and
    the gateway's words); its auditor's books by neither."""
    if path.parts[:2] != ("provisioning", "simulation") or path.parts[2] in ("books", "auditor.py", "happenings.py"):
        return False
    if target[0] == "edge":
        return target[1:2] == ["rules"]
    return target[2:3] == ["rules"] or target[1:3] in _PURE_ENOUGH or target[1:2] == ["gateway"]


_PURE_ENOUGH = [
    *(["billing", name] for name in ("bills", "ledger", "payments", "pricing", "queries", "records", "refunding")),
    ["link", "boxes"],
    ["sessions", "store"],
]
"""Rooms of which the simulation takes rows, names and pure functions, never a statement."""


def is_pure(path: Path) -> bool:
    """Whether the purity law holds for a file: shared (but the one wire and log set-up), rules and OCPP."""
    name = path.as_posix()
    if name in ("shared/mqtt.py", "shared/logs.py"):
        return False
    return path.parts[0] == "shared" or "rules" in name.removesuffix(".py").split("/") or name.startswith("edge/ocpp/")


def purity_breaches(path: Path, source: str) -> Iterator[str]:
    """Clocks, randomness, input and output, or a framework in a pure file."""
    for found in imports(source):
        top = found.module.split(".")[0]
        ours = top in ROOMS or top in ("pydantic", "pydantic_core", "ocpp")
        if top in _IMPURE or not (ours or top in sys.stdlib_module_names):
            yield f"{path}:{found.line} imports {found.module}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _clock_or_file(node.func):
            yield f"{path}:{node.lineno} calls {ast.unparse(node.func)}"
        if isinstance(node, (ast.AsyncFunctionDef, ast.Await)):
            yield f"{path}:{node.lineno} waits for something"


def _clock_or_file(called: ast.expr) -> bool:
    if isinstance(called, ast.Name):
        return called.id in ("open", "print", "input")
    on_a_library = isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name)
    return on_a_library and called.attr in _CLOCKS and called.value.id in ("time", "datetime", "date", "uuid")  # type: ignore[union-attr]


def size_breaches(path: Path, source: str) -> Iterator[str]:
    """Files, functions and parameter lists that do not fit in the eye."""
    lines = source.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{path} has {lines} lines, at most {FILE_LINES_MAX}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"{path}:{node.lineno} {node.name} has {length} lines, at most {FUNCTION_LINES_MAX}"
            parameters = len(node.args.args) + len(node.args.posonlyargs)
            parameters -= bool(node.args.args) and node.args.args[0].arg in ("self", "cls")
            if parameters > PARAMETERS_MAX:
                yield f"{path}:{node.lineno} {node.name} has {parameters} parameters, at most {PARAMETERS_MAX}"
