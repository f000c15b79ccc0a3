"""A box that was replaced and lives on beside the new one: somebody switched it on again, on a bench.

It has the wire and the name of its facility, and nothing else: lanes, chargers and meters are at the new one. What it
writes is for the auditor a log like any other, and no more than that.
"""

from provisioning.simulation.auditor import Auditor, Hearing, Subject
from provisioning.simulation.box import Box
from provisioning.simulation.box_link import BoxLink
from provisioning.simulation.disk import Disk
from provisioning.simulation.happenings import Believed, Logged, LoggedAside
from provisioning.simulation.site import Site
from provisioning.simulation.surroundings import Surroundings
from provisioning.simulation.universe import LocalClock


class _Aside:
    """Hears what an old box tells, and passes on that it is an old one's."""

    reads: frozenset[str] = frozenset()

    def __init__(self, auditor: Auditor) -> None:
        self._auditor = auditor

    def hears(self) -> Hearing:
        return {Logged: self._logged, Believed: self._auditor.tell}

    def _logged(self, told: Logged) -> None:
        self._auditor.tell(LoggedAside(told.facility_id, told.log_id, told.entry))


def live_on(around: Surroundings, site: Site, disk: Disk) -> BoxLink:
    """Another box of the site's name, with this disk. It is not started yet."""
    auditor = around.auditor

    def beside(_subject: Subject) -> _Aside:
        return _Aside(auditor)

    aside = Auditor((beside,), {}, lambda: around.universe.now_ms)
    aside.failures = auditor.failures
    around = Surroundings(around.universe, aside, around.counts)
    clock = LocalClock(around.universe, offset_ms=site.clock.now_ms() - around.universe.now_ms)
    link = BoxLink(around, Box(around, site.facility_id, disk, clock), site.wire)
    link.to_events, link.to_acks, link.says_online = site.link.to_events, site.link.to_acks, site.link.says_online
    site.name.join(link)
    return link


def switch_off(site: Site, link: BoxLink) -> None:
    """For good."""
    if link in site.name.links:
        site.name.links.remove(link)
        link.end()
