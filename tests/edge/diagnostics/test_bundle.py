"""Bundles are bounded, few, and for their owner's eyes only."""

import zipfile
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest

from edge.diagnostics import bundle as module
from edge.diagnostics.bundle import BundleError, Bundles
from shared.commands import BUNDLE_BYTES_MAX, PIECE_BYTES_MAX, ReadDiagnostics
from tests.builders import NINE_MS


def test_a_bundle_is_read_back_whole_and_in_pieces(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path)
    noise = "".join(sha256(bytes([n % 256, n // 256])).hexdigest() for n in range(5_000))
    made = bundles.write("boston-downtown", {"a.txt": noise, "b.json": "{}"}, NINE_MS)
    whole = bundles.read(made.name)
    assert (made.size_bytes, made.sha256) == (len(whole), sha256(whole).hexdigest())
    content = b""
    while len(content) < made.size_bytes:
        piece = bundles.piece(made.name, len(content))
        assert piece.bytes_total == made.size_bytes
        assert 0 < len(piece.data) <= PIECE_BYTES_MAX
        content += piece.data
    assert content == whole
    with zipfile.ZipFile(BytesIO(content)) as file:
        assert file.read("a.txt").decode() == noise
    assert ReadDiagnostics(type="ReadDiagnostics", name=made.name, offset=0)


def test_of_a_part_that_is_too_long_the_end_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_BYTES_MAX", 10)
    bundles = Bundles(tmp_path)
    made = bundles.write("here", {"log.jsonl": "old " * 100 + "the newest"}, NINE_MS)
    with zipfile.ZipFile(BytesIO(bundles.read(made.name))) as file:
        assert file.read("log.jsonl") == b"(the beginning is left out)\nthe newest"


def test_a_dozen_of_the_longest_parts_fit_what_may_be_fetched() -> None:
    assert 13 * module.PART_BYTES_MAX < BUNDLE_BYTES_MAX


def test_the_newest_few_are_kept_for_their_owner_only(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path)
    made = [bundles.write("here", {"a.txt": "a"}, NINE_MS + n) for n in range(5)]
    left = sorted((tmp_path / "diagnostics").iterdir())
    assert [p.name for p in left] == [m.name for m in made[-module.KEPT :]]
    assert all(p.stat().st_mode & 0o077 == 0 for p in left)


def test_a_bundle_that_is_gone_or_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no bundle"):
        Bundles(tmp_path).piece("diagnostics-here-1.zip", 0)
    (tmp_path / "diagnostics").write_text("in the way")
    with pytest.raises(BundleError, match="no bundle could be written"):
        Bundles(tmp_path).write("here", {}, NINE_MS)
