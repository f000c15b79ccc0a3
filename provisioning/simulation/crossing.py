"""How a car goes through a lane: every step a wait, so that anything can happen between."""

from collections.abc import Generator

from provisioning.simulation.gear import Gear
from provisioning.simulation.universe import Universe
from shared.devices import Loop

Steps = Generator[int, None, bool]
PATIENCE_MS = 90_000
READ_AGAIN_MS = 15_000


def take(lane: Gear) -> Generator[int, None, None]:
    """Wait until the lane is free, and be in it."""
    while lane.taken:
        yield 4_000
    lane.taken = True


def leave(lane: Gear) -> Generator[int, None, None]:
    """Be gone, and let the arm come down before the next car."""
    yield 4_000
    lane.taken = False


def arrive(universe: Universe, lane: Gear, plate: str) -> Steps:
    """Stand before the arm until it is up. True when it is; else the car has backed off."""
    lane.occupy(Loop.FRONT, True)
    waited_ms = 0
    while not lane.is_up:
        if waited_ms % READ_AGAIN_MS == 0:
            yield universe.between(300, 1_500)
            lane.read(*_seen(universe, plate))
        yield 1_000
        waited_ms += 1_000
        if waited_ms > PATIENCE_MS:
            lane.occupy(Loop.FRONT, False)
            return False
    return True


def pass_under(universe: Universe, lane: Gear) -> Generator[int, None, None]:
    """Drive through; some stop under the arm for a while."""
    yield universe.between(500, 3_000)
    lane.occupy(Loop.UNDER, True)
    yield universe.between(500, 2_000)
    lane.occupy(Loop.FRONT, False)
    yield universe.between(500, 2_000) if universe.chance(0.95) else universe.between(30_000, 180_000)
    lane.occupy(Loop.UNDER, False)


def drive_through(universe: Universe, lane: Gear, plate: str) -> Steps:
    """The ordinary way. True when the car is through."""
    yield from take(lane)
    up = yield from arrive(universe, lane, plate)
    if up:
        yield from pass_under(universe, lane)
    yield from leave(lane)
    return up


def _seen(universe: Universe, plate: str) -> tuple[str, int]:
    """What the camera makes of a plate, and how sure it is."""
    if universe.chance(0.03):
        return "", 0
    return plate, universe.between(30, 60) if universe.chance(0.04) else universe.between(80, 99)
