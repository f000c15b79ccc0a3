"""What the API shows, for who gathers it into a file: by the name of its part there."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import to_jsonable_python

from edge.api import health, metrics, site
from edge.api.inside import Inside


def readings(inside: Inside) -> Mapping[str, Callable[[], Any]]:
    """To be read on the event loop."""
    runtime = inside.runtime
    return {
        "health.json": lambda: health.told(inside),
        "metrics.txt": lambda: metrics.told(inside).decode(),
        "state.json": lambda: site.told(inside),
        "stations.json": lambda: to_jsonable_python(runtime.state.stations),
        "lanes.json": lambda: to_jsonable_python(runtime.state.lanes),
        "facility.json": lambda: runtime.knowledge.facility,
    }
