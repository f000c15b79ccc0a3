"""The daemon is killed, or its power is cut: before a commit, or after it and before anybody was told."""

from provisioning.simulation.box import Doom
from provisioning.simulation.breaking import Fault
from provisioning.simulation.site import Site
from provisioning.simulation.world import World

MINUTE_MS = 60_000


def kill(world: World, site: Site, down_ms: int) -> bool:
    """Doom a box at one of its next inputs, or at once when none comes; then start it again."""
    universe, box = world.universe, site.box
    if not box.up or box.doom is not None:
        return False
    box.doom = Doom(inputs=universe.random.choice((1, 1, 2, 5)), written=universe.chance(0.4))
    life = box.life

    def end() -> None:
        if box.up and box.life == life:
            box.crash()
        box.start()

    universe.after(down_ms, end)
    return True


def _crash(world: World) -> bool:
    universe = world.universe
    down_ms = universe.between(15_000, 60_000) if universe.chance(0.7) else universe.between(1, 40) * MINUTE_MS
    return kill(world, world.any_site(), down_ms)


def _boot_loop(world: World) -> bool:
    site = world.any_site()
    for times in range(world.universe.between(2, 5)):
        world.universe.after(times * 70_000, kill, world, site, 25_000)
    return True


CRASH = Fault("edge killed", 5, _crash)
BOOT_LOOP = Fault("edge killed again and again", 60, _boot_loop)
