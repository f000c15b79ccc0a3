"""The whole HTTP application on a real database, called without a network."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from cloud.auth import Role, issue_token
from cloud.config import Settings
from cloud.main import create_app

SECRET = "a secret of at least 32 characters, for tests"


class Api:
    """``await api("GET", "/facilities", as_=Role.HQ, expect=200)`` gives the body of the answer."""

    def __init__(self, http: httpx.AsyncClient, app: FastAPI) -> None:
        self.http = http
        self.app = app

    async def __call__(
        self, method: str, path: str, body: Any = None, *, as_: Role | None = Role.HQ, expect: int = 200
    ) -> Any:
        answer = await self.raw(method, path, body, as_=as_)
        assert answer.status_code == expect, answer.text
        return answer.json() if answer.content else None

    async def raw(self, method: str, path: str, body: Any = None, *, as_: Role | None = Role.HQ) -> httpx.Response:
        headers = {}
        if as_ is not None:
            token = issue_token(SECRET, role=as_, subject="somebody", ttl_s=600, now_s=int(time.time()))
            headers["Authorization"] = f"Bearer {token}"
        return await self.http.request(method, path, json=body, headers=headers)


@asynccontextmanager
async def serving(database_url: str, broker_url: str = "") -> AsyncIterator[Api]:
    """The application with its connections, closed at the end."""
    settings = Settings(
        database_url=database_url,
        broker_url=broker_url,
        jwt_secret=SECRET,
        stripe_api_key="sk_test_nobody",
        stripe_api_base="http://127.0.0.1:1",
        stripe_webhook_secret="whsec_nobody",
    )
    app = create_app(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://cloud") as http,
    ):
        yield Api(http, app)
