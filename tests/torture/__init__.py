"""Long trials of what must never happen, over real parts: ``make torture``. Short forms of each run with the tests."""
