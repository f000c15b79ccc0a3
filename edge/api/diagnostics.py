"""How the box is, gathered into one file that may leave it, for managers on site."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Response

from edge.api.commands import run_command
from edge.api.inside import BearerDep, InsideDep
from edge.diagnostics.bundle import BundleError, Bundles
from edge.tokens import Bearer, Role
from shared.commands import BUNDLE_PATTERN, CollectEdgeDiagnostics

router = APIRouter(prefix="/api/v1/diagnostics")


def _manager(bearer: BearerDep) -> Bearer:
    if bearer.role is not Role.MANAGER:
        raise HTTPException(403, f"a {bearer.role} may not do this; allowed: {Role.MANAGER}")
    return bearer


ManagerDep = Annotated[Bearer, Depends(_manager)]


@router.post("")
async def collect(inside: InsideDep, who: ManagerDep) -> dict[str, Any]:
    """Gather a bundle; answered once it is written. The details say its name."""
    return await run_command(inside, who, CollectEdgeDiagnostics().model_dump())


@router.get("/{name}")
async def fetch(inside: InsideDep, _: ManagerDep, name: Annotated[str, Path(pattern=BUNDLE_PATTERN)]) -> Response:
    """One of the bundles that are kept."""
    try:
        return Response(Bundles(inside.data_dir).read(name), media_type="application/zip")
    except BundleError as error:
        raise HTTPException(404, str(error)) from error
