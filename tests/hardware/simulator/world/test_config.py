"""The world's configuration file, and what it says when something is wrong with it."""

import json
from pathlib import Path
from typing import Any

import pytest

from hardware.simulator.device import Behaviour
from hardware.simulator.world.config import ConfigError, load
from shared.clock import Timeline
from tests.hardware.simulator.world.box import FACILITY, lane_table, site_table, write_world


def test_a_configuration_is_read_with_paths_from_its_own_folder(tmp_path: Path) -> None:
    site = site_table(behaviours={"l2-01": "IGNORES"}, versions={"l2-01": "1.6"}, meter="meter")
    path = write_world(tmp_path, site=site, timeline="1.0,2,60.0", starts_at_ms=5, traffic={"vehicles_per_day": 100})
    world = load(path)
    assert (world.seed, world.timeline, world.starts_at_ms) == ("7", Timeline(1.0, 2, 60.0), 5)
    assert world.journal == tmp_path / "world.journal"
    assert (world.traffic.vehicles_per_day, world.traffic.facility_ids) == (100, ("boston-downtown",))
    (read,) = world.sites
    assert (read.facility, read.passwords) == (FACILITY, {"l2-01": "secret"})
    assert (read.behaviours, read.versions) == ({"l2-01": Behaviour.IGNORES}, {"l2-01": "1.6"})
    assert (read.wire, read.meter) == (str(tmp_path / "pins"), str(tmp_path / "meter"))
    assert [(lane.lane_id, lane.pins.raise_) for lane in read.lanes] == [("entry-1", 6), ("exit-1", 12)]


def test_a_toml_file_says_the_same(tmp_path: Path) -> None:
    write_world(tmp_path)
    (tmp_path / "world.toml").write_text(
        """
        seed = "7"
        journal = "world.journal"
        [[facilities]]
        facility_file = "facility.json"
        ocpp_url = "ws://127.0.0.1:1"
        passwords_file = "passwords.json"
        api_url = "http://127.0.0.1:1"
        api_token_file = "token"
        wire = "pins"
        [[facilities.lanes]]
        lane_id = "entry-1"
        plate_reader = "entry-1.camera"
        display = "entry-1.display"
        pins = { front = 2, under = 3, arm_up = 4, arm_down = 5, raise = 6, lower = 7 }
        [[facilities.lanes]]
        lane_id = "exit-1"
        plate_reader = "exit-1.camera"
        display = "exit-1.display"
        pins = { front = 8, under = 9, arm_up = 10, arm_down = 11, raise = 12, lower = 13 }
        """
    )
    assert load(tmp_path / "world.toml") == load(tmp_path / "world.json")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seed": ""}, "seed"),
        ({"sede": "7"}, "sede"),
        ({"timeline": "soon"}, "a timeline is"),
        ({"traffic": {"vehicles_per_day": 0}}, "at least 1"),
        ({"traffic": {"cars": 5}}, "cars"),
        ({"facilities": []}, "facilities"),
        ({"site": site_table(ocpp_url="http://x")}, "ocpp_url"),
        ({"site": site_table(behaviours={"l2-01": "SULKS"})}, "OBEYS"),
        ({"site": site_table(behaviours={"l2-99": "IGNORES"})}, "l2-99"),
        ({"site": site_table(versions={"l2-01": "1.5"})}, "1.6"),
        ({"site": site_table(versions={"l2-99": "1.6"})}, "l2-99, but versions"),
        ({"site": site_table(lanes=[lane_table("entry-1"), lane_table("entry-1")])}, "used more often"),
        ({"site": site_table(lanes=[{**lane_table("entry-1"), "lane_id": "side-door"}])}, "no lane side-door"),
        ({"site": site_table(facility_file="nowhere.json")}, "cannot read"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as error:
        load(write_world(tmp_path, **changes))
    assert "\n" not in str(error.value)


def test_a_station_without_a_password_is_named(tmp_path: Path) -> None:
    path = write_world(tmp_path)
    (tmp_path / "passwords.json").write_text(json.dumps({}))
    with pytest.raises(ConfigError, match="no password of l2-01"):
        load(path)


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    path = write_world(tmp_path)
    path.write_text("{")
    with pytest.raises(ConfigError, match=r"world\.json is not readable"):
        load(path)
