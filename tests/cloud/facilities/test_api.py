"""Configuring facilities over HTTP: what is stored is what the facility is told."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.auth import Role
from cloud.db import transaction
from cloud.facilities import store
from cloud.link.decisions import decision_log, read_batch
from shared.decisions import FacilityConfigured, parse_decision
from shared.facilities import SpaceKind
from tests import builders
from tests.cloud.serving import Api

pytestmark = pytest.mark.anyio

HERE = builders.facility(11_000, 50_000, facility_id="here", name="Here")
PATH = "/api/v1/facilities"


async def told(engine: AsyncEngine, facility_id: str) -> list[object]:
    async with transaction(engine) as conn:
        log_id, _ = await decision_log(conn)
        batch = await read_batch(conn, facility_id, log_id=log_id, after=0)
    return [parse_decision(entry.body) for entry in batch.entries]


async def test_a_configured_facility_is_stored_and_told_in_one_step(api: Api, engine: AsyncEngine) -> None:
    await api("PUT", f"{PATH}/here", HERE.model_dump(mode="json"))
    async with transaction(engine) as conn:
        assert await store.facility(conn, "here") == HERE
    assert await told(engine, "here") == [FacilityConfigured(facility=HERE)]
    assert await told(engine, "there") == [], "nobody else needs the hashes of its stations' passwords"


async def test_a_later_configuration_replaces_the_whole(api: Api, engine: AsyncEngine) -> None:
    smaller = HERE.model_copy(update={"stations": (), "name": "Smaller"})
    await api("PUT", f"{PATH}/here", HERE.model_dump(mode="json"))
    await api("PUT", f"{PATH}/here", smaller.model_dump(mode="json"), as_=Role.MANAGER)
    assert await api("GET", f"{PATH}/here") == smaller.model_dump(mode="json")
    assert await told(engine, "here") == [FacilityConfigured(facility=smaller)]


async def test_the_address_and_the_body_must_name_the_same_facility(api: Api, engine: AsyncEngine) -> None:
    problem = await api("PUT", f"{PATH}/there", HERE.model_dump(mode="json"), expect=422)
    assert "there" in problem["detail"]
    assert await told(engine, "there") == []


async def test_what_is_no_facility_is_refused_with_what_was_wrong_and_where(api: Api) -> None:
    body = HERE.model_dump(mode="json") | {"zone": "Mars/Olympus", "latitude": 91}
    answer = await api.raw("PUT", f"{PATH}/here", body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert {error["where"] for error in answer.json()["errors"]} == {"body.zone", "body.latitude"}


async def test_the_list_counts_spaces_in_service_and_shows_no_secrets(api: Api) -> None:
    await api("PUT", f"{PATH}/here", HERE.model_dump(mode="json"))
    answer = await api.raw("GET", PATH, as_=Role.ATTENDANT)
    assert [(f["facility_id"], f["regular_spaces"], f["ev_spaces"]) for f in answer.json()] == [("here", 3, 2)]
    assert "password" not in answer.text


async def test_spaces_are_counted_by_kind_and_only_those_in_service(engine: AsyncEngine) -> None:
    closed = HERE.spaces[0].model_copy(update={"in_service": False})
    async with transaction(engine) as conn:
        await store.save(conn, HERE.model_copy(update={"spaces": (closed, *HERE.spaces[1:])}), now_ms=0)
        counts = {c.kind: c.spaces for c in await store.space_counts(conn)}
    assert counts == {SpaceKind.REGULAR: 2, SpaceKind.EV: 2}


async def test_a_facility_that_is_not_there_is_not_found(api: Api) -> None:
    answer = await api("GET", f"{PATH}/nowhere", expect=404)
    assert answer["detail"] == "there is no facility nowhere"


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.ATTENDANT, Role.FINANCE, Role.DEVICE])
async def test_only_headquarters_and_managers_configure(api: Api, role: Role) -> None:
    await api("PUT", f"{PATH}/here", HERE.model_dump(mode="json"), as_=role, expect=403)
    await api("GET", f"{PATH}/here", as_=role, expect=403)


async def test_nobody_looks_without_a_token(api: Api) -> None:
    await api("GET", PATH, as_=None, expect=401)
    await api("GET", PATH, as_=Role.CUSTOMER, expect=403)
