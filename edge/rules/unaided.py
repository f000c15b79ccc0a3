"""What lanes do while nothing can be decided, because no entry can be written.

Who is inside gets out: an exit with a car in front of it is raised, and stays so until decisions are made again. Who is
outside stays there, as nobody could say later that he came. No arm is lowered: whether a car stands under it is for the
rule that knows the whole lane.
"""

from collections.abc import Mapping

from edge.rules.access import TEXTS, Refusal
from edge.rules.inputs import ArmSetpoint, DisplaySetpoint
from shared.devices import Arm
from shared.facilities import Facility, LaneDirection


def setpoints(facility: Facility | None, waiting: Mapping[str, bool]) -> list[ArmSetpoint | DisplaySetpoint]:
    """What to set now; ``waiting`` says of each lane whether a car stands in front of its arm. May be set again and
    again. Without a configuration it is not known which lanes are exits, so none is raised."""
    wanted: list[ArmSetpoint | DisplaySetpoint] = []
    for lane_id, occupied in waiting.items():
        lane = None if facility is None else facility.lane(lane_id)
        if not occupied:
            continue
        if lane is not None and lane.direction is LaneDirection.EXIT:
            wanted.append(ArmSetpoint(lane_id, Arm.RAISED))
        else:
            wanted.append(DisplaySetpoint(lane_id, TEXTS[Refusal.LANE_OUT_OF_SERVICE]))
    return wanted
