"""Faults that the power rule could have, to be planted in it so that its judges can be judged."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from edge.rules import demand, obedience, power
from edge.rules import facility as rules
from edge.rules.books import SETTLE_MS, Books, Site
from edge.rules.inputs import LimitReplied
from edge.rules.state_power import Promises
from edge.rules.turn import Turn
from shared.clock import SECOND_MS

Plant = Callable[[pytest.MonkeyPatch], None]


def _promising(change: Callable[[Promises], Promises]) -> Plant:
    """Let the books see other promises than there are."""
    real = Site.promised_w

    def other(site: Site, at_ms: int, drift_ms: int) -> int:
        return real(replace(site, promises=change(site.promises)), at_ms, drift_ms)

    return lambda patch: patch.setattr(Site, "promised_w", other)


def _as_if_accepted(promises: Promises) -> Promises:
    newest = [x for x in (promises.accepted, *promises.pending) if x is not None][-1:]
    return replace(promises, accepted=newest[0] if newest else None, pending=[])


def _drift_turned(patch: pytest.MonkeyPatch) -> None:
    def other(site: Site, at_ms: int, drift_ms: int) -> int:
        holding_w = [x.limit_w for x in site.leases() if at_ms <= x.until_ms - drift_ms]
        covered = bool(holding_w) and all(at_ms < x.until_ms + drift_ms for x in site.leases())
        return max([*holding_w, 0 if covered else site.base_w()])

    patch.setattr(Site, "promised_w", other)


def _drift_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = Site.promised_w
    patch.setattr(Site, "promised_w", lambda site, at_ms, _drift_ms: real(site, at_ms, 0))


def _only_now(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Books, "_look_ahead", lambda books: None)
    patch.setattr(Books, "_look_at", _at_now)


def _at_now(books: Books, at_ms: int) -> None:
    if at_ms == books._now_ms:
        books._book(at_ms, {key: row.worst_w(at_ms, books._drift_ms) for key, row in books._rows.items()})


def _no_base(patch: pytest.MonkeyPatch) -> None:
    real = Site.promised_w

    def leases_only(site: Site, at_ms: int, drift_ms: int) -> int:
        held = [x.limit_w for x in site.leases() if at_ms <= x.until_ms + drift_ms]
        return max(held) if held else real(site, at_ms, drift_ms)

    patch.setattr(Site, "promised_w", leases_only)


def _unknown_is_no(patch: pytest.MonkeyPatch) -> None:
    real = power.replied

    def other(turn: Turn, given: LimitReplied) -> None:
        real(turn, replace(given, outcome="REJECTED") if given.outcome == "UNKNOWN" else given)

    patch.setitem(rules._DOORS, LimitReplied, other)


def _short_holds(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(power, "_until_ms", lambda turn, row, limit_w, settings: turn.now_ms + settings.lease_s * SECOND_MS)


def _forgetful_restart(patch: pytest.MonkeyPatch) -> None:
    real = rules.apply

    def other(state: Any, written: Any) -> None:
        if written.type == "LimitSent":
            state.head = written.seq
        else:
            real(state, written)

    patch.setattr(rules, "apply", other)


def _late_start(patch: pytest.MonkeyPatch) -> None:
    real = power.LimitSetpoint

    def other(*fields: Any) -> Any:
        made = real(*fields)
        return replace(made, from_ms=made.from_ms + 30 * SECOND_MS)

    patch.setattr(power, "LimitSetpoint", other)


def _cap_ignored(patch: pytest.MonkeyPatch) -> None:
    for name, real in (("wanted_w", demand.wanted_w), ("request", demand.request)):
        patch.setattr(f"edge.rules.targets.{name}", _without_caps(real))


def _without_caps(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda state, row, running: real(replace(state, caps={}), row, running)


def _nothing_reserved(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Site, "disobeying_w", lambda site: 0)


def _blind(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(obedience, "watch", lambda turn, rows: None)


def _by_their_clocks(patch: pytest.MonkeyPatch) -> None:
    real = Site.over_w

    def other(site: Site) -> int:
        running = site.transaction
        stamped = running if running is None else replace(running, power_heard_ms=running.metered_ms)
        return real(replace(site, transaction=stamped))

    patch.setattr(Site, "over_w", other)


def _history_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = Site.excused_w

    def other(site: Site) -> int | None:
        return real(replace(site, promises=replace(site.promises, formers=[])))

    patch.setattr(Site, "excused_w", other)


def _always_a_new_grace(patch: pytest.MonkeyPatch) -> None:
    real = Site.excused_w

    def other(site: Site) -> int | None:
        accepted, running = site.promises.accepted, site.transaction
        told_ms = 0 if accepted is None else accepted.accepted_ms
        return None if running is None or running.power_heard_ms < told_ms + SETTLE_MS else real(site)

    patch.setattr(Site, "excused_w", other)


FAULTS: dict[str, Plant] = {
    "a limit counts only once it is answered": _promising(lambda promises: replace(promises, pending=[])),
    "a limit counts as accepted when it is sent": _promising(_as_if_accepted),
    "clocks are off to the harmless side": _drift_turned,
    "clocks are right": _drift_forgotten,
    "room is looked for only now": _only_now,
    "the fallback under a lease is not counted": _no_base,
    "no answer is taken for a no": _unknown_is_no,
    "holds are as short as lifts": _short_holds,
    "what was sent is forgotten at a restart": _forgetful_restart,
    "a lease begins when it is sent, by the station's clock": _late_start,
    "a person's ceiling is ignored": _cap_ignored,
    "what is drawn above a limit is not reserved": _nothing_reserved,
    "readings are not compared with limits": _blind,
    "readings are placed by the station's clock": _by_their_clocks,
    "a limit must be obeyed as soon as it is sent": _history_forgotten,
    "every new limit begins a new grace": _always_a_new_grace,
}
