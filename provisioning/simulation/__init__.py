"""A whole network of facilities, its cloud, bad links and bad clocks in one process, from one seed.

The facilities decide by the real edge rules, and both logs travel by the real protocol (``shared/sync.py``). Disks,
transactions, the broker and the wiring are the smallest honest models: each says in its docstring what it leaves out.
An auditor that shares no code with the rules keeps its own books. ``docs/simulation.md`` shows how to add to it.
"""
