"""Carrying what a box's file still holds to the cloud, without the box: no lanes, no stations, nothing is booked.

For a disk taken out of a broken box, and for a drill over copies. The file is used as the daemon would use it, so it
must not be one that a daemon runs on.
"""

import asyncio
import importlib.metadata
import sys
import time
from contextlib import closing
from pathlib import Path

from edge.config import ConfigError, read_config
from edge.database import StoreError
from edge.link import Link, LinkSettings
from edge.store import Store
from shared import logs
from shared.clock import Clock, Timeline

_POLL_REAL_S = 0.1
_OUTRUN = (
    "the file ends at entry {head} of log {log_id} and the cloud holds more of it, so nothing was sent: it is an older"
    " copy. Give a newer one (easypark backup edge); what a daemon wrote after it was put back, its next start sends"
)


def run(config_path: Path, *, within_real_s: float) -> int:
    """Upload until the cloud holds everything. Returns the exit code: 0 done, 1 not done, 2 cannot start."""
    try:
        config = read_config(config_path)
        logs.configure(process=f"upload {config.facility_id}")
        with closing(Store(config.data_dir, config.facility_id)) as store:
            clock = Clock(Timeline.parse(config.timeline), time.time)
            settings = LinkSettings(config.facility_id, config.broker_url, importlib.metadata.version("easyparkplus"))
            link = Link(settings, store, clock, learn=lambda _: None)
            return asyncio.run(_upload(link, store, within_real_s))
    except (ConfigError, StoreError) as error:
        print(error, file=sys.stderr)
        return 2


async def _upload(link: Link, store: Store, within_real_s: float) -> int:
    outrun: list[str] = []
    link.on_outrun = lambda: outrun.append(_OUTRUN.format(head=store.head, log_id=store.log_id))
    carrying = asyncio.create_task(link.run())
    try:
        async with asyncio.timeout(within_real_s):
            while link.view().backlog != 0:
                if carrying.done():
                    await carrying
                if hopeless := outrun or _missing_between(link, store):
                    print(hopeless[0], file=sys.stderr)
                    return 1
                await asyncio.sleep(_POLL_REAL_S)
    except TimeoutError:
        print(f"not done within {within_real_s:g} s: {_standing(link)}", file=sys.stderr)
        return 1
    finally:
        carrying.cancel()
        await asyncio.gather(carrying, return_exceptions=True)
    return 0


def _missing_between(link: Link, store: Store) -> list[str]:
    """Why nothing can be sent, when what the cloud needs next is not in the file any more."""
    seen = link.view()
    return [seen.problem] if seen.acked is not None and seen.acked < store.base and seen.problem else []


def _standing(link: Link) -> str:
    seen = link.view()
    backlog = "an unknown number of" if seen.backlog is None else str(seen.backlog)
    return f"{backlog} entries are still to go" + (f" ({seen.problem})" if seen.problem else "")
