"""Bugs of bills."""

from collections.abc import Collection

from edge.rules import fold_charging
from edge.rules.reckoning import Readings
from edge.rules.state import FacilityState
from provisioning.simulation import bills
from provisioning.simulation.headquarters import Crash, Headquarters
from provisioning.simulation.planting import Bug, Replace
from provisioning.simulation.scenario import Scenario
from provisioning.simulation.tables import Transaction
from shared.events import TransactionEnded
from shared.rating import Quote, Stay, rate
from shared.tariffs import Tariff


def _charged_apart(replace: Replace) -> None:
    """Charges are numbered and committed by themselves, before the events that they follow from."""
    commit = Headquarters._commit
    names = iter(range(1_000_000_000))
    replace(bills, "charge_name", lambda session_id: f"charge-{next(names)}-{session_id}")

    def bills_first(hq: Headquarters, transaction: Transaction, crash: Crash | None) -> bool:
        apart = Transaction(hq.tables)
        apart._written = {k: row for k, row in transaction._written.items() if k[0] in ("charges", "transfers")}
        apart.commit()
        return commit(hq, transaction, crash)

    replace(Headquarters, "_commit", bills_first)


def _latest_price(replace: Replace) -> None:
    def by_the_latest(stay: Stay, tariffs: tuple[Tariff, ...], _versions: Collection[str]) -> Quote:
        return rate(stay, tariffs)

    replace(bills, "rate_as_quoted", by_the_latest)


def _ended_again(replace: Replace) -> None:
    end = fold_charging.FOLDS[TransactionEnded]

    def forget(state: FacilityState, event: TransactionEnded, at_ms: int) -> None:
        end(state, event, at_ms)
        state.ended.clear()

    replace(fold_charging.FOLDS, TransactionEnded, forget)


def _jump_by_the_clock(replace: Replace) -> None:
    replace(fold_charging, "_astray", lambda _known, _told_ms: None)
    replace(Readings, "stepped", lambda _readings, _by_ms: None)


BUSY = Scenario(facilities=2, days=0.5, pace=12)
CHARGED_APART = Bug(
    "charged-apart", "a charge is committed before its events are, under a name of its own", _charged_apart, BUSY
)
LATEST_PRICE = Bug(
    "latest-price", "the cloud charges by what it has published since, not by what was quoted", _latest_price, BUSY
)
JUMP_BY_THE_CLOCK = Bug(
    "jump-by-the-clock",
    "a reading that comes too soon after another is not believed, however wrong a clock is known to be",
    _jump_by_the_clock,
    Scenario(facilities=2, days=1, pace=6, often=("clock jumps", "station drops off")),
)
ENDED_AGAIN = Bug("ended-again", "a transaction that has ended begins again when a message is repeated", _ended_again)
