"""Real stations before a real daemon that is killed: those that keep their word stay within the budget together."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.torture.curve import Curve
from tests.torture.picture import draw

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]


def test_the_budget_holds_at_every_sample_and_the_disobedient_are_flagged(tmp_path: Path) -> None:
    curve = Curve(tmp_path, seed=1, real_s=24.0, speed=15.0)
    found = curve.run()
    assert found["audit"] == []
    assert found["kills"] >= 1
    assert len(curve.samples) > 100
    assert max(s.kept_w for s in curve.samples) > 0.8 * curve.site.power.budget_w, "it was put to the test"
    assert "cs-19" in found["flagged"]
    draw(tmp_path / "curve.svg", curve)
    drawn = ElementTree.parse(tmp_path / "curve.svg").getroot()  # noqa: S314 - our own file
    assert drawn.tag.endswith("svg")
