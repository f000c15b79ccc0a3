"""The broker is killed and forgets all that it had, acknowledged or not."""

from provisioning.simulation.breaking import Fault
from provisioning.simulation.world import World


def _forgets(world: World) -> bool:
    for site in world.sites:
        site.wire.forget()
        site.link.drop()
        world.universe.after(world.universe.between(500, 20_000), site.link.redial)
    return True


FORGETS = Fault("broker forgets everything", 6, _forgets)
