"""What of a daemon works from its first moment: the store, the state, the clock. Everything else is built around it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edge.config import Config
from edge.rules.state import FacilityState
from edge.runtime import Runtime
from edge.store import Store
from edge.tokens import Bearer
from shared.clock import Clock


@dataclass(frozen=True, slots=True)
class Lanes:
    """``end`` asks the daemon to end with a failure, so that its supervisor starts it anew; from the event loop.
    ``problems`` names devices that belong to no lane, with what is wrong; None where nothing is."""

    config: Config
    store: Store
    clock: Clock
    runtime: Runtime[FacilityState]
    bearers: Mapping[str, Bearer]
    version: str
    end: Callable[[str], None]
    problems: Callable[[], Mapping[str, str | None]]
