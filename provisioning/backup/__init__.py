"""Backups of the cloud's database, their restore to a chosen moment, and the drill that proves both.

Two kinds. A base backup with an archive of the write-ahead log restores to any moment, loses seconds, and needs a
PostgreSQL that lets us copy it. A dump works with every PostgreSQL and restores to the moment it was taken. What
happened on site is in neither alone: each facility sends again what a restored cloud does not hold (docs/backups.md).
"""
