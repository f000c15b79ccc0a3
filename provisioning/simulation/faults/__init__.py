"""What breaks. A new fault is a file here and a name in ``FAULTS``."""

from provisioning.simulation.faults import (
    boxes,
    broker,
    cards,
    chargers,
    clocks,
    cloud,
    commands,
    disks,
    lanes,
    links,
    meters,
)

FAULTS = (
    boxes.CRASH,
    boxes.BOOT_LOOP,
    disks.EMPTIED,
    disks.PUT_BACK,
    disks.RUNS_SHORT,
    links.CUT,
    links.LONG_CUT,
    links.BAD,
    broker.FORGETS,
    cloud.CRASH,
    cloud.RESTORE,
    clocks.JUMP,
    chargers.DROPS,
    chargers.REBOOTS,
    chargers.ILL_MANNERED,
    lanes.DEVICE_DIES,
    commands.COMES_AGAIN,
    commands.OPENS_AGAIN,
    meters.SILENT,
    cards.AWAY,
    cards.WORKER_DIES,
)
