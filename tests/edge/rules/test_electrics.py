"""The budget holds whatever fails: stations modelled one by one, driven densely, judged at every instant."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.rules.books import BudgetError
from tests.builders import facility
from tests.edge.rules.driving import Driver
from tests.edge.rules.planted import FAULTS, Plant
from tests.torture.power import LIFE_STEPS, drive, trial

STEPS = 4_000
LIVES_MAX = 60


def test_no_judge_objects_to_anything_in_thousands_of_steps():
    found = trial(STEPS, first=1, say=lambda _: None)
    assert found["audit"] == []


def test_the_same_life_is_lived_again_step_by_step():
    first, again = drive(7)[0], drive(7)[0]
    assert first.site.now_ms == again.site.now_ms
    assert first.site.log == again.site.log


class Told:
    """Chance that draws what it is told, then always 0."""

    def __init__(self, numbers: list[int]) -> None:
        self._left = iter(numbers)

    def randrange(self, stop: int) -> int:
        return next(self._left, 0) % stop


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 255), max_size=200))
def test_no_short_story_makes_a_judge_object(numbers):
    """What the long drive finds is found again here in its shortest form."""
    driver = Driver(facility(22_000, 50_000, regular=0, budget_w=50_000), Told(numbers))
    for _ in range(len(numbers) // 2):
        driver.step()
    assert driver.site.found == []


@pytest.mark.parametrize("plant", [pytest.param(plant, id=name) for name, plant in FAULTS.items()])
def test_a_planted_fault_is_caught(plant: Plant, monkeypatch):
    plant(monkeypatch)
    assert any(caught(life) for life in range(1, LIVES_MAX))


def caught(life: int) -> bool:
    try:
        return bool(drive(life, LIFE_STEPS)[0].site.found)
    except BudgetError:
        return True
