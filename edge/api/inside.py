"""What the API's routes look at, who may call them, and how they hand an input to the rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import Histogram

from edge.commands import Commands
from edge.link import Link
from edge.rules.inputs import Answer, Input
from edge.rules.state import FacilityState
from edge.runtime import Runtime, RuntimeStoppedError
from edge.stations import StationServer
from edge.store import Store
from edge.tokens import Bearer, bearer_of
from shared.clock import Clock


@dataclass(frozen=True, slots=True)
class Inside:
    """What the API looks at. ``parts`` names each part of the daemon with its problem, None when it runs."""

    facility_id: str
    clock: Clock
    runtime: Runtime[FacilityState]
    store: Store
    link: Link
    bearers: Mapping[str, Bearer]
    parts: Callable[[], Mapping[str, str | None]]
    commands: Commands
    commits: Histogram
    data_dir: Path
    stations: StationServer


def _inside(request: Request) -> Inside:
    inside: Inside = request.app.state.inside
    return inside


InsideDep = Annotated[Inside, Depends(_inside)]
_scheme = HTTPBearer(auto_error=False)


def _bearer(inside: InsideDep, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_scheme)]) -> Bearer:
    bearer = None if given is None else bearer_of(given.credentials, inside.bearers)
    if bearer is None:
        raise HTTPException(401, "a token of this box's token file is needed", {"WWW-Authenticate": "Bearer"})
    return bearer


BearerDep = Annotated[Bearer, Depends(_bearer)]


async def submitted(inside: Inside, given: Input) -> Answer | None:
    try:
        return await inside.runtime.submit(given)
    except RuntimeStoppedError as error:
        raise HTTPException(503, "the daemon is stopping; it is not known whether this was taken: ask again") from error
