"""A power cut takes nothing that was acknowledged; and the net that shows it has no hole."""

import pytest

pytest.importorskip("apsw", reason="the torn disk is an apsw virtual file system")

from tests.torture.power_cut import torture


@pytest.mark.parametrize("seed", range(3))
def test_what_was_acknowledged_survives_a_power_cut(seed: int) -> None:
    found = torture(seed, 20)
    assert found.problems == ()


def test_a_store_that_does_not_sync_every_commit_is_caught() -> None:
    found = torture(1, 40, synchronous="NORMAL")
    assert found.lossy > 0
    assert found.damaged == 0
