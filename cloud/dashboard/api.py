"""HTTP of the live page: the page itself, its stream, and the same numbers as JSON."""

from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import InterfaceError, OperationalError

from cloud.auth import require
from cloud.dashboard import pages
from cloud.dashboard.entry import PAGE_HEADERS, VIEWERS, NotLetIn, keep_token, token_of, viewer
from cloud.dashboard.live import Live, Picture, Trouble
from cloud.dashboard.queries import read_overview
from cloud.dashboard.rules.overview import Overview
from cloud.problems import Problem

QUIET_AFTER_REAL_S = 90
"""The link asks a silent facility after 20 s and gives it up after 60 s; longer silence means that the link is gone."""
TROUBLE = Trouble(
    errors=(OperationalError, InterfaceError, TimeoutError),
    text="Headquarters' database cannot be reached. Gates and chargers go on without it, and nothing is lost.",
)

router = APIRouter(tags=["dashboard"])
Token = Annotated[str | None, Depends(token_of)]


def install(app: FastAPI) -> None:
    """Put the live page into the application, whose state has ``engine``, ``clock`` and ``settings``. A server that is
    about to stop calls ``app.state.live.close()`` first, which ends the open streams."""

    async def look() -> Picture:
        return pages.picture(await _overview(app))

    app.state.live = Live(pages.REGION, look, TROUBLE)
    app.include_router(router)
    app.mount("/static/htmx", StaticFiles(directory=str(files("js_lib_htmx") / "static" / "htmx")))
    app.mount("/static", StaticFiles(packages=[("cloud.dashboard", "static")]))


async def _overview(app: FastAPI) -> Overview:
    clock = app.state.clock
    quiet_after_ms = round(QUIET_AFTER_REAL_S * 1_000 * clock.timeline.speed)
    return await read_overview(app.state.engine, now_ms=clock.now_ms(), quiet_after_ms=quiet_after_ms)


@router.get("/api/v1/overview", dependencies=[Depends(require(*VIEWERS))])
async def overview(request: Request) -> Overview:
    """Every number of the live page, read in one snapshot."""
    return await _overview(request.app)


@router.get("/dashboard", include_in_schema=False)
async def page(request: Request, kept: Token, token: str | None = None) -> Response:
    """The page, drawn with what is known now. With ``token`` in the address: takes it into a cookie and comes back."""
    secret = request.app.state.settings.jwt_secret
    try:
        viewer(secret, token or kept)
    except NotLetIn as error:
        return HTMLResponse(pages.render("refused.html", reason=str(error)), 401, PAGE_HEADERS)
    if token:
        return keep_token(request, token)
    live: Live = request.app.state.live
    found = await live.picture()
    html = pages.render("dashboard.html", picture=found, trouble=TROUBLE.text)
    return HTMLResponse(html, 503 if found is None else 200, PAGE_HEADERS)


@router.get("/dashboard/stream", include_in_schema=False)
async def stream(request: Request, kept: Token) -> Response:
    """Server-sent events: ``parts`` (HTML to swap in, by id), ``tick`` (what is shown is current), ``trouble``."""
    try:
        viewer(request.app.state.settings.jwt_secret, kept)
    except NotLetIn as error:
        raise Problem(401, str(error)) from error
    return event_stream(request.app.state.live)


def event_stream(live: Live) -> StreamingResponse:
    """A watcher's stream as an answer that nothing on the way keeps or holds back."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(live.follow(), media_type="text/event-stream", headers=headers)
