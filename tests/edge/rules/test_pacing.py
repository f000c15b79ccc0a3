"""How much of the box a drain takes, and when it waits."""

import pytest

from edge.rules.pacing import (
    BATCH_BYTES_MAX,
    BATCH_BYTES_MIN,
    GIVE_WAY_REAL_MS_MAX,
    QUICK_REAL_MS,
    REST_REAL_MS_MAX,
    SHARE_PCT,
    SLOW_REAL_MS,
    gives_way,
    next_batch_bytes,
    rest_real_ms,
)


@pytest.mark.parametrize("worked_real_ms", [0.1, 1.0, 7.5, 300.0])
def test_work_and_its_rest_together_leave_the_drain_its_share(worked_real_ms: float) -> None:
    whole_real_ms = worked_real_ms + rest_real_ms(worked_real_ms)
    assert worked_real_ms / whole_real_ms == pytest.approx(SHARE_PCT / 100)


def test_nothing_done_needs_no_rest_and_no_rest_is_longer_than_the_bound() -> None:
    assert rest_real_ms(0) == 0
    assert rest_real_ms(3_600_000) == REST_REAL_MS_MAX


def test_a_drain_gives_way_while_the_site_is_at_work_and_not_for_ever() -> None:
    assert gives_way(site_at_work=True, given_real_ms=0)
    assert not gives_way(site_at_work=False, given_real_ms=0)
    assert not gives_way(site_at_work=True, given_real_ms=GIVE_WAY_REAL_MS_MAX)


def test_batches_grow_to_their_bound_while_the_cloud_answers_quickly() -> None:
    sizes = [BATCH_BYTES_MIN]
    while sizes[-1] < BATCH_BYTES_MAX:
        sizes.append(next_batch_bytes(sizes[-1], QUICK_REAL_MS - 1))
    assert sizes == sorted(set(sizes))
    assert next_batch_bytes(BATCH_BYTES_MAX, 0) == BATCH_BYTES_MAX


@pytest.mark.parametrize(
    ("answered_real_ms", "expected"),
    [
        (QUICK_REAL_MS, 1_000_000),
        (SLOW_REAL_MS, 1_000_000),
        (SLOW_REAL_MS + 1, 500_000),
        (None, BATCH_BYTES_MIN),
    ],
)
def test_a_batch_that_takes_long_makes_the_next_ones_smaller(answered_real_ms: int | None, expected: int) -> None:
    assert next_batch_bytes(1_000_000, answered_real_ms) == expected


def test_no_batch_is_smaller_than_the_least() -> None:
    assert next_batch_bytes(BATCH_BYTES_MIN, SLOW_REAL_MS + 1) == BATCH_BYTES_MIN
