"""The API of customers and subscriptions on a real database, for the tests of both."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud import problems
from cloud.auth import Role, issue_token
from cloud.config import Settings
from cloud.customers import accounts, api
from cloud.customers.rules import PaymentMethod
from cloud.db import transaction
from cloud.gateway import Gateway
from cloud.subscriptions import api as subscriptions_api
from shared.clock import Clock, Timeline
from shared.decisions import Decision, parse_decision

SECRET = "a secret of at least 32 characters, for tests"
NOW_MS = 1_800_000_000_000


def make_app(engine: AsyncEngine, gateway: Gateway | None = None) -> FastAPI:
    app = FastAPI()
    problems.install(app)
    app.state.settings = Settings(database_url="", jwt_secret=SECRET)
    app.state.engine = engine
    app.state.clock = Clock(Timeline(), lambda: NOW_MS / 1000)
    app.state.gateway = gateway
    app.include_router(api.router)
    app.include_router(subscriptions_api.router)
    return app


@dataclass
class Caller:
    """Calls the API in a role and expects what it says."""

    http: httpx.AsyncClient
    headers: dict[str, str] = field(default_factory=dict)

    def acting(self, role: Role, subject: str = "office") -> "Caller":
        token = issue_token(SECRET, role=role, subject=subject, ttl_s=600, now_s=int(time.time()))
        return Caller(self.http, {"Authorization": f"Bearer {token}"})

    async def __call__(self, method: str, path: str, body: Any = None, *, expect: int) -> Any:
        answer = await self.http.request(method, f"/api/v1{path}", json=body, headers=self.headers)
        assert answer.status_code == expect, answer.text
        return answer.json() if answer.content else None

    async def customer(self, email: str = "ada@example.com") -> str:
        body = {"name": "Ada Lovelace", "email": email}
        return (await self("POST", "/customers", body, expect=201))["customer_id"]


@asynccontextmanager
async def calling(engine: AsyncEngine, gateway: Gateway | None = None) -> AsyncIterator[Caller]:
    """The office, calling."""
    transport = httpx.ASGITransport(make_app(engine, gateway))
    async with httpx.AsyncClient(transport=transport, base_url="http://cloud") as http:
        yield Caller(http).acting(Role.HQ)


async def save_card(engine: AsyncEngine, customer_id: str, name: str = "pm_1") -> None:
    """What billing's webhook does when the gateway saved a card."""
    async with transaction(engine) as conn:
        query = text(
            "UPDATE customers.customers SET gateway_customer_id = 'cus_' || customer_id WHERE customer_id = :id"
        )
        await conn.execute(query, {"id": customer_id})
        ours = await accounts.payment_method_attached(
            conn, gateway_customer_id=f"cus_{customer_id}", payment_method=PaymentMethod(name, "visa", "4242")
        )
        assert ours


async def decided(engine: AsyncEngine) -> Sequence[Decision]:
    """The decisions that facilities hold, by version: the newest of each key."""
    async with transaction(engine) as conn:
        bodies = await conn.scalars(text("SELECT body FROM link.decisions ORDER BY version"))
        return [decision for body in bodies if (decision := parse_decision(body)) is not None]
