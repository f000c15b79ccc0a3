"""Who drives. A new kind is a file here and a name in ``DRIVERS``."""

from provisioning.simulation.drivers import backer, booker, double, follower, guest, visitor

DRIVERS = (guest.GUEST, visitor.VISITOR, follower.FOLLOWER, backer.BACKER, double.DOUBLE, booker.BOOKER)
