"""Stations drop off, reboot, refuse limits, and take limits without ever saying so."""

from provisioning.simulation.breaking import Fault
from provisioning.simulation.station import ChargingStation, Manners
from provisioning.simulation.world import World

MINUTE_MS = 60_000


def _any(world: World) -> ChargingStation | None:
    stations = [station for site in world.sites for station in site.stations.values()]
    return world.universe.random.choice(stations) if stations else None


def _drops(world: World) -> bool:
    station = _any(world)
    if station is None or not station.connected:
        return False
    station.drop()
    away_ms = world.universe.between(5_000, 60_000) if world.universe.chance(0.5) else 120 * MINUTE_MS
    world.universe.after(away_ms, station.connect)
    return True


def _reboots(world: World) -> bool:
    station = _any(world)
    if station is None or not station.connected:
        return False
    station.reboot()
    world.universe.after(world.universe.between(20_000, 180_000), _back, station)
    return True


def _back(station: ChargingStation) -> None:
    station.connect(booted=True)


def _ill_mannered(world: World) -> bool:
    station = _any(world)
    if station is None:
        return False
    universe = world.universe
    station.manners = Manners(
        delay_ms=universe.random.choice((100, 12_000)),
        refuses=universe.random.choice((0.0, 0.3)),
        silent=universe.random.choice((0.0, 0.3)),
    )
    universe.after(universe.between(10, 240) * MINUTE_MS, setattr, station, "manners", station.good)
    return True


DROPS = Fault("station drops off", 2, _drops)
REBOOTS = Fault("station reboots", 6, _reboots)
ILL_MANNERED = Fault("station refuses, is slow, or does not answer", 4, _ill_mannered)
