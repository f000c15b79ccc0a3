"""Two boxes with one name: the first is kept, the second refused; a replaced box is taken without anybody's help."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.auth import Role
from cloud.db import transaction
from cloud.link import boxes
from cloud.link.boxes import CONTESTED_REAL_MS, LATELY_REAL_MS, QUIET_REAL_MS, Box, Boxes, Verdict, spoke
from cloud.link.door import Door
from edge import link as edge_link
from provisioning.local.broker import Broker
from shared.clock import REAL_TIME, Clock
from shared.wire import Notice
from tests.cloud.link.boxes_kit import RealBox, linking
from tests.cloud.serving import Api
from tests.waiting import until

pytestmark = pytest.mark.anyio
FIRST, SECOND = Box("log-a", "p1"), Box("log-b", "p9")


class Hall:
    """Boxes that speak, and what became of each."""

    def __init__(self) -> None:
        self.boxes = Boxes()
        self.now_ms = 1_000_000

    def speak(self, box: Box, after_ms: int = 0) -> Verdict:
        self.now_ms += after_ms
        self.boxes, verdict = spoke(self.boxes, box, self.now_ms)
        return verdict


@pytest.fixture
def hall() -> Hall:
    hall = Hall()
    assert hall.speak(FIRST) is Verdict.TAKEN
    return hall


def test_a_restarted_box_is_the_same_box(hall: Hall) -> None:
    assert hall.speak(Box("log-a", "p2"), 500) is Verdict.TAKEN
    assert hall.speak(Box("log-a"), 500) is Verdict.TAKEN, "a version that does not tell its process"


def test_a_box_replaced_after_the_old_one_was_silent_is_taken_at_once(hall: Hall) -> None:
    assert hall.speak(SECOND, LATELY_REAL_MS + 1) is Verdict.TAKEN
    assert hall.speak(SECOND, 10) is Verdict.TAKEN


def test_a_box_replaced_just_now_is_taken_once_the_old_one_has_not_spoken_for_a_while(hall: Hall) -> None:
    assert hall.speak(SECOND, 2_000) is Verdict.WAIT
    assert hall.speak(SECOND, QUIET_REAL_MS) is Verdict.WAIT
    assert hall.speak(SECOND, 1) is Verdict.TAKEN


def test_of_two_that_live_the_first_is_kept_and_the_second_refused(hall: Hall) -> None:
    assert hall.speak(SECOND, 2_000) is Verdict.WAIT
    assert hall.speak(FIRST, 300) is Verdict.TAKEN
    for _ in range(10):
        assert hall.speak(SECOND, 60_000) is Verdict.REFUSED
        assert hall.speak(FIRST, 300) is Verdict.TAKEN


def test_a_refused_box_takes_over_only_after_a_long_silence_of_the_other(hall: Hall) -> None:
    hall.speak(SECOND)
    hall.speak(FIRST)
    assert hall.speak(SECOND, LATELY_REAL_MS + 1) is Verdict.REFUSED
    assert hall.speak(SECOND, CONTESTED_REAL_MS) is Verdict.TAKEN


def test_a_second_box_with_a_copy_of_the_log_shows_when_the_first_is_heard_again(hall: Hall) -> None:
    copy = Box("log-a", "p2")
    assert hall.speak(copy, 500) is Verdict.TAKEN, "it looks like a restart"
    assert hall.speak(FIRST, 500) is Verdict.TAKEN
    assert hall.speak(copy, 500) is Verdict.REFUSED
    assert hall.speak(Box("log-a", "p3"), 500) is Verdict.TAKEN, "the first one, started again"
    assert hall.speak(copy, 500) is Verdict.REFUSED


# With a database.


class Doorstep:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.real_ms = 1_000_000
        self.told: list[Notice] = []
        self.door = self.another()

    def another(self) -> Door:
        clock = Clock(REAL_TIME, lambda: 1_000.0)
        return Door("here", self.engine, clock, monotonic_ms=lambda: self.real_ms, tell=self.told.append)

    async def row(self) -> tuple[str, str]:
        async with transaction(self.engine) as conn:
            found = await boxes.standing(conn, "here")
        assert found is not None
        return found["log_id"], found["rival_log_id"]


@pytest.fixture
def step(engine: AsyncEngine) -> Doorstep:
    return Doorstep(engine)


async def test_the_choice_outlives_the_process_that_made_it(step: Doorstep) -> None:
    assert await step.door.announced(FIRST)
    after_a_restart = step.another()
    assert not await after_a_restart.announced(SECOND)
    assert await after_a_restart.announced(FIRST)
    assert not await after_a_restart.sent("log-b")
    assert await after_a_restart.sent("log-a")
    assert await step.row() == ("log-a", "log-b")
    assert "is refused" in step.told[-1].text


async def test_a_person_can_choose_the_other_box(step: Doorstep) -> None:
    await step.door.announced(FIRST)
    await step.door.announced(SECOND)
    await step.door.announced(FIRST)
    assert not await step.door.announced(SECOND)
    async with transaction(step.engine) as conn:
        await boxes.choose(conn, "here", Box("log-b"), now_ms=5)
    assert await step.door.announced(SECOND)
    assert not await step.door.announced(FIRST)
    assert await step.row() == ("log-b", "log-a")


async def test_headquarters_chooses_by_one_call(api: Api, step: Doorstep) -> None:
    path = "/api/v1/facilities/here/box"
    await api("GET", path, expect=404)
    await step.door.announced(FIRST)
    assert (await api("PUT", path, {"log_id": "log-b"}))["log_id"] == "log-b"
    await api("PUT", path, {"log_id": "log-a"}, as_=Role.ATTENDANT, expect=403)
    assert (await api("GET", path))["log_id"] == "log-b"


# With two real boxes on a real broker.


@pytest.fixture
async def two(tmp_path: Path, broker: Broker) -> AsyncIterator[tuple[RealBox, RealBox]]:
    pair = RealBox(tmp_path / "a", broker), RealBox(tmp_path / "b", broker)
    yield pair
    for box in pair:
        await box.stop()


async def test_the_second_of_two_real_boxes_is_refused_leaves_the_wire_and_says_so(
    engine: AsyncEngine, database_url: str, broker: Broker, two: tuple[RealBox, RealBox]
) -> None:
    first, second = two
    async with linking(engine, database_url, broker):
        first.start()
        await until(lambda: first.link.view().acked == 1)
        second.start()
        await until(lambda: second.link.view().refused and not second.link.view().connected)
        view = second.link.view()
        assert view.acked is None
        assert f"writes log {first.store.log_id}" in str(view.problem)
        await until(lambda: first.link.view().connected)
        assert edge_link.REFUSED_REAL_S >= 60
        async with transaction(engine) as conn:
            row = await boxes.standing(conn, "here")
        assert row is not None
        assert (row["log_id"], row["rival_log_id"]) == (first.store.log_id, second.store.log_id)
