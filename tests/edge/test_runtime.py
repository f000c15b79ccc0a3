"""The runtime: nothing is obeyed or answered before it is durable, and a restart knows what was."""

import asyncio
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edge.database import StoreError
from edge.rules.inputs import (
    ArmSetpoint,
    Authorization,
    AuthorizeAsked,
    DisplaySetpoint,
    Due,
    Input,
    Knowledge,
    LaneSignalled,
    LimitReplied,
    Outcome,
    QuoteAsked,
    Setpoint,
    Ticked,
    TransactionReported,
)
from edge.runtime import FACILITY_RULES, Rules, Runtime, RuntimeStoppedError
from edge.store import Store
from shared.clock import REAL_TIME, Clock
from shared.decisions import RightAssigned
from shared.devices import Arm, Loop, LoopChanged, PlateRead
from shared.events import DaemonStarted, Entry, entry
from shared.rights import Right, RightKind, Vehicle
from shared.sync import SyncEntry

pytestmark = pytest.mark.anyio


@dataclass
class Tally:
    """A state that remembers what it was given, one entry per input that is not a quote."""

    log_id: str
    head: int = 0
    seen: list[str] = field(default_factory=list)
    ring_at_ms: int | None = None


def advance(state: Tally, knowledge: Knowledge, given: Input, now_ms: int, *, more: bool = False) -> Outcome:
    name = type(given).__name__
    setpoints: tuple[Setpoint, ...] = ()
    if isinstance(given, Ticked):
        state.ring_at_ms = None
        setpoints = (DisplaySetpoint("in-1", ("rung",)),)
    if isinstance(given, LaneSignalled):
        setpoints = (ArmSetpoint("in-1", Arm.RAISED),)
    if isinstance(given, LimitReplied):
        state.ring_at_ms = now_ms + given.request_id
    if isinstance(given, QuoteAsked):
        return Outcome((), (), Due(given.session_id, total_cents=state.head))
    written = entry(state.head + 1, now_ms, DaemonStarted(version=name))
    apply(state, written)
    rights = getattr(given, "matches", None)
    answer = Authorization("Accepted", ",".join(r.right_id for r in rights.rights)) if rights is not None else None
    return Outcome((written,), setpoints, answer)


def apply(state: Tally, written: Entry) -> None:
    state.head = written.seq
    state.seen.append(written.body["version"])


TALLY = Rules(
    new_state=Tally, advance=advance, apply=apply, deadline=lambda state, _knowledge: state.ring_at_ms, state_type=Tally
)
SIGNAL = LaneSignalled(LoopChanged(lane_id="in-1", loop=Loop.FRONT, occupied=True))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path, "boston")
    yield store
    store.close()


def runtime_on(store: Store, rules: Rules[Tally] = TALLY) -> Runtime[Tally]:
    return Runtime(store, Clock(REAL_TIME, time.time), rules, version="1")


@asynccontextmanager
async def running(runtime: Runtime[Any]) -> Any:
    task = asyncio.create_task(runtime.run())
    try:
        yield task
    finally:
        runtime.stop()
        await task


async def test_the_first_thing_on_record_is_that_the_daemon_started(store: Store) -> None:
    async with running(runtime := runtime_on(store)):
        await runtime.submit(SIGNAL)
    assert runtime.state.seen == ["Started", "LaneSignalled"]
    assert [e.body["version"] for e in store.entries(after=0, limit=9)] == ["Started", "LaneSignalled"]


async def test_a_setpoint_leaves_only_after_its_entries_are_durable(store: Store) -> None:
    durable: list[int] = []
    async with running(runtime := runtime_on(store)):
        runtime.on_setpoint(ArmSetpoint, lambda _: durable.append(len(store.entries(after=0, limit=9))))
        await runtime.submit(SIGNAL)
    assert durable == [2]


async def test_an_answer_is_given_after_the_setpoints_of_its_input_were_dispatched(store: Store) -> None:
    order: list[str] = []
    async with running(runtime := runtime_on(store)):
        runtime.on_setpoint(ArmSetpoint, lambda _: order.append("setpoint"))
        await runtime.submit(SIGNAL)
        order.append("answer")
    assert order == ["setpoint", "answer"]


async def test_the_site_is_at_work_until_what_was_decided_is_dispatched(store: Store) -> None:
    at_work: list[bool] = []
    runtime = runtime_on(store)
    async with running(runtime):
        runtime.on_setpoint(ArmSetpoint, lambda _: at_work.append(runtime.at_work))
        await runtime.submit(SIGNAL)
        assert not runtime.at_work
        runtime.post(SIGNAL)
        assert runtime.at_work
    assert at_work == [True, True]


async def test_a_setpoint_that_nobody_obeys_here_is_no_failure(store: Store) -> None:
    async with running(runtime := runtime_on(store)):
        runtime.on_setpoint(DisplaySetpoint, lambda _: pytest.fail("not mine"))
        await runtime.submit(SIGNAL)


async def test_inputs_that_wait_together_share_one_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[int] = []
    append = store.append
    monkeypatch.setattr(store, "append", lambda entries: (commits.append(len(entries)), append(entries)))
    async with running(runtime := runtime_on(store)):
        await asyncio.gather(*(runtime.submit(SIGNAL) for _ in range(100)))
    assert sum(commits) == 101
    assert len(commits) <= 2


async def test_inputs_are_decided_in_the_order_in_which_they_came(store: Store) -> None:
    async with running(runtime := runtime_on(store)):
        kinds: list[Input] = [SIGNAL, Ticked(), AuthorizeAsked("s", "t"), SIGNAL]
        await asyncio.gather(*map(runtime.submit, kinds))
    assert runtime.state.seen[1:] == ["LaneSignalled", "Ticked", "AuthorizeAsked", "LaneSignalled"]


async def test_a_question_without_entries_is_answered_without_a_commit(store: Store) -> None:
    async with running(runtime := runtime_on(store)):
        await runtime.submit(SIGNAL)
        commits = len(runtime.commits_real_s)
        assert await runtime.submit(QuoteAsked("s1")) == Due("s1", total_cents=2)
    assert len(runtime.commits_real_s) == commits


async def test_the_matches_of_plates_and_tokens_are_looked_up(store: Store) -> None:
    right = Right(
        right_id="sub-1",
        kind=RightKind.SUBSCRIPTION,
        customer_id="c",
        vehicles=(Vehicle(plate="4AB12"),),
        tokens=("DEAD",),
    )
    body = RightAssigned(right=right).model_dump(mode="json")
    store.apply_decisions("hq-1", [SyncEntry(position=1, body=body)], 1)
    read = LaneSignalled(PlateRead(lane_id="in-1", plate="4AB12", confidence_pct=99))
    tapped = TransactionReported("s", "t1", "Started", 0, 0, id_token="dead")
    no_token = TransactionReported("s", "t1", "Updated", 1, 0)
    async with running(runtime := runtime_on(store)):
        answers = await asyncio.gather(*map(runtime.submit, (read, AuthorizeAsked("s", "dead"), tapped, no_token)))
    assert [a.reason for a in answers if isinstance(a, Authorization)] == ["sub-1", "sub-1", "sub-1", ""]


async def test_the_timer_rings_at_the_deadline_and_only_then(store: Store) -> None:
    rung: asyncio.Queue[object] = asyncio.Queue()
    async with running(runtime := runtime_on(store)):
        runtime.on_setpoint(DisplaySetpoint, rung.put_nowait)
        began = time.monotonic()
        await runtime.submit(LimitReplied(80, "s", 1, "ACCEPTED"))
        await asyncio.wait_for(rung.get(), 5)
        assert 0.079 <= time.monotonic() - began < 2
        await asyncio.sleep(0.1)
    assert rung.empty()


async def test_new_knowledge_counts_at_once_and_the_rules_are_asked(store: Store) -> None:
    knowledge = Knowledge()
    async with running(runtime := runtime_on(store)):
        runtime.learn(knowledge)
        await runtime.submit(SIGNAL)
    assert runtime.knowledge is knowledge
    assert "Learned" in runtime.state.seen


async def test_when_the_disk_refuses_nothing_is_obeyed_and_the_daemon_ends(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = runtime_on(store)
    task = asyncio.create_task(runtime.run())
    await runtime.submit(SIGNAL)
    obeyed: list[object] = []
    runtime.on_setpoint(ArmSetpoint, obeyed.append)
    monkeypatch.setattr(store, "append", _disk_full)
    with pytest.raises(RuntimeStoppedError):
        await runtime.submit(SIGNAL)
    with pytest.raises(sqlite3.OperationalError):
        await task
    assert obeyed == []
    with pytest.raises(RuntimeStoppedError):
        await runtime.submit(SIGNAL)


def _disk_full(_entries: Sequence[Entry]) -> None:
    raise sqlite3.OperationalError("database or disk is full")


async def test_a_caller_that_gave_up_does_not_take_its_input_back(store: Store) -> None:
    async with running(runtime := runtime_on(store)):
        impatient = asyncio.create_task(runtime.submit(SIGNAL))
        await asyncio.sleep(0)
        impatient.cancel()
        await runtime.submit(QuoteAsked("s1"))
    assert runtime.state.seen == ["Started", "LaneSignalled"]


async def test_stopping_finishes_what_waits(store: Store) -> None:
    runtime = runtime_on(store)
    task = asyncio.create_task(runtime.run())
    waiting = [asyncio.create_task(runtime.submit(SIGNAL)) for _ in range(5)]
    await asyncio.sleep(0)
    runtime.stop()
    await task
    await asyncio.gather(*waiting)
    assert store.head == 6


async def test_appending_is_told_to_the_link(store: Store) -> None:
    heads: list[int] = []
    async with running(runtime := runtime_on(store)):
        runtime.on_appended = lambda: heads.append(store.head)
        await runtime.submit(SIGNAL)
    assert heads[-1] == 2


# Restarts.


async def live(store: Store, inputs: int, rules: Rules[Tally] = TALLY) -> Runtime[Tally]:
    async with running(runtime := runtime_on(store, rules)):
        for _ in range(inputs):
            await runtime.submit(SIGNAL)
    return runtime


@pytest.mark.parametrize("every", [1, 3, 1_000_000])
async def test_a_restart_knows_what_the_last_run_knew(
    store: Store, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.runtime.SNAPSHOT_EVERY", every)
    before = await live(store, 10)
    after = runtime_on(store)
    assert after.state == before.state


async def test_the_tail_is_folded_over_the_snapshot(store: Store) -> None:
    await live(store, 3)
    folded: list[int] = []

    def counting(state: Tally, written: Entry) -> None:
        folded.append(written.seq)
        apply(state, written)

    store.append([entry(store.head + 1, 0, DaemonStarted(version="tail"))])
    rules = Rules(Tally, advance, counting, TALLY.deadline, Tally)
    assert runtime_on(store, rules).state.seen[-1] == "tail"
    assert folded == [5]


async def test_under_other_rules_the_whole_log_is_folded_anew(store: Store) -> None:
    before = await live(store, 3)
    other = Rules(Tally, advance, apply, TALLY.deadline, Tally, folds=(sys.modules[__name__],))
    assert other.fingerprint() != TALLY.fingerprint()
    assert runtime_on(store, other).state == before.state


async def test_a_log_entry_that_cannot_be_folded_is_told_with_its_number(store: Store) -> None:
    broken = Entry(seq=1, at_ms=0, type="VehicleEntered", body={"plate": 7})
    store.append([broken])
    with pytest.raises(StoreError, match=r"entry 1 \(VehicleEntered\)"):
        Runtime(store, Clock(REAL_TIME, time.time), FACILITY_RULES, version="1")


async def test_the_real_rules_run_and_their_state_survives_a_restart(store: Store) -> None:
    clock = Clock(REAL_TIME, time.time)
    runtime = Runtime(store, clock, FACILITY_RULES, version="1")
    async with running(runtime):
        await runtime.submit(SIGNAL)
        assert await runtime.submit(AuthorizeAsked("acme-01", "nobody")) is not None
    again = Runtime(store, clock, FACILITY_RULES, version="1")
    assert again.state == runtime.state
    assert again.state.head == store.head >= 1
