"""Which entries of a log may go."""

from edge.rules.retention import removable

OLD, YOUNG = [(1, 5), (2, 6), (3, 7)], [(1, 5), (2, 60)]


def test_old_entries_that_the_cloud_holds_may_go() -> None:
    assert removable(OLD, acked=9, older_than_ms=10) == 3


def test_an_entry_that_the_cloud_does_not_hold_stays() -> None:
    assert removable(OLD, acked=2, older_than_ms=10) == 2
    assert removable(OLD, acked=0, older_than_ms=None) is None


def test_a_young_entry_stays_unless_the_disk_runs_short() -> None:
    assert removable(YOUNG, acked=9, older_than_ms=10) == 1
    assert removable(YOUNG, acked=9, older_than_ms=None) == 2


def test_an_entry_from_a_time_when_the_clock_was_ahead_keeps_those_after_it() -> None:
    assert removable([(1, 5), (2, 60), (3, 6)], acked=9, older_than_ms=10) == 1
