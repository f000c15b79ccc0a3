"""Bugs of boxes that are replaced."""

from provisioning.simulation.box_link import BoxLink
from provisioning.simulation.faults import disks
from provisioning.simulation.planting import Bug, Replace
from provisioning.simulation.scenario import Scenario
from shared.sync import Sender


def _same_log_after_copy(replace: Replace) -> None:
    replace(disks, "_next_log_id", lambda site: site.box.disk.log_id)


def _former_asked_once(replace: Replace) -> None:
    def start_over(link: BoxLink) -> None:
        link.sender = Sender(link._sent.log_id)

    replace(BoxLink, "_start_over", start_over)


OFTEN = Scenario(facilities=2, days=0.5, pace=12)
SAME_LOG_AFTER_COPY = Bug(
    "same-log-after-copy", "a box that begins with a copy of a log goes on with it", _same_log_after_copy, OFTEN
)
FORMER_ASKED_ONCE = Bug(
    "former-asked-once",
    "what the cloud once held of a former log it is taken to hold for ever, also when it was put back",
    _former_asked_once,
    Scenario(
        facilities=2, days=0.5, pace=12, often=("box replaced by one with a copy", "cloud restored from a backup")
    ),
)
