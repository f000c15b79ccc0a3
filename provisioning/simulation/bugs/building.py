"""Bugs of a site's grid connection, which the chargers share with a building."""

from edge.rules import budget, building, facility, outlets
from edge.rules.inputs import LoadMetered
from edge.rules.turn import Turn
from provisioning.simulation.planting import Bug, Replace
from provisioning.simulation.scenario import Scenario
from shared.clock import DAY_MS
from shared.facilities import PowerSettings


def _last_word_trusted(replace: Replace) -> None:
    def heard_for_ever(turn: Turn, given: LoadMetered) -> None:
        building.metered(turn, given)
        turn.state.load_heard_ms += 1_000 * DAY_MS

    replace(facility._DOORS, LoadMetered, heard_for_ever)


def _left_out(replace: Replace) -> None:
    replace(budget, "_ceiling_w", lambda settings, _load_w: settings.budget_w)


def _fallbacks_of_budget(replace: Replace) -> None:
    def as_if_alone(settings: PowerSettings) -> int:
        return settings.budget_w

    replace(outlets, "lowest_w", as_if_alone)


DENSE = Scenario(facilities=3, days=0.5, pace=12)
LAST_WORD_TRUSTED = Bug(
    "last-word-trusted", "a building's meter that fell silent is trusted for ever", _last_word_trusted, DENSE
)
LEFT_OUT = Bug("left-out", "the chargers share the budget out as if the building drew nothing", _left_out, DENSE)
FALLBACKS_OF_BUDGET = Bug(
    "fallbacks-of-budget",
    "what the chargers fall back to is a part of the budget, not of what the building leaves of it",
    _fallbacks_of_budget,
    DENSE,
)
