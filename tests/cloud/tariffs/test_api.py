"""Publishing tariffs over HTTP: versions that never change, told to every facility they price."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.auth import Role
from cloud.db import transaction
from cloud.link.decisions import decision_log, read_batch
from cloud.tariffs import store
from shared.decisions import TariffPublished, parse_decision
from shared.tariffs import Tariff
from tests import builders
from tests.cloud.serving import Api

pytestmark = pytest.mark.anyio

PARKING, CHARGING = builders.tariffs()
PATH = "/api/v1/tariffs"


async def told(engine: AsyncEngine, facility_id: str) -> list[object]:
    async with transaction(engine) as conn:
        log_id, _ = await decision_log(conn)
        batch = await read_batch(conn, facility_id, log_id=log_id, after=0)
    return [parse_decision(entry.body) for entry in batch.entries]


async def post(api: Api, tariff: Tariff, *, as_: Role = Role.FINANCE, expect: int = 201) -> object:
    return await api("POST", PATH, tariff.model_dump(mode="json"), as_=as_, expect=expect)


async def test_a_published_tariff_is_stored_to_the_last_digit_and_told_to_all(api: Api, engine: AsyncEngine) -> None:
    await post(api, PARKING)
    await post(api, CHARGING, as_=Role.HQ)
    async with transaction(engine) as conn:
        assert await store.all_tariffs(conn) == (CHARGING, PARKING)
    assert await told(engine, "anywhere") == [TariffPublished(tariff=PARKING), TariffPublished(tariff=CHARGING)]


async def test_a_tariff_for_some_facilities_is_told_to_them_only(api: Api, engine: AsyncEngine) -> None:
    await post(api, PARKING.model_copy(update={"facility_ids": ("here",)}))
    assert len(await told(engine, "here")) == 1
    assert await told(engine, "there") == []


async def test_publishing_the_same_version_again_does_nothing(api: Api, engine: AsyncEngine) -> None:
    await post(api, PARKING)
    await post(api, PARKING, expect=200)
    assert len(await told(engine, "here")) == 1


async def test_a_version_is_never_changed_and_never_skipped_back(api: Api) -> None:
    await post(api, PARKING)
    changed = PARKING.model_copy(update={"effective_from_ms": 1})
    problem = await api("POST", PATH, changed.model_dump(mode="json"), as_=Role.FINANCE, expect=409)
    assert "never changed" in problem["detail"]
    await post(api, changed.model_copy(update={"version": 3}))
    await post(api, changed.model_copy(update={"version": 2}), expect=409)


async def test_of_two_who_publish_one_version_at_once_only_one_succeeds(api: Api, engine: AsyncEngine) -> None:
    tariffs = [PARKING.model_copy(update={"effective_from_ms": n}) for n in range(6)]
    answers = await asyncio.gather(
        *(api.raw("POST", PATH, t.model_dump(mode="json"), as_=Role.FINANCE) for t in tariffs)
    )
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409, 409, 409]
    assert len(await told(engine, "here")) == 1


async def test_tariffs_are_read_one_by_one_and_all_together(api: Api) -> None:
    await post(api, PARKING)
    assert await api("GET", f"{PATH}/parking/1", as_=Role.ATTENDANT) == PARKING.model_dump(mode="json")
    assert await api("GET", PATH, as_=Role.MANAGER) == [PARKING.model_dump(mode="json")]
    await api("GET", f"{PATH}/parking/2", expect=404)


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.ATTENDANT, Role.MANAGER, Role.DEVICE])
async def test_only_headquarters_and_finance_publish(api: Api, role: Role) -> None:
    await post(api, PARKING, as_=role, expect=403)
