"""A part beside the lanes: it is started again alone, told once, and its trouble shows."""

import asyncio
import logging

import pytest

from edge import part as part_module
from edge.part import Part

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_module, "BACKOFF_MIN_REAL_S", 0.001)
    monkeypatch.setattr(part_module, "BACKOFF_MAX_REAL_S", 0.004)


async def keep_alive_until(part: Part, reached: asyncio.Event) -> None:
    task = asyncio.create_task(part.keep_alive())
    await asyncio.wait_for(reached.wait(), 5)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


async def test_a_part_that_fails_is_started_again_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    lives, reached = [], asyncio.Event()

    async def live() -> None:
        lives.append(1)
        if len(lives) == 5:
            reached.set()
            await asyncio.sleep(60)
        raise OSError("address in use")

    part = Part("api", live)
    assert part.problem == "not started yet"
    await keep_alive_until(part, reached)
    assert len(lives) == 5
    assert part.problem is None
    assert [r.levelno for r in caplog.records if r.name == "edge.part"] == [logging.ERROR]
    assert "api failed and is started again: OSError: address in use" in caplog.text


async def test_another_trouble_is_told_again_and_what_lies_in_a_group_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    errors, reached = [OSError("one"), ExceptionGroup("g", [ValueError("two")])], asyncio.Event()

    async def live() -> None:
        if errors:
            raise errors.pop(0)
        reached.set()
        await asyncio.sleep(60)

    await keep_alive_until(Part("link", live), reached)
    told = [r.getMessage() for r in caplog.records if r.name == "edge.part"]
    assert [t.split(": ", 1)[1] for t in told] == ["OSError: one", "ValueError: two"]


async def test_while_it_waits_its_problem_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_module, "BACKOFF_MIN_REAL_S", 60)

    async def live() -> None:
        raise OSError("no route")

    part = Part("link", live)
    task = asyncio.create_task(part.keep_alive())
    await asyncio.sleep(0.01)
    assert part.problem == "OSError: no route"
    task.cancel()


async def test_a_part_that_returns_has_failed_too() -> None:
    lives, reached = [], asyncio.Event()

    async def live() -> None:
        lives.append(1)
        if len(lives) == 2:
            reached.set()

    await keep_alive_until(Part("stations", live), reached)
