"""Whose standing is looked up when, and that a decision reaches the rules through it."""

import asyncio

import pytest

from edge import standings
from edge.rules.facility import new_state
from shared.decisions import PlateBlocked
from shared.sync import SyncEntry
from tests.edge.test_api import Rig, rig, store  # noqa: F401 - fixtures
from tests.waiting import until


def test_cars_that_came_in_are_looked_up_at_once_and_all_once_in_a_round() -> None:
    state = new_state("log")
    state.session_of_plate = {f"CAR{i}": f"s-{i}" for i in range(100)}
    looked_up: dict[str, None] = {}
    assert len(standings.due(looked_up, state)) == 100
    state.session_of_plate["NEW"] = "s-new"
    found = [standings.due(looked_up, state) for _ in range(20)]
    assert found[0][0] == "NEW"
    assert all(len(step) <= 7 for step in found)
    assert {plate for step in found for plate in step} == set(state.session_of_plate)


def test_cars_that_left_are_forgotten() -> None:
    state = new_state("log")
    state.session_of_plate = {"GONE": "s-1"}
    looked_up: dict[str, None] = {}
    standings.due(looked_up, state)
    state.session_of_plate = {}
    assert standings.due(looked_up, state) == []
    assert looked_up == {}


@pytest.mark.anyio
async def test_a_plate_that_is_blocked_while_its_car_is_inside_becomes_known(rig: Rig) -> None:  # noqa: F811
    await rig.enter("4AB12")
    keeping = asyncio.create_task(standings.keep(rig.runtime))
    blocked = PlateBlocked(plate="4AB12", reason="stolen").model_dump(mode="json")
    rig.store.apply_decisions("hq-1", [SyncEntry(position=900, body=blocked)], 900)
    [session] = rig.runtime.state.sessions.values()
    await until(lambda: session.blocked)
    keeping.cancel()
