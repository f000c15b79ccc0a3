"""What README and docs/ say is so: files exist, commands and settings are real, the example can be read."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import cloud.config
from edge.config import parse_config
from tests.house.laws import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_file_that_is_named_exists():
    named = set(
        re.findall(r"`((?:shared|hardware|edge|cloud|provisioning|tests)/[\w/]*[\w.]+\.(?:py|sql|json))`", TEXT)
    )
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z]+)(?: [a-z ]*)?:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", TEXT)) - {"it"} <= targets


def test_every_subcommand_that_is_named_answers():
    named = set(re.findall(r"`easypark ([a-z-]+)", TEXT))
    assert {"demo", "edge", "cloud"} <= named
    for command in sorted(named):
        asked = [sys.executable, "-m", "provisioning", command, "--help"]
        answer = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, check=False)
        assert answer.returncode == 0, answer.stderr


def test_every_setting_that_is_named_is_read():
    read = {value for value in vars(cloud.config).values() if isinstance(value, str)}
    named = set(re.findall(r"`((?:EASYPARK|STRIPE)_[A-Z_]+)`", TEXT))
    assert named <= read | {"EASYPARK_REAL_DATA"}


def test_the_example_configuration_of_an_edge_box_can_be_read():
    [example] = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/running.md").read_text(encoding="utf-8"), re.DOTALL)
    config = parse_config(tomllib.loads(example), Path("/etc/easypark/edge.toml"))
    assert list(config.lanes) == ["in-1"]
