"""Bugs of the daemon around the rules."""

from edge.rules.inputs import Outcome
from edge.rules.state import FacilityState
from provisioning.simulation.box import Box, Doom
from provisioning.simulation.disk import Disk
from provisioning.simulation.planting import Bug, Replace


def _act_before_durable(replace: Replace) -> None:
    decide = Box._decide_in_vain

    def act_first(box: Box, outcome: Outcome, doom: Doom) -> None:
        box._dispatch(outcome.setpoints)
        decide(box, outcome, doom)

    replace(Box, "_decide_in_vain", act_first)


def _tail_forgotten(replace: Replace) -> None:
    rebuild = Disk.rebuild

    def without_tail(disk: Disk) -> FacilityState:
        told = disk._snapshots[-1][0] - disk.base if disk._snapshots else 0
        entries, disk.entries = disk.entries, disk.entries[:told]
        state = rebuild(disk)
        disk.entries = entries
        state.head = disk.head
        return state

    replace(Disk, "rebuild", without_tail)


ACT_BEFORE_DURABLE = Bug(
    "act-before-durable", "setpoints leave before the entries that they follow from are written", _act_before_durable
)
TAIL_FORGOTTEN = Bug(
    "tail-forgotten", "a starting daemon reads its snapshot and not what was written since", _tail_forgotten
)
