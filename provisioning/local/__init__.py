"""The parts of a whole system on one machine: PostgreSQL, the MQTT broker, child processes and the folder they keep.

Nothing here knows cars or money. Each part is also swappable: a managed PostgreSQL and any MQTT 3.1.1 broker take the
place of these through the same two addresses.
"""
