"""The way to the cloud: cut for minutes or days, or bad for hours."""

from provisioning.simulation.breaking import Fault
from provisioning.simulation.site import Site
from provisioning.simulation.universe import Universe
from provisioning.simulation.wire import Quality
from provisioning.simulation.world import World

MINUTE_MS = 60_000
LONGEST_CUT_MS = 72 * 60 * MINUTE_MS
NOTICED_WITHIN_MS = 60_000


def cut(universe: Universe, site: Site, for_ms: int) -> bool:
    """Nothing passes. The box notices after a while, and redials when it is over."""
    if site.wire.cut:
        return False
    site.wire.cut = True
    universe.after(universe.between(0, NOTICED_WITHIN_MS), _notice, site)
    universe.after(for_ms, mend, universe, site)
    return True


def mend(universe: Universe, site: Site) -> None:
    """The link is back; the box dials again within seconds."""
    if site.wire.cut:
        site.wire.cut = False
        universe.after(universe.between(1_000, 30_000), site.link.redial)


def _notice(site: Site) -> None:
    if site.wire.cut:
        site.link.drop()


def _cut(world: World) -> bool:
    return cut(world.universe, world.any_site(), world.universe.between(1, 180) * MINUTE_MS)


def _long_cut(world: World) -> bool:
    for_ms = world.universe.between(12 * 60 * MINUTE_MS, LONGEST_CUT_MS)
    return cut(world.universe, world.any_site(), round(for_ms / world.scenario.pace))


def _bad(world: World) -> bool:
    universe, wire = world.universe, world.any_site().wire
    good = wire.quality
    wire.quality = Quality(
        delay_ms=good.delay_ms,
        lost=universe.random.uniform(0.02, 0.4),
        repeated=universe.random.uniform(0.0, 0.3),
        late=universe.random.uniform(0.0, 0.3),
    )
    universe.after(universe.between(5, 240) * MINUTE_MS, setattr, wire, "quality", Quality(delay_ms=good.delay_ms))
    return True


CUT = Fault("link cut", 8, _cut)
LONG_CUT = Fault("link cut for days", 96, _long_cut)
BAD = Fault("link loses, repeats and reorders", 4, _bad)
