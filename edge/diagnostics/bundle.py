"""The file that diagnostics are gathered into: a ZIP of bounded size in the data folder, of which a few are kept."""

import hashlib
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.clock import SECOND_MS, to_utc
from shared.commands import BUNDLE_BYTES_MAX, PIECE_BYTES_MAX, BundlePiece

KEPT = 3
PART_BYTES_MAX = 600_000
"""Of each part the end stays: of what is told in order, that is the newest. A dozen fit a bundle uncompressed."""
_CUT = b"(the beginning is left out)\n"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")


class BundleError(Exception):
    """There is no such bundle, or it could not be written; one line that says which."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One that was written."""

    name: str
    size_bytes: int
    sha256: str


class Bundles:
    """The bundles of one data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "diagnostics"

    def write(self, facility_id: str, parts: Mapping[str, str], now_ms: int) -> Bundle:
        """Write a bundle of these parts, for its owner's eyes only, and let go of the oldest. Raises BundleError."""
        stamp = f"{to_utc(now_ms):%Y%m%dT%H%M%S}{now_ms % SECOND_MS:03d}Z"
        path = self._folder / f"diagnostics-{_NOT_IN_A_NAME.sub('-', facility_id)[:60]}-{stamp}.zip"
        draft = path.with_suffix(".partial")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for left_over in self._folder.glob("*.partial"):
                left_over.unlink()
            draft.touch(mode=0o600)
            with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as bundle:
                for name, text in parts.items():
                    bundle.writestr(name, _bounded(text))
            content = draft.read_bytes()
            if len(content) > BUNDLE_BYTES_MAX:
                raise BundleError(f"the bundle has {len(content)} bytes, at most {BUNDLE_BYTES_MAX} may be fetched")
            draft.rename(path)
            for old in sorted(self._folder.glob("diagnostics-*.zip"), reverse=True)[KEPT:]:
                old.unlink()
        except OSError as error:
            raise BundleError(f"no bundle could be written to {self._folder}: {error.strerror}") from error
        return Bundle(path.name, len(content), hashlib.sha256(content).hexdigest())

    def path_of(self, name: str) -> Path:
        """Where a bundle is."""
        return self._folder / name

    def read(self, name: str) -> bytes:
        """A whole bundle; ``name`` has been checked to be a ``BundleName``. Raises BundleError."""
        try:
            return self.path_of(name).read_bytes()
        except OSError as error:
            raise BundleError(f"there is no bundle {name}; the newest {KEPT} are kept") from error

    def piece(self, name: str, offset: int) -> BundlePiece:
        """A piece of a bundle; as ``read``."""
        try:
            with self.path_of(name).open("rb") as file:
                file.seek(offset)
                data = file.read(PIECE_BYTES_MAX)
                size_bytes = file.seek(0, 2)
        except OSError as error:
            raise BundleError(f"there is no bundle {name}; the newest {KEPT} are kept") from error
        return BundlePiece.of(size_bytes, data)


def _bounded(text: str) -> bytes:
    content = text.encode()
    return content if len(content) <= PART_BYTES_MAX else _CUT + content[-PART_BYTES_MAX:]
