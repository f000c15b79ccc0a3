"""Drivers behind the ports of ``shared/devices.py``: bytes and pin levels on one side, signals and setpoints on the
other.

Drivers own threads, because serial lines and pins block; nothing here knows an event loop, a rule or a database.
``registry.open_site`` builds everything that one box is wired to.
"""
