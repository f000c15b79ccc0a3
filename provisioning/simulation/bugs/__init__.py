"""The planted bugs. A new one is a few lines in one of these files, or in a new one, and a name in ``BUGS``."""

from provisioning.simulation.bugs import boxes, cloud, disks, lanes, money, orders, power, rights, sync

BUGS = (
    sync.DELIVERED_ON_PUBLISH,
    sync.RESEND_FROM_HEAD,
    sync.LOWER_REFUSED,
    sync.APPLY_TWICE,
    cloud.ACK_BEFORE_COMMIT,
    cloud.CURSOR_APART,
    cloud.READ_BY_CURSOR_ALONE,
    cloud.SAME_LOG_AFTER_RESTORE,
    boxes.ACT_BEFORE_DURABLE,
    boxes.TAIL_FORGOTTEN,
    disks.SAME_LOG_AFTER_COPY,
    disks.FORMER_ASKED_ONCE,
    lanes.CLOSE_ON_CAR,
    lanes.LET_IN_TWICE,
    money.CHARGED_APART,
    money.LATEST_PRICE,
    money.ENDED_AGAIN,
    money.JUMP_BY_THE_CLOCK,
    orders.DONE_AGAIN,
    orders.DONE_LATE,
    power.PENDING_IGNORED,
    power.DRIFT_SIGN,
    power.STEPPED_AT_ONCE,
    power.TAKEN_FOR_TIMED,
    power.STRANGER_TIMED,
    rights.REVOCATION_IGNORED,
    rights.EXPIRY_IGNORED,
)
