"""The net has no hole: every planted bug is found, by seeds from 0 on."""

import pytest

from provisioning.simulation.bugs import BUGS
from provisioning.simulation.planting import planted
from provisioning.simulation.story import live

SEEDS = 100


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(bug):
    with planted(bug):
        assert any(live(seed, bug.scenario).failures for seed in range(SEEDS)), bug.about


def test_what_was_planted_is_gone_afterwards():
    with planted(BUGS[0]):
        pass
    assert live(0, BUGS[0].scenario).failures == []
