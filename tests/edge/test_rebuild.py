"""The state from disk: a snapshot that any released version wrote can be loaded as long as its log may be trimmed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.database import StoreError
from edge.logbook import Snapshot
from edge.rebuild import FACILITY_RULES, Rebuilder
from edge.rules.state import ExitGrant
from edge.store import Store
from shared.events import DaemonStarted, entry

RECORDED = sorted((Path(__file__).parent / "recorded").glob("snapshot-*.json"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path, "boston")
    yield store
    store.close()


def carry_over(store: Store, state: str) -> None:
    store.begin_anew("boston-4f0c21aa", Snapshot(0, "a former version", state), [])


@pytest.mark.parametrize("path", RECORDED, ids=lambda p: p.stem)
def test_a_snapshot_of_every_recorded_version_can_be_loaded_and_goes_on(store: Store, path: Path) -> None:
    carry_over(store, json.dumps({**json.loads(path.read_text()), "head": 0}))
    store.append([entry(1, 0, DaemonStarted(version="next"))])
    state, began = Rebuilder(FACILITY_RULES).rebuild(store)
    assert (state.head, began) == (1, 0)
    assert FACILITY_RULES.deadline(state, store.knowledge()) is not None


def test_what_was_booked_in_the_first_version_is_all_there(store: Store) -> None:
    carry_over(store, RECORDED[0].read_text())
    state, _ = Rebuilder(FACILITY_RULES).rebuild(store)
    assert state.session_of_plate.keys() == {"EV1", "EV2", "EV3", "TICKET1"}
    paid = state.sessions[state.session_of_plate["TICKET1"]]
    assert (paid.paid_cents, paid.payment_references) == (2, ["r1"])
    assert state.transactions["cs-1/t1"].session_id == state.session_of_plate["EV1"]
    assert state.promises["cs-2/1"].fallback_w == 50_000
    assert isinstance(state.lanes["out-1"].grant, ExitGrant)
    assert state.lanes["out-1"].grant.quoted_cents == 2


def test_a_state_written_today_comes_back_as_it_was(store: Store) -> None:
    rebuilder = Rebuilder(FACILITY_RULES)
    carry_over(store, RECORDED[0].read_text())
    state, _ = rebuilder.rebuild(store)
    carry_over(store, rebuilder.dump(state))
    assert rebuilder.rebuild(store)[0] == state


def test_a_snapshot_that_cannot_be_read_is_told_with_the_field(store: Store) -> None:
    carry_over(store, '{"log_id":"x","head":"many"}')
    with pytest.raises(StoreError, match=r"no snapshot .* can be read \(of entry 0: head: .* run the version that"):
        Rebuilder(FACILITY_RULES).rebuild(store)
