"""HTTP of the control room. The token in the printed address moves into a cookie; every route asks for it."""

from importlib.resources import files
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles

from cloud.dashboard.api import event_stream
from cloud.dashboard.entry import PAGE_HEADERS, NotLetIn, keep_token, viewer
from cloud.dashboard.live import Live, Trouble
from provisioning.demo.page.mail import Letter
from provisioning.demo.page.room import REGION, Around, Room, render
from provisioning.demo.page.upstream import Upstream
from provisioning.demo.programs import Part

COOKIE = "easypark_demo"
LETTER_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
"""A mail is somebody else's HTML: its styles may count, nothing in it may act or load."""


class Inside:
    """What the routes share."""

    def __init__(self, around: Around) -> None:
        self.secret = around.jwt_secret
        self.room = Room(around)
        self.live = Live(REGION, self.room.look, Trouble((TimeoutError,), "The demo's supervisor is busy."))
        self.upstream = Upstream(around.api_url)

    async def aclose(self) -> None:
        """End every stream, so that the server need not wait for pages to go away."""
        self.live.close()
        await self.upstream.aclose()
        await self.room.aclose()


def build(around: Around) -> FastAPI:
    """The application; ``app.state.inside`` is its Inside, which whoever stops the server closes first."""
    app = FastAPI(title="EasyParkPlus demo", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.inside = Inside(around)
    app.add_exception_handler(NotLetIn, _not_let_in)
    app.add_api_route("/", page)
    app.add_api_route("/hq/stream", hq_stream)
    app.add_api_route("/sites/stream", sites_stream)
    app.add_api_route("/handles/{what}/{part}", handle, methods=["POST"])
    app.add_api_route("/letters/{key}", letter)
    app.add_api_route("/letters/{key}/body", letter_body)
    app.mount("/static/htmx", StaticFiles(directory=str(files("js_lib_htmx") / "static" / "htmx")))
    app.mount("/static/demo", StaticFiles(packages=[("provisioning.demo.page", "static")]))
    app.mount("/static", StaticFiles(packages=[("cloud.dashboard", "static")]))
    return app


async def _not_let_in(_request: Request, error: Exception) -> Response:
    return HTMLResponse(render("refused.html", reason=str(error)), 401, PAGE_HEADERS)


def _token(request: Request) -> str:
    """The visitor's own token; it is also what they are shown headquarters with."""
    token = request.cookies.get(COOKIE)
    viewer(request.app.state.inside.secret, token)
    return token or ""


Token = Annotated[str, Depends(_token)]


async def page(request: Request, token: str | None = None) -> Response:
    """The page; headquarters fills its part as soon as it answers. With ``token``: see the module."""
    inside: Inside = request.app.state.inside
    if token:
        viewer(inside.secret, token)
        return keep_token(request, token, cookie=COOKIE)
    _token(request)
    return HTMLResponse(render("demo.html", picture=await inside.live.picture()), headers=PAGE_HEADERS)


async def hq_stream(request: Request, token: Token) -> StreamingResponse:
    """Headquarters' own stream, passed on."""
    inside: Inside = request.app.state.inside
    headers = {"Cache-Control": "no-store"}
    return StreamingResponse(inside.upstream.follow(token), media_type="text/event-stream", headers=headers)


async def sites_stream(request: Request, _: Token) -> StreamingResponse:
    """The sites, clock, handles and mails."""
    inside: Inside = request.app.state.inside
    return event_stream(inside.live)


async def handle(request: Request, what: Literal["pull", "restore"], part: Part, _: Token) -> Response:
    """Pull a part or bring it back. Only a script of our own page can send the header: no other page's form can."""
    if "HX-Request" not in request.headers:
        raise HTTPException(403, "only the page itself may do this")
    inside: Inside = request.app.state.inside
    inside.room.ask(what, part)
    return Response(status_code=204)


async def letter(request: Request, key: str, _: Token) -> HTMLResponse:
    """One mail with its addresses, its content in a frame of its own."""
    found, _html = _letter(request, key)
    return HTMLResponse(render("letter.html", letter=found), headers=PAGE_HEADERS)


async def letter_body(request: Request, key: str, _: Token) -> HTMLResponse:
    """What the mail says, as a mail reader would show it."""
    return HTMLResponse(_letter(request, key)[1], headers=LETTER_HEADERS)


def _letter(request: Request, key: str) -> tuple[Letter, str]:
    inside: Inside = request.app.state.inside
    found = inside.room.mailbox.letter(key)
    if found is None:
        raise HTTPException(404, "there is no such mail")
    return found
