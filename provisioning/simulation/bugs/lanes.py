"""Bugs of the lanes."""

from dataclasses import replace as changed

from edge.rules import access, lane
from edge.rules.access import Admission, Inside, Refusal
from edge.rules.inputs import Matches
from edge.rules.lane import Step, Trigger
from edge.rules.state import LaneState, Phase
from provisioning.simulation.planting import Bug, Replace
from shared.facilities import Facility


def _close_on_car(replace: Replace) -> None:
    move = lane.move
    replace(lane.TIMEOUT_MS, Phase.PASSING, 20_000)
    replace(lane.NEXT[Phase.PASSING], Trigger.TIMED_OUT, Phase.LOWERING)

    def blindly(state: LaneState, trigger: Trigger, now_ms: int) -> Step | None:
        under, state.under = state.under, state.under and trigger is not Trigger.TIMED_OUT
        step = move(state, trigger, now_ms)
        state.under = under
        return step

    replace(lane, "move", blindly)


def _let_in_twice(replace: Replace) -> None:
    admit = access.admit

    def whoever(facility: Facility, plate: str, matches: Matches, inside: Inside, now_ms: int) -> Admission | Refusal:
        return admit(facility, plate, matches, changed(inside, plates=()), now_ms)

    replace(access, "admit", whoever)


CLOSE_ON_CAR = Bug("close-on-car", "an arm comes down after a while, whoever stands below it", _close_on_car)
LET_IN_TWICE = Bug("let-in-twice", "a plate that is inside is let in again", _let_in_twice)
