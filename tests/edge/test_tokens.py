"""The token file: who may ask the edge's API."""

import hashlib
from pathlib import Path

import pytest

from edge.config import ConfigError
from edge.tokens import Bearer, Role, bearer_of, read_bearers

DIGEST = hashlib.sha256(b"sesame").hexdigest()


def test_a_token_is_known_by_its_hash_with_the_role_and_name_of_its_line(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"# pay machines\n\n{DIGEST} device pay machine 2\n{'a' * 64} attendant\n")
    bearers = read_bearers(path)
    assert bearer_of("sesame", bearers) == Bearer(Role.DEVICE, "pay machine 2")
    assert bearers["a" * 64] == Bearer(Role.ATTENDANT, "attendant")
    assert bearer_of("sesam", bearers) is None
    assert bearer_of(DIGEST, bearers) is None


@pytest.mark.parametrize("line", ["sesame device", f"{DIGEST} hq", DIGEST, f"{DIGEST.upper()} device"])
def test_a_line_that_cannot_be_meant_is_told_with_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"{DIGEST} device\n{line}\n")
    with pytest.raises(ConfigError, match="line 2 is not '<sha256"):
        read_bearers(path)


def test_a_missing_file_is_told_with_what_belongs_into_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"api\.token_file .* cannot be read .*each of its lines"):
        read_bearers(tmp_path / "none")
