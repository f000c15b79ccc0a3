"""Every error of the API is problem+json and says no more than it should."""

import logging

import httpx
import pytest
from fastapi import FastAPI

from cloud import problems
from tests.cloud.serving import Api, serving

pytestmark = pytest.mark.anyio


async def test_an_unknown_address_and_a_wrong_method_are_problems(api: Api) -> None:
    answer = await api.raw("GET", "/api/v1/nothing")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "Not Found"}
    assert (await api("DELETE", "/api/v1/facilities", expect=405))["status"] == 405


async def test_a_refusal_keeps_the_headers_that_its_kind_asks_for(api: Api) -> None:
    answer = await api.raw("GET", "/api/v1/facilities", as_=None)
    assert answer.json()["status"] == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_input_that_does_not_fit_is_named_and_not_repeated(api: Api) -> None:
    answer = await api.raw("POST", "/api/v1/tariffs", {"tariff_id": "SECRET Text"})
    assert answer.status_code == 422
    assert "body.tariff_id" in {error["where"] for error in answer.json()["errors"]}
    assert "SECRET" not in answer.text


async def test_a_database_that_cannot_be_reached_is_said_and_may_be_tried_again() -> None:
    async with serving("postgresql://nobody:nothing@127.0.0.1:1/none") as api:
        answer = await api.raw("GET", "/health", as_=None)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"


async def test_health_is_open_to_all_and_asks_the_database(api: Api) -> None:
    assert await api("GET", "/health", as_=None) == {"status": "ok"}


async def test_a_defect_of_ours_tells_the_client_nothing_of_our_insides(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    async def broken() -> None:
        raise RuntimeError("the password is hunter2")

    caplog.set_level(logging.CRITICAL)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://cloud") as http:
        answer = await http.get("/")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
