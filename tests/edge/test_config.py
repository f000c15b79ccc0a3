"""The box's configuration file: what it means, and what is said about a mistake in it."""

from pathlib import Path

import pytest

from edge.config import ConfigError, Gpio, MeterWires, read_config

GOOD = """
facility_id = "boston-downtown"
data_dir = "data"
broker_url = "mqtt://boston-downtown:secret@127.0.0.1:1883"
timeline = "1700000000.0,1700000000000,60.0"

[ocpp]
host = "127.0.0.1"
port = 9100

[api]
port = 8100
token_file = "/etc/easypark/tokens"

[gpio]
factory = "mock"
wire = "run/pins.sock"

[lanes.in-1]
plate_reader = "/dev/ttyUSB0"
display = "socket://10.0.0.9:4001"

[meter]
url = "tcp://10.0.0.7:502"
register = 52
type = "int32"

[lanes.in-1.pins]
front = 5
under = 6
arm_up = 13
arm_down = 19
raise = 20
lower = 21
"""


def read(tmp_path: Path, text: str) -> str:
    """What is said about a file with this text; the test fails when nothing is."""
    path = tmp_path / "edge.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as told:
        read_config(path)
    assert "\n" not in str(told.value)
    return str(told.value).removeprefix(f"{path}: ")


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text(GOOD)
    config = read_config(tmp_path / "edge.toml")
    assert config.facility_id == "boston-downtown"
    assert (config.ocpp.host, config.ocpp.port) == ("127.0.0.1", 9100)
    assert config.lanes["in-1"].pins.raise_ == 20
    assert config.lanes["in-1"].display == "socket://10.0.0.9:4001"
    assert config.meter == MeterWires(url="tcp://10.0.0.7:502", register=52, type="int32")  # type: ignore[call-arg]


def test_relative_paths_are_meant_from_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text(GOOD)
    config = read_config(tmp_path / "edge.toml")
    assert config.data_dir == tmp_path / "data"
    assert config.gpio == Gpio(factory="mock", wire=tmp_path / "run/pins.sock")
    assert config.api.token_file == Path("/etc/easypark/tokens")


def test_the_password_of_the_broker_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text(GOOD)
    assert "secret" not in repr(read_config(tmp_path / "edge.toml"))
    said = read(tmp_path, GOOD.replace("mqtt://boston", "http://boston"))
    assert "secret" not in said
    assert "mqtt://user:password@host:port" in said


@pytest.mark.parametrize(
    ("change", "to", "said"),
    [
        ("port = 9100", 'port = "x"', "ocpp.port = 'x'"),
        ("port = 9100", "port = 70000", "ocpp.port = 70000: Input should be less than or equal to 65535"),
        ("port = 9100\n", "", "ocpp.port is missing"),
        ("[ocpp]", "[ocppp]", "ocpp is missing"),
        ("timeline =", "time_line =", "time_line is not a setting"),
        ("boston-downtown", "Boston Downtown", "facility_id = 'Boston Downtown'"),
        ("60.0", "0", "timeline ="),
        ('"mock"', '"pi"', "gpio.factory = 'pi': Input should be 'native' or 'mock'"),
        ('wire = "run/pins.sock"', "", "gpio.wire is missing"),
        ("raise = 20", "rise = 20", "lanes.in-1.pins"),
        ("register = 52", "register = 70000", "meter.register = 70000: Input should be less than or equal to 65535"),
        ("register = 52", "", "meter.register is missing"),
        (
            '"int32"',
            '"int64"',
            "meter.type = 'int64': Input should be 'int16', 'uint16', 'int32', 'uint32' or 'float32'",
        ),
        ("register = 52", "register = 52\npoll_s = 0", "meter.poll_s = 0: Input should be greater than 0"),
        ("front = 5", "front = -1", "lanes.in-1.pins.front = -1"),
    ],
)
def test_a_mistake_is_told_with_its_key_its_value_and_what_is_allowed(
    tmp_path: Path, change: str, to: str, said: str
) -> None:
    assert said in read(tmp_path, GOOD.replace(change, to, 1))


def test_a_missing_file_and_one_that_is_not_toml_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read configuration .*: No such file or directory"):
        read_config(tmp_path / "none.toml")
    assert "is not a TOML file" in read(tmp_path, "facility_id = ")
