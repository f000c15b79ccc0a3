"""Bugs of the cloud's transactions and of its log of decisions."""

from collections.abc import Callable, Mapping
from itertools import count

from provisioning.simulation.decision_log import DecisionWriters
from provisioning.simulation.headquarters import Crash, Headquarters
from provisioning.simulation.planting import Bug, Replace
from provisioning.simulation.scenario import Scenario
from provisioning.simulation.tables import Transaction
from shared.sync import Ack, Batch


def _ack_before_commit(replace: Replace) -> None:
    ingest = Headquarters.ingest

    def answer_first(hq: Headquarters, facility_id: str, batch: Batch, answer: Callable[[Ack], None]) -> None:
        if hq.up:
            held = Transaction(hq.tables).held(batch.log_id)
            answer(Ack(log_id=batch.log_id, upto=batch.upto if batch.after <= held else held))
        ingest(hq, facility_id, batch, answer)

    replace(Headquarters, "ingest", answer_first)


def _cursor_apart(replace: Replace) -> None:
    commit = Headquarters._commit

    def commit_twice(hq: Headquarters, transaction: Transaction, crash: Crash | None) -> bool:
        moved: Mapping[str, int] = dict(transaction._moved)
        transaction._moved.clear()
        transaction.commit()
        apart = Transaction(hq.tables)
        for log_id, upto in moved.items():
            apart.move(log_id, upto)
        return commit(hq, apart, crash)

    replace(Headquarters, "_commit", commit_twice)


def _read_by_cursor_alone(replace: Replace) -> None:
    sequence = count(1_000)

    def begin_at_once(_writers: DecisionWriters, go_on: Callable[[int], None]) -> None:
        go_on(next(sequence))

    replace(DecisionWriters, "begin", begin_at_once)


def _same_log_after_restore(replace: Replace) -> None:
    def keep(hq: Headquarters) -> str:
        return hq.tables.decisions.log_id

    replace(Headquarters, "new_log_id", keep)


BUSY_CLERKS = Scenario(facilities=1, days=0.5, pace=12)
MORNING = Scenario(facilities=1, days=0.05, pace=12)
ACK_BEFORE_COMMIT = Bug("ack-before-commit", "the cloud acknowledges, and then commits", _ack_before_commit)
CURSOR_APART = Bug(
    "cursor-apart", "the events are committed, and then the cursor, in another transaction", _cursor_apart
)
READ_BY_CURSOR_ALONE = Bug(
    "read-by-cursor-alone",
    "writers take versions from a sequence and commit in any order; readers ask for what is above their cursor",
    _read_by_cursor_alone,
    MORNING,
)
SAME_LOG_AFTER_RESTORE = Bug(
    "same-log-after-restore",
    "a restored cloud goes on with the old name of its log of decisions",
    _same_log_after_restore,
    BUSY_CLERKS,
)
