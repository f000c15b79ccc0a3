"""What no order, repetition or loss of a transaction's messages may change."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.rules import closing
from edge.rules.inputs import ConnectorReported, Matches, Ticked
from shared.clock import HOUR_MS, MINUTE_MS
from shared.events import TransactionEnded
from tests.builders import NINE_MS, facility, right
from tests.edge.rules.site import Site

ANN = right("ann", "ANNSCAR")
RATING_W = 11_000
STATES = ("Charging", "SuspendedEV", "SuspendedEVSE", None)


@dataclass(frozen=True)
class Message:
    seq_no: int
    kind: str
    register_wh: int | None
    state: str | None


def messages(registers_wh: list[int | None], states: list[str | None]) -> list[Message]:
    last = len(registers_wh) - 1
    kinds = ["Started", *["Updated"] * (last - 1), "Ended"]
    return [Message(i, k, r, s) for i, (k, r, s) in enumerate(zip(kinds, registers_wh, states, strict=True))]


def played(told: list[Message], *, free_before: int | None = None) -> TransactionEnded:
    """Give messages in the order given, then let the time pass after which nothing more is waited for. Before one of
    them the connector is told to be free."""
    site = Site(facility(RATING_W), now_ms=NINE_MS + 3 * HOUR_MS)
    site.connect("cs-1")
    site.drive_through("in-1", "ANNSCAR", ANN)
    for place, message in enumerate(told):
        if place == free_before:
            site.give(ConnectorReported("cs-1", 1, 1, "Available"))
        who = {"id_token": "TOKEN-ann", "matches": Matches(rights=(ANN,))} if message.kind == "Started" else {}
        at_ms = NINE_MS + message.seq_no * 5 * MINUTE_MS
        values = {"register_wh": message.register_wh, "charging_state": message.state, "at_ms": at_ms, **who}
        site.transaction("cs-1", message.kind, message.seq_no, **values)
    site.now_ms += closing.CLOSE_WITHIN_MS
    site.give(Ticked())
    [ended] = site.of(TransactionEnded)
    assert not site.state.transactions
    return ended


honest = st.lists(st.integers(0, 900), min_size=3, max_size=8).map(
    lambda steps: [1_000 + sum(steps[: i + 1]) for i in range(len(steps))]
)
wild = st.lists(st.one_of(st.none(), st.integers(0, 3_000), st.integers(0, 10**9)), min_size=3, max_size=8)


@st.composite
def stories(draw, registers):
    registers_wh = draw(registers)
    n = len(registers_wh)
    states = ["Charging", *draw(st.lists(st.sampled_from(STATES), min_size=n - 1, max_size=n - 1))]
    return messages(registers_wh, states)


def bill(ended: TransactionEnded) -> tuple[int, int, int, int, bool]:
    paid = ended.session_id is not None
    return ended.energy_wh, ended.started_at_ms, ended.finished_at_ms, ended.ended_at_ms, paid


@settings(max_examples=150, deadline=None)
@given(stories(st.one_of(honest, wild)), st.data())
def test_any_order_and_repetition_gives_the_same_bill_and_one_end(story, data):
    shuffled = data.draw(st.permutations(story))
    repeats = data.draw(st.lists(st.sampled_from(story), max_size=6))
    assert bill(played([*shuffled, *repeats])) == bill(played(story))


@settings(max_examples=150, deadline=None)
@given(stories(st.one_of(honest, wild)), st.data())
def test_a_connector_that_is_told_to_be_free_before_the_messages_are_all_here_changes_no_bill(story, data):
    place = data.draw(st.integers(0, len(story) - 1))
    assert bill(played(story, free_before=place)) == bill(played(story))


@settings(max_examples=150, deadline=None)
@given(stories(honest), st.data())
def test_messages_lost_between_the_first_and_the_last_change_no_energy(story, data):
    middle = data.draw(st.lists(st.sampled_from(story[1:-1]), unique=True))
    whole, holed = played(story), played([story[0], *sorted(middle, key=lambda m: m.seq_no), story[-1]])
    assert (holed.energy_wh, holed.started_at_ms, holed.ended_at_ms) == (
        whole.energy_wh,
        whole.started_at_ms,
        whole.ended_at_ms,
    )


@settings(max_examples=150, deadline=None)
@given(stories(wild), st.data())
def test_no_more_is_billed_than_the_evse_can_have_given_whatever_its_meter_says(story, data):
    told = data.draw(st.lists(st.sampled_from(story), min_size=1, unique=True).filter(lambda m: story[-1] in m))
    ended = played(told)
    duration_ms = (len(story) - 1) * 5 * MINUTE_MS
    assert 0 <= ended.energy_wh <= RATING_W * 11 * (duration_ms + MINUTE_MS) // (10 * HOUR_MS)
    said = [m.register_wh for m in told if m.register_wh is not None]
    assert ended.energy_wh <= sum(max(0, b - a) for a, b in _pairs(sorted(told, key=lambda m: m.seq_no))) or not said


def _pairs(told: list[Message]) -> list[tuple[int, int]]:
    """Every pair of registers that could be two neighbours among the believed."""
    said = [m.register_wh for m in told if m.register_wh is not None]
    return [(a, b) for i, a in enumerate(said) for b in said[i + 1 :]]
