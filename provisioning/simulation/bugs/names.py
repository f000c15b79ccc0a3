"""Bugs of boxes that share a name."""

from cloud.link.boxes import Box, Boxes, Verdict
from provisioning.simulation import door
from provisioning.simulation.planting import Bug, Replace
from provisioning.simulation.scenario import Scenario


def _nobody_refused(replace: Replace) -> None:
    def whoever(_boxes: Boxes, box: Box, now_real_ms: int) -> tuple[Boxes, Verdict]:
        return Boxes(ours=box, heard_real_ms=now_real_ms), Verdict.TAKEN

    replace(door, "spoke", whoever)


NOBODY_REFUSED = Bug(
    "nobody-refused",
    "of two boxes of one name the cloud listens to both",
    _nobody_refused,
    Scenario(facilities=2, days=0.5, pace=12),
)
