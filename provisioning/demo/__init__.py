"""``easypark demo``: two facilities, one cloud and the drivers of a day on one machine, each a process of its own."""
