"""Until when the promises of a site can be left alone: the instant at which time by itself makes another look at them
(``edge/rules/power.py``) come to something else.

Whatever else changes what a look sees is an input, which ends the rest (``edge/rules/stirring.py``). At
rest every EVSE that can be told is limited as wanted, nothing asked awaits its answer, and every car gets all that it
wants. Then what a look would do hangs on time only through leases (their ends, as the books count them with clocks off,
and their renewal), the budget (its steps, and how far ahead limits come down for them) and the silence of the
building's meter: the instants here. Where anything else hangs on time (turns, slack, a wish that there was no room for,
a breach) the site is not at rest, and is looked at every ``TICK_MS``. The promise to the grid does not rest on looks:
every limit is checked for all instants when it is sent, and ends by itself.
"""

from edge.rules.books import Site, in_force
from edge.rules.budget import ahead_ms, budget
from edge.rules.demand import takes_energy, wanted_w
from edge.rules.state import FacilityState
from edge.rules.turn import Turn
from shared.clock import DAY_MS, SECOND_MS
from shared.facilities import Facility, PowerSettings

NEVER_MS = 1 << 62
TICK_MS = 10_000
"""How often promises are looked at when the site is not at rest."""
TOLERANCE_W = 500
"""Differences below this are not worth a message; at most 0.2 % of a 400 kW budget each."""


def rests(turn: Turn, power: PowerSettings) -> bool:
    """Whether a look would come to nothing: the last one found the site at rest, and nothing ended that since."""
    return turn.now_ms < min(turn.state.rest_ms, _silent_ms(turn.state, power))


def next_look_ms(turn: Turn, power: PowerSettings) -> int:
    """The instant, after now, of the next look if no input comes before."""
    rest_ms, silent_ms = turn.state.rest_ms, _silent_ms(turn.state, power)
    if rest_ms <= turn.now_ms:
        return turn.now_ms + TICK_MS
    return min(rest_ms, silent_ms) if silent_ms > turn.now_ms else rest_ms


def rest_until_ms(turn: Turn, facility: Facility, rows: list[Site], targets_w: dict[str, int]) -> int:
    """The instant, after now, at which time ends the rest if neither an input nor the silence of the building's meter
    does; 0 when the site is not at rest. ``targets_w``: as from ``targets``."""
    power = facility.power
    for row in rows:
        if not _at_rest(turn, row, targets_w.get(row.key), power):
            return 0
    instants = [turn.now_ms + DAY_MS, *_of_budget(turn, facility)]
    for row in rows:
        instants += _of_leases(row, power.drift_s * SECOND_MS)
        if _held(row, targets_w.get(row.key), turn.now_ms):
            instants.append(_renewal_ms(row, power))
    return min([at_ms for at_ms in instants if at_ms > turn.now_ms])


def _at_rest(turn: Turn, row: Site, target_w: int | None, power: PowerSettings) -> bool:
    """Whether nothing is under way at an EVSE and nothing is wanted of it. One that is away can be told nothing, and
    its coming back is an input."""
    promises = row.promises
    if promises.breach is not None or promises.in_flight is not None:
        return False
    if not row.connected:
        return True
    if row.inherited is not None:
        return False
    if target_w is None or promises.fallback_pending or any(in_force(x, turn.now_ms) for x in promises.pending):
        return False
    if _held(row, target_w, turn.now_ms) and _renewal_ms(row, power) <= turn.now_ms:
        return False
    if promises.fallback_w != row.share_w or promises.fallback_due:
        return False
    running = row.transaction
    if running is not None and takes_energy(row) and target_w < wanted_w(turn.state, row, running):
        return False
    effective_w = row.effective_w(turn.now_ms)
    return effective_w - (TOLERANCE_W if target_w else 0) <= target_w <= effective_w + TOLERANCE_W


def _held(row: Site, target_w: int | None, now_ms: int) -> bool:
    """Whether what is wanted at an EVSE is a lease, which is renewed."""
    base_w = row.base_w()
    return target_w is not None and (target_w > base_w or min(target_w, row.effective_w(now_ms)) < base_w)


def _renewal_ms(row: Site, power: PowerSettings) -> int:
    accepted = row.promises.accepted
    return 0 if accepted is None or row.promises.lease_due else accepted.from_ms + power.renew_s * SECOND_MS


def _of_leases(row: Site, drift_ms: int) -> list[int]:
    """Where a lease surely, by our clock, and at the latest has ended."""
    return [at_ms for x in row.leases() for at_ms in (x.until_ms - drift_ms, x.until_ms, x.until_ms + drift_ms + 1)]


def _of_budget(turn: Turn, facility: Facility) -> list[int]:
    """Where the budget may change, and where limits begin to come down for it."""
    power = facility.power
    steps = [at_ms for at_ms, _ in budget(turn.state, facility, turn.now_ms).steps]
    return steps + [at_ms - ahead_ms(power) for at_ms in steps]


def _silent_ms(state: FacilityState, power: PowerSettings) -> int:
    """When the building's meter counts as silent, unless it is heard before."""
    return NEVER_MS if power.building is None else state.load_heard_ms + power.building.silent_s * SECOND_MS + 1
