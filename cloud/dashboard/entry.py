"""How a browser gets in: the token comes once in the address, moves into a cookie that scripts cannot read, and the
address is left without it. Programs send the same token as a bearer token.
"""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from cloud.auth import BadToken, Caller, Role, read_token

COOKIE = "easypark_hq"
VIEWERS = (Role.HQ, Role.MANAGER)

PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""No page of ours loads anything from elsewhere, and none is kept or framed."""


class NotLetIn(Exception):  # noqa: N818 - says what is so
    """There is no token, or not one that may look; the text says which."""


_bearer = HTTPBearer(auto_error=False)


def viewer(secret: str, token: str | None) -> Caller:
    """Who may look at the live page. Raises NotLetIn."""
    if not token:
        raise NotLetIn("a token is needed")
    try:
        caller = read_token(secret, token)
    except BadToken as error:
        raise NotLetIn(f"the token is not accepted: {error}") from error
    if caller.role not in VIEWERS:
        raise NotLetIn(f"a {caller.role} may not look at this; allowed: {', '.join(VIEWERS)}")
    return caller


def token_of(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> str | None:
    """The bearer token of a program or the cookie of a browser; None without either."""
    return request.cookies.get(COOKIE) if credentials is None else credentials.credentials


def keep_token(request: Request, token: str, *, cookie: str = COOKIE) -> RedirectResponse:
    """Back to the same address without the token, which is in the cookie from then on, until the browser closes."""
    answer = RedirectResponse(request.url.path, status_code=303, headers=PAGE_HEADERS)
    answer.set_cookie(cookie, token, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer
