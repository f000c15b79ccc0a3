"""``easypark world --config FILE``: the simulated world until it is told to stop."""

import asyncio
import logging
import signal
import sys
import time
from pathlib import Path

from hardware.simulator.journal import Journal, JournalError
from hardware.simulator.ocpp_client import install_fast_validators
from hardware.simulator.world.config import ConfigError, WorldConfig, load
from hardware.simulator.world.site import Site
from shared.clock import Clock
from shared.logs import configure

log = logging.getLogger(__name__)

WIND_DOWN_REAL_S = 3.0
"""How long a stop waits for cars that are in a lane."""


def run(config_path: Path) -> int:
    """Run the world; 0 after a clean stop (SIGTERM, SIGINT), 2 with one line on stderr when it cannot start.

    Cars stay where they are: the next run goes on with them.
    """
    try:
        config = load(config_path)
        journal = Journal(config.journal)
    except (ConfigError, JournalError, OSError) as error:
        print(f"easypark world: {error}", file=sys.stderr)
        return 2
    configure(process="world")
    install_fast_validators()
    with journal:
        asyncio.run(live(config, journal))
    return 0


async def live(config: WorldConfig, journal: Journal) -> None:
    """All facilities until SIGTERM or SIGINT."""
    clock = Clock(config.timeline, time.time)
    sites = [Site(site, journal, clock) for site in config.sites]
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        lives = (site.run(config.seed, config.traffic, config.starts_at_ms) for site in sites)
        running = [tasks.create_task(life) for life in lives]
        log.info("world is up", extra={"seed": config.seed, "facilities": len(sites)})
        await stop.wait()
        await asyncio.gather(*(site.wind_down(WIND_DOWN_REAL_S) for site in sites))
        for task in running:
            task.cancel()
    log.info("world is stopped")
