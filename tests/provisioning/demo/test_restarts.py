"""A child that ends is started again soon, then more and more slowly; a long good run makes up for it."""

import pytest

from provisioning.demo.restarts import LONGEST_WAIT_REAL_S, WELL_AFTER_REAL_S, Restarts


def waits(*run_lengths_real_s: float) -> list[float]:
    """How long is waited after each of these runs."""
    restarts, now, found = Restarts().started(0.0), 0.0, []
    for length in run_lengths_real_s:
        now += length
        restarts = restarts.ended(now)
        assert restarts.start_at_real_s is not None
        found.append(restarts.start_at_real_s - now)
        now = restarts.start_at_real_s
        restarts = restarts.started(now)
    return found


def test_waits_double_up_to_half_a_minute() -> None:
    assert waits(*[0.1] * 9) == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30])
    assert LONGEST_WAIT_REAL_S == 30


def test_a_run_of_a_minute_begins_the_count_anew() -> None:
    assert waits(0.1, 0.1, 0.1, WELL_AFTER_REAL_S, 0.1) == pytest.approx([0.5, 1, 2, 0.5, 1])


def test_it_is_due_only_after_its_wait() -> None:
    ended = Restarts().started(0.0).ended(10.0)
    assert [ended.is_due(at) for at in (10.0, 10.4, 10.5, 99.0)] == [False, False, True, True]
    assert not Restarts().is_due(99.0)
