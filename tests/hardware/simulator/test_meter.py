"""The simulated meter against frames as the specification writes them."""

from hardware.simulator.meter import Manner, SimulatedMeter, crc16


def test_the_checksum_is_that_of_a_known_frame() -> None:
    assert crc16(bytes.fromhex("01030000000A")).to_bytes(2, "little") == bytes.fromhex("C5CD")


def test_holding_registers_are_answered_with_their_byte_count() -> None:
    """Modbus Application Protocol V1.1b3, 6.3: registers 108 to 110 hold 0x022B, 0 and 0x64."""
    meter = SimulatedMeter()
    meter.words = {("holding", 107): 0x022B, ("holding", 108): 0, ("holding", 109): 0x64}
    assert meter.answer(1, bytes.fromhex("03006B0003")) == bytes.fromhex("0306022B00000064")


def test_input_registers_are_another_table() -> None:
    """6.4: input register 9 holds 10."""
    meter = SimulatedMeter()
    meter.words = {("input", 8): 0x000A}
    assert meter.answer(1, bytes.fromhex("0400080001")) == bytes.fromhex("0402000A")
    assert meter.answer(1, bytes.fromhex("0300080001")) == bytes.fromhex("8302")


def test_other_functions_and_lengths_are_refused() -> None:
    assert SimulatedMeter().answer(1, bytes.fromhex("0600010003")) == bytes.fromhex("8601")
    assert SimulatedMeter().answer(1, bytes.fromhex("03")) == bytes.fromhex("8301")


def test_another_unit_and_a_silent_meter_say_nothing() -> None:
    meter = SimulatedMeter(unit_id=2)
    meter.shows(0, 1.0)
    assert meter.answer(1, bytes.fromhex("0300000002")) is None
    meter.manner = Manner.SILENT
    assert meter.answer(2, bytes.fromhex("0300000002")) is None
