"""The words both ends agree on: pure values and rules, standard library and pydantic only.

Nothing here reads a clock, draws an id or touches a device. The one exception is
``shared/mqtt.py``, the wire that both ends hold (docs/decisions/0003-one-mqtt-client.md).
"""
