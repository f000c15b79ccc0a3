"""Fills an empty cloud with facilities, prices and customers, through the same HTTP that people and phones use.

Every step may be repeated: who is registered already stays so, a card that was saved is not saved again. Each customer
acts under a token of their own; their phone gives the card to the gateway itself, as in life.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import httpx

from cloud.auth import Role, issue_token
from hardware.simulator.customers import CardKind, PlannedCustomer
from provisioning.local.errors import SetupError
from shared.facilities import Facility
from shared.rights import RightKind
from shared.tariffs import Tariff

CONCURRENCY = 12
REQUEST_TIMEOUT_REAL_S = 30.0
TOKEN_TTL_S = 3600
PLAN_ID = "parking-pass"
PLAN = {"name": "Monthly parking pass", "covers_parking": True}
CARDS = {
    CardKind.OK: "pm_card_visa",
    CardKind.DECLINED: "pm_card_chargeCustomerFail",
    CardKind.NEEDS_AUTHENTICATION: "pm_card_authenticationRequired",
}
"""The gateway's own test cards: one that pays, one that saves and then declines, one whose bank asks each time."""
_UNEXPECTED_STATE = "setup_intent_unexpected_state"


@dataclass(frozen=True, slots=True)
class Gate:
    """Where to seed: the cloud's API with the secret that signs its tokens, and the gateway as phones see it."""

    api: str
    jwt_secret: str
    gateway: str


@dataclass(frozen=True, slots=True)
class Launch:
    """What there is at the start. ``name`` makes the customers' ids, so that other launches have other customers."""

    name: str
    facilities: tuple[Facility, ...]
    tariffs: tuple[Tariff, ...]
    customers: tuple[PlannedCustomer, ...]


def seed(gate: Gate, launch: Launch) -> None:
    """Register everything. That a card was saved is told to the cloud by the gateway, in its own time. Raises
    SetupError."""
    try:
        asyncio.run(_seed(gate, launch))
    except* httpx.HTTPStatusError as refusals:
        raise SetupError(
            f"the cloud cannot be filled: {_said(_first(refusals))}; start over with --fresh"
        ) from refusals
    except* httpx.TransportError as troubles:
        raise SetupError(
            f"the cloud does not answer while it is filled ({_first(troubles)}): look at the logs of its processes,"
            " then start again"
        ) from troubles


def customer_id_of(name: str, customer: PlannedCustomer) -> str:
    """The id under which a planned customer of a launch is registered."""
    return f"{name}-{customer.index:04d}"


def _first(group: BaseExceptionGroup[Any]) -> Any:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


def _said(error: httpx.HTTPStatusError) -> str:
    request = error.request
    return f"{request.method} {request.url.path} gave {error.response.status_code}: {error.response.text[:200]}"


async def _seed(gate: Gate, launch: Launch) -> None:
    limits = httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)
    async with (
        httpx.AsyncClient(base_url=gate.api, timeout=REQUEST_TIMEOUT_REAL_S, limits=limits) as api,
        httpx.AsyncClient(base_url=gate.gateway, timeout=REQUEST_TIMEOUT_REAL_S, limits=limits) as gateway,
    ):
        seeder = _Seeder(api, gateway, gate.jwt_secret)
        await seeder.configure(launch)
        await seeder.register(launch)


class _Seeder:
    def __init__(self, api: httpx.AsyncClient, gateway: httpx.AsyncClient, jwt_secret: str) -> None:
        self._api = api
        self._gateway = gateway
        self._secret = jwt_secret
        self._office = self._token(Role.HQ, "demo-office")

    def _token(self, role: Role, subject: str) -> dict[str, str]:
        token = issue_token(self._secret, role=role, subject=subject, ttl_s=TOKEN_TTL_S, now_s=int(time.time()))
        return {"Authorization": f"Bearer {token}"}

    async def configure(self, launch: Launch) -> None:
        """Facilities, prices and the plan on sale."""
        for facility in launch.facilities:
            body = facility.model_dump(mode="json")
            _checked(await self._api.put(f"/api/v1/facilities/{facility.facility_id}", json=body, headers=self._office))
        for tariff in launch.tariffs:
            _checked(await self._api.post("/api/v1/tariffs", json=tariff.model_dump(mode="json"), headers=self._office))
        _checked(await self._api.put(f"/api/v1/plans/{PLAN_ID}", json=PLAN, headers=self._office))

    async def register(self, launch: Launch) -> None:
        """All customers, some at a time."""
        waiting = [(customer_id_of(launch.name, customer), customer) for customer in reversed(launch.customers)]
        async with asyncio.TaskGroup() as group:
            for _ in range(CONCURRENCY):
                group.create_task(self._work_off(waiting))

    async def _work_off(self, waiting: list[tuple[str, PlannedCustomer]]) -> None:
        while waiting:
            await self._customer(*waiting.pop())

    async def _customer(self, customer_id: str, customer: PlannedCustomer) -> None:
        own = self._token(Role.CUSTOMER, customer_id)
        path = f"/api/v1/customers/{customer_id}"
        new = {"name": customer.name, "email": customer.email}
        is_new = _checked(await self._api.post("/api/v1/customers", json=new, headers=own), also=409).status_code != 409
        for vehicle in customer.vehicles:
            body = vehicle.model_dump(mode="json")
            _checked(await self._api.post(f"{path}/vehicles", json=body, headers=own))
        token = {"token": customer.id_token}
        _checked(await self._api.post(f"{path}/tokens", json=token, headers=self._office))
        if customer.kind is RightKind.SUBSCRIPTION and (is_new or not await self._has_pass(customer_id, own)):
            subscription = {"customer_id": customer_id, "plan_id": PLAN_ID}
            _checked(await self._api.post("/api/v1/subscriptions", json=subscription, headers=self._office))
        await self._save_card(path, own, CARDS[customer.card])

    async def _has_pass(self, customer_id: str, own: dict[str, str]) -> bool:
        asked = {"customer_id": customer_id}
        return bool(_checked(await self._api.get("/api/v1/subscriptions", params=asked, headers=own)).json())

    async def _save_card(self, path: str, own: dict[str, str], card: str) -> None:
        """As the gateway's form on a phone does: with the intent's secret and a publishable key."""
        begun = _checked(
            await self._api.post(f"{path}/setup-intents", headers={**own, "Idempotency-Key": "first-card"})
        ).json()
        intent_id = begun["setup_intent_id"]
        answer = await self._gateway.post(
            f"/v1/setup_intents/{intent_id}/confirm",
            data={"client_secret": begun["client_secret"], "payment_method": card},
            headers={"Authorization": "Bearer pk_test_phone"},
        )
        if answer.status_code == 400 and answer.json()["error"].get("code") == _UNEXPECTED_STATE:
            return  # saved by an earlier start
        if _checked(answer).json()["status"] == "requires_action":
            _checked(await self._gateway.post(f"/authenticate/{intent_id}"))


def _checked(answer: httpx.Response, also: int | None = None) -> httpx.Response:
    """The answer when it is a success, or has the status ``also``. Raises httpx.HTTPStatusError."""
    if answer.status_code != also:
        answer.raise_for_status()
    return answer
