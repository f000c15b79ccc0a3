"""A month of two facilities, a backup of the cloud, some more events, and the drill over what is left."""

import time
from pathlib import Path

from provisioning.backup.cloud import take_base
from provisioning.backup.drill import DrillReport, Wish, drill
from provisioning.local.postgres import Postgres
from tests.provisioning.backup.rehearsal import fill_box, furnish, site, take_in

FACILITY_IDS = ("boston-downtown", "philadelphia-center-city")
_SINCE_PCT = 2
"""How much of each log came after the backup: far more than a quarter of an hour of a month."""


def rehearse(folder: Path, *, events: int) -> DrillReport:
    """Live through it with ``events`` of each facility. Raises SetupError."""
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {line}", flush=True)

    boxes = {
        name: fill_box(folder / name, site(name), events=events, seed=seed) for seed, name in enumerate(FACILITY_IDS, 1)
    }
    say(f"{events} events at each of {len(boxes)} facilities")
    living = Postgres(folder / "living")
    living.start()
    try:
        furnish(living.url(), [site(name) for name in FACILITY_IDS])
        held = events - events * _SINCE_PCT // 100
        for name in FACILITY_IDS:
            take_in(living.url(), folder / name, name, after=0, upto=held)
        say("The cloud holds all but the newest")
        taken = take_base(living.url(), folder / "backups", keep=1)
        say(f"Backed up: {taken.bytes:,} bytes in {taken.took_real_s:.1f} s")
        for name in FACILITY_IDS:
            take_in(living.url(), folder / name, name, after=held, upto=events)
        wish = Wish(
            backups=folder / "backups",
            boxes=boxes,
            folder=folder / "drill",
            password=(folder / "living" / "password").read_text(),
            living_url=living.url(),
        )
        return drill(wish, say)
    finally:
        living.remove()
