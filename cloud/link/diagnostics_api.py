"""HTTP of the link: what a box gathered about itself, fetched from it while somebody waits. Nothing is kept here."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import ValidationError

from cloud.auth import Role, require
from cloud.db import transaction
from cloud.link import commands
from cloud.link.desk import BrokerAway, Desk
from cloud.problems import Problem, not_found
from shared.commands import (
    BUNDLE_PATTERN,
    BundlePiece,
    CommandRequest,
    CommandResult,
    Outcome,
    ReadDiagnostics,
    Reason,
)
from shared.ids import ID_PATTERN

router = APIRouter(prefix="/api/v1/facilities", tags=["commands"])

PIECE_REAL_S = 10.0
TRIES = 3
"""A piece is asked for so often; reading it again changes nothing."""


@router.get(
    "/{facility_id}/diagnostics/{name}",
    dependencies=[Depends(require(Role.MANAGER, Role.HQ))],
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}}},
)
async def bundle(
    facility_id: Annotated[str, Path(pattern=ID_PATTERN)],
    name: Annotated[str, Path(pattern=BUNDLE_PATTERN)],
    request: Request,
) -> Response:
    """A bundle that the command CollectEdgeDiagnostics named, straight from the box. 404 when the box has no such (it
    keeps a few), 409 when it is away, 503 when it does not answer."""
    async with transaction(request.app.state.engine) as conn:
        where = await commands.whereabouts(conn, facility_id)
    if where is None:
        raise not_found(f"facility {facility_id} that was ever heard of")
    if not where.online:
        raise Problem(409, "the facility is away")
    desk: Desk | None = request.app.state.desk
    if desk is None:
        raise Problem(503, "this process was given no broker")
    content, bytes_total = b"", 1
    while len(content) < bytes_total:
        piece = await _piece(desk, (facility_id, where.log_id), name, len(content))
        content, bytes_total = content + piece.data, piece.bytes_total
        if not piece.data and len(content) < bytes_total:
            raise Problem(503, f"the box sent {len(content)} of {bytes_total} bytes of {name} and no more")
    shown = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/zip", headers=shown)


async def _piece(desk: Desk, box: tuple[str, str], name: str, offset: int) -> BundlePiece:
    facility_id, log_id = box
    reading = ReadDiagnostics(type="ReadDiagnostics", name=name, offset=offset)
    for _ in range(TRIES):
        asked = CommandRequest(
            command_id=secrets.token_hex(16),
            facility_id=facility_id,
            log_id=log_id,
            by="",
            command=reading.model_dump(),
        )
        try:
            answer = await desk.ask(asked, within_real_s=PIECE_REAL_S)
        except BrokerAway as error:
            raise Problem(503, "the broker cannot be reached") from error
        if answer.outcome not in (Outcome.FAILED, Outcome.UNKNOWN):
            return _read(answer)
    raise Problem(503, f"the box did not send the piece of {name} from byte {offset} on")


def _read(answer: CommandResult) -> BundlePiece:
    if answer.outcome is not Outcome.DONE:
        raise Problem(404 if answer.reason == Reason.UNKNOWN_BUNDLE else 409, answer.text)
    try:
        return BundlePiece.model_validate(answer.details)
    except ValidationError as error:
        raise Problem(503, "the box sent a piece that cannot be read") from error
