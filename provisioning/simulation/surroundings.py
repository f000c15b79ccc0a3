"""What every part of one story shares."""

from collections import Counter
from dataclasses import dataclass

from provisioning.simulation.auditor import Auditor
from provisioning.simulation.universe import Universe


@dataclass(frozen=True, slots=True)
class Surroundings:
    """``counts`` are of what happened, by name."""

    universe: Universe
    auditor: Auditor
    counts: Counter[str]
