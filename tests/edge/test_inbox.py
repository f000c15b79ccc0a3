"""What goes when more waits than there is room for: what a newer input of its kind has overtaken, and questions."""

import asyncio

import pytest

from edge import inbox
from edge.inbox import Inbox, RuntimeBusyError
from edge.rules.gathering import DiagnosticsGathered
from edge.rules.inputs import AuthorizeAsked, LimitReplied, LoadMetered, OrderReplied, StationClosed, Ticked
from shared.commands import Outcome

pytestmark = pytest.mark.anyio


def test_of_a_meter_only_the_newest_reading_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "WAITING_MAX", 3)
    waiting = Inbox(lambda: 0)
    for given in (LoadMetered(1_000), Ticked(), LoadMetered(2_000), LoadMetered(3_000)):
        waiting.put(given)
    assert [w.given for w in waiting.take(10)] == [Ticked(), LoadMetered(2_000), LoadMetered(3_000)]


async def test_a_question_is_refused_when_too_much_waits_and_what_is_told_once_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox, "WAITING_MAX", 1)
    waiting, somebody = Inbox(lambda: 0), asyncio.get_running_loop().create_future
    told_once = (
        LimitReplied(1, "cs-1", 1, "ACCEPTED"),
        OrderReplied("o-1", "cs-1", "ACCEPTED"),
        StationClosed("cs-1", "gone"),
        DiagnosticsGathered("c-1", Outcome.DONE),
    )
    for given in told_once:
        waiting.put(given, somebody())
    with pytest.raises(RuntimeBusyError, match="1 inputs wait already"):
        waiting.put(AuthorizeAsked("cs-1", "t-1"), somebody())
    assert tuple(w.given for w in waiting.take(10)) == told_once
