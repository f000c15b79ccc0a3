"""What goes when more waits than there is room for: only what a newer input of its kind has overtaken."""

import pytest

from edge import inbox
from edge.inbox import Inbox
from edge.rules.inputs import LoadMetered, Ticked


def test_of_a_meter_only_the_newest_reading_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "WAITING_MAX", 3)
    waiting = Inbox(lambda: 0)
    for given in (LoadMetered(1_000), Ticked(), LoadMetered(2_000), LoadMetered(3_000)):
        waiting.put(given)
    assert [w.given for w in waiting.take(10)] == [Ticked(), LoadMetered(2_000), LoadMetered(3_000)]
