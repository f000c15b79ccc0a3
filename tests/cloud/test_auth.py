"""Tokens name a caller and a role, and are refused for any doubt."""

import base64
import json
import time
from typing import Annotated

import httpx
import jwt
import pytest
from fastapi import Depends, FastAPI

from cloud import problems
from cloud.auth import BadToken, Caller, Role, issue_token, read_token, require
from cloud.config import Settings

SECRET = "a secret of at least 32 characters, for tests"
NOW_S = int(time.time())
TTL_S = 3_600
"""Longer than any test run: the library reads the real clock."""


def token(role: Role = Role.HQ, subject: str = "ada", ttl_s: int = TTL_S, now_s: int = NOW_S) -> str:
    return issue_token(SECRET, role=role, subject=subject, ttl_s=ttl_s, now_s=now_s)


def signed(claims: dict[str, object], secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


WHOLE = {"sub": "ada", "role": "hq", "iat": NOW_S, "exp": NOW_S + TTL_S}


@pytest.mark.parametrize("role", Role)
def test_a_token_names_its_subject_and_role(role: Role) -> None:
    assert read_token(SECRET, token(role)) == Caller("ada", role)


@pytest.mark.parametrize("missing", WHOLE)
def test_a_token_that_leaves_something_out_is_refused(missing: str) -> None:
    with pytest.raises(BadToken, match=missing):
        read_token(SECRET, signed({k: v for k, v in WHOLE.items() if k != missing}))


@pytest.mark.parametrize("role", ["owner", "", "HQ"])
def test_a_role_that_is_not_known_is_refused(role: str) -> None:
    with pytest.raises(BadToken, match="unknown role"):
        read_token(SECRET, signed({**WHOLE, "role": role}))


def test_a_token_that_is_over_or_not_yet_begun_is_refused() -> None:
    with pytest.raises(BadToken, match="expired"):
        read_token(SECRET, token(now_s=NOW_S - 2 * TTL_S))
    with pytest.raises(BadToken, match="not yet valid"):
        read_token(SECRET, token(now_s=NOW_S + 3_600))


def test_a_token_signed_with_another_secret_is_refused() -> None:
    with pytest.raises(BadToken, match="Signature"):
        read_token(SECRET, signed(WHOLE, secret="another secret of at least 32 characters"))


def test_a_token_does_not_choose_how_it_is_checked() -> None:
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    body = base64.urlsafe_b64encode(json.dumps(WHOLE).encode()).rstrip(b"=").decode()
    for unsigned in (f"{header}.{body}.", signed(WHOLE, algorithm="HS512", secret=2 * SECRET)):
        with pytest.raises(BadToken):
            read_token(SECRET, unsigned)


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "\x00.\x00.\x00", "é.é.é"])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(BadToken):
        read_token(SECRET, text)


def test_without_a_secret_nothing_is_issued_and_nothing_is_believed() -> None:
    with pytest.raises(ValueError, match="secret"):
        issue_token("", role=Role.HQ, subject="ada", ttl_s=60, now_s=NOW_S)
    with pytest.raises(ValueError, match="secret"):
        read_token("", token())


@pytest.mark.parametrize(("subject", "ttl_s"), [("", 60), ("ada", 0), ("ada", -1)])
def test_a_token_for_nobody_or_for_no_time_is_not_issued(subject: str, ttl_s: int) -> None:
    with pytest.raises(ValueError, match="subject"):
        token(subject=subject, ttl_s=ttl_s)


def test_a_route_must_say_who_may_call_it() -> None:
    with pytest.raises(ValueError, match="which roles"):
        require()


# Over HTTP.


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    problems.install(app)
    app.state.settings = Settings(database_url="", jwt_secret=SECRET)

    @app.get("/orders/{customer_id}")
    async def orders(
        customer_id: str, caller: Annotated[Caller, Depends(require(Role.HQ, Role.CUSTOMER))]
    ) -> dict[str, str]:
        caller.must_be_customer(customer_id)
        return {"subject": caller.subject}

    return app


async def ask(app: FastAPI, authorization: str | None = None, customer_id: str = "ada") -> httpx.Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://cloud") as client:
        return await client.get(f"/orders/{customer_id}", headers=headers)


@pytest.mark.anyio
async def test_a_caller_with_an_allowed_role_is_let_in(app: FastAPI) -> None:
    answer = await ask(app, f"Bearer {token()}")
    assert (answer.status_code, answer.json()) == (200, {"subject": "ada"})


@pytest.mark.anyio
@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Basic YTpi", "Bearer x.y.z"])
async def test_no_good_token_is_401_with_a_challenge(app: FastAPI, authorization: str | None) -> None:
    answer = await ask(app, authorization)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "Unauthorized"


@pytest.mark.anyio
async def test_another_role_is_403_and_is_told_which_would_do(app: FastAPI) -> None:
    answer = await ask(app, f"Bearer {token(Role.DEVICE)}")
    assert answer.status_code == 403
    assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
    assert answer.json()["detail"] == "a device may not do this; allowed: hq, customer"


@pytest.mark.anyio
async def test_a_customer_gets_only_what_is_theirs_and_staff_gets_anybodys(app: FastAPI) -> None:
    customer = f"Bearer {token(Role.CUSTOMER, 'ada')}"
    assert (await ask(app, customer, "ada")).status_code == 200
    assert (await ask(app, customer, "bob")).status_code == 403
    assert (await ask(app, f"Bearer {token(Role.HQ, 'eve')}", "bob")).status_code == 200
