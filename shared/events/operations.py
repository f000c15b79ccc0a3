"""The box itself, and what people told it to do."""

from typing import Literal

from shared.facilities import Frozen


class DaemonStarted(Frozen):
    type: Literal["DaemonStarted"] = "DaemonStarted"
    version: str
