"""Power cuts: ``python -m tests.torture.power_cut --images 2000``.

A log is written, snapshots are taken and entries trimmed by the product's own code over
a disk that tears. From every such life images of power cuts are made and opened as the daemon opens its file: nothing
that was acknowledged may be missing, and no image may be damaged.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge import database
from edge.database import FILE_NAME, StoreError
from edge.logbook import LogBook
from edge.store import Store
from shared.events import Entry
from tests.torture.torn_disk import TornDisk

COMMITS = 60
IMAGES_PER_LIFE = 50
_CHECKPOINT_PAGES = 20
"""The WAL is brought back into the file far more often than in life, so that cuts fall into that too."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the images of one seed were like."""

    images: int
    lossy: int
    damaged: int
    problems: tuple[str, ...]


def torture(seed: int, images: int, *, synchronous: str = "FULL") -> Found:
    """Make so many images, from as many lives as that takes. The same seed gives the same images."""
    lossy, damaged, problems = 0, 0, []
    dice = random.Random(seed)  # noqa: S311 - for tests
    disk, ends = TornDisk(Path()), 0
    with tempfile.TemporaryDirectory(prefix="easypark-power-cut-") as folder:
        for number in range(images):
            if number % IMAGES_PER_LIFE == 0:
                disk = _live(Path(folder) / f"life-{number}", dice, synchronous)
                ends = next(n for n, done in enumerate(disk.operations) if done[0] == "remark")
            at = dice.randint(ends, len(disk.operations))
            files, acknowledged = disk.cut(at, dice)
            problem = _judge(Path(folder) / f"image-{number}", files, acknowledged)
            if problem is not None:
                lossy, damaged = lossy + problem.startswith("lost"), damaged + problem.startswith("damaged")
                problems.append(f"seed {seed}, image {number}, after operation {at}: {problem}")
    return Found(images, lossy, damaged, tuple(problems))


def _live(folder: Path, dice: random.Random, synchronous: str) -> TornDisk:
    """One life of a file. The first remark says that it was made; each later one how much is acknowledged."""
    folder.mkdir()
    Store(folder, "boston").close()
    content = (folder / FILE_NAME).read_bytes()
    disk = TornDisk(folder / FILE_NAME)
    disk.operations += [("write", FILE_NAME, 0, content), ("sync", FILE_NAME)]
    db = disk.connect()
    pragmas = (*database.PRAGMAS, f"synchronous = {synchronous}", f"wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    for pragma in pragmas:
        db.execute(f"PRAGMA {pragma}").fetchall()
    book = LogBook(db, "the torn file")  # type: ignore[arg-type]  # has what the log book uses
    disk.remark(0)
    for _ in range(COMMITS):
        sizes = [dice.randint(10, 3_000) for _ in range(dice.randint(1, 6))]
        book.append(
            [
                Entry(seq=n, at_ms=n, type="Noted", body={"n": n, "x": "x" * s})
                for n, s in enumerate(sizes, book.head + 1)
            ]
        )
        disk.remark(book.head)
        if dice.random() < 0.15:
            book.save_snapshot(book.head, "rules", f'{{"head":{book.head}}}')
        elif dice.random() < 0.1 and (oldest := db.execute("SELECT min(seq) FROM snapshot").fetchone()[0]):
            book.trim(dice.randint(book.base, oldest))
    db.conn.close()
    return disk


def _judge(folder: Path, files: dict[str, bytes], acknowledged: int) -> str | None:
    """Open an image as the daemon does; what is wrong with it, None for nothing."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    try:
        with closing(Store(folder, "boston", check_whole=True)) as store:
            entries = list(store.all_entries(after=0))
            head, base = store.head, store.base
            snapshots = store.snapshots()
    except StoreError as error:
        return f"damaged: {error}"
    if head < acknowledged:
        return f"lost: {acknowledged} was acknowledged, {head} is there"
    if [e.seq for e in entries] != list(range(base + 1, head + 1)) or any(e.body["n"] != e.seq for e in entries):
        return "damaged: the log has holes or other entries than were written"
    if base > 0 and not any(kept.seq >= base for kept in snapshots):
        return f"damaged: trimmed up to {base}, and no snapshot tells what was before"
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Make images; 0 when none lost anything or was damaged."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture.power_cut", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--synchronous", choices=("FULL", "NORMAL", "OFF"), default="FULL", help="what SQLite is told")
    options = parser.parse_args(arguments)
    found = torture(options.seed, options.images, synchronous=options.synchronous)
    for problem in found.problems[:20]:
        print(problem)
    print(f"{found.images} power cuts: {found.lossy} lost what was acknowledged, {found.damaged} damaged")
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main())
