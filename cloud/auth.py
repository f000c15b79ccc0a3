"""Who is calling and what they may do: bearer tokens (RFC 6750) that are JWTs signed with the cloud's one secret.

A token names a subject and one role. Every route asks for its caller with ``require``; a route without it is open to
the world and must be meant so. Life times are REAL seconds: a token is a thing of transport, not of lived time.
This module neither signs people in nor revokes a token before it ends, so tokens should be short-lived.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import jwt
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

ALGORITHM = "HS256"
LEEWAY_REAL_S = 5
"""How far another machine's clock may be off."""


class Role(StrEnum):
    CUSTOMER = "customer"
    """Its subject is the customer's id; sees and changes what is that customer's."""
    ATTENDANT = "attendant"
    MANAGER = "manager"
    HQ = "hq"
    FINANCE = "finance"
    DEVICE = "device"


STAFF = (Role.ATTENDANT, Role.MANAGER, Role.HQ, Role.FINANCE)


class BadToken(Exception):  # noqa: N818 - says what is so
    """The token is not ours, is damaged, is over or lacks what it must say."""


@dataclass(frozen=True, slots=True)
class Caller:
    subject: str
    role: Role

    def must_be_customer(self, customer_id: str) -> None:
        """Refuse (403) a customer who asks for another customer's things; staff may ask for anybody's."""
        if self.role is Role.CUSTOMER and self.subject != customer_id:
            raise _forbidden("a customer may only ask for their own")


def issue_token(secret: str, *, role: Role, subject: str, ttl_s: int, now_s: int) -> str:
    """A token that holds for ``ttl_s`` real seconds from ``now_s``, real seconds since the epoch.

    Raises ValueError for an empty secret or subject, a life that is not positive, or an unknown role.
    """
    if not secret or not subject or ttl_s <= 0:
        raise ValueError(f"a token needs a secret, a subject and a life above 0 s, got {subject!r} and {ttl_s} s")
    claims = {"sub": subject, "role": str(Role(role)), "iat": now_s, "exp": now_s + ttl_s}
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def read_token(secret: str, token: str) -> Caller:
    """The caller that a token names. Raises BadToken; ValueError when there is no secret to check it with.

    The algorithm is ours, not the token's choice; PyJWT compares signatures in constant time.
    """
    if not secret:
        raise ValueError("there is no secret to check tokens with")
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            leeway=LEEWAY_REAL_S,
            options={"require": ["sub", "role", "iat", "exp"]},
        )
        return Caller(subject=claims["sub"], role=Role(claims["role"]))
    except jwt.PyJWTError as error:
        raise BadToken(str(error)) from error
    except ValueError as error:
        raise BadToken(f"unknown role {claims['role']!r}") from error


_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="A JWT with the claims sub, role and exp")


def require(*roles: Role) -> Callable[..., Awaitable[Caller]]:
    """A dependency that gives the caller if their role is one of ``roles``.

    Otherwise 401 (no token, or not a good one) or 403 (another role), with what RFC 6750, 3 asks for.
    """
    if not roles:
        raise ValueError("say which roles may call")

    async def caller(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Caller:
        if credentials is None:
            raise HTTPException(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
        try:
            found = read_token(request.app.state.settings.jwt_secret, credentials.credentials)
        except BadToken as error:
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise HTTPException(401, f"the token is not accepted: {error}", challenge) from error
        if found.role not in roles:
            raise _forbidden(f"a {found.role} may not do this; allowed: {', '.join(roles)}")
        return found

    return caller


def _forbidden(detail: str) -> HTTPException:
    return HTTPException(403, detail, {"WWW-Authenticate": 'Bearer error="insufficient_scope"'})
