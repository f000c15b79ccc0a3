"""Names of things. Ids are made from log positions or given by people, never drawn inside a rule.

Every id is safe as one MQTT topic level and as a part of a file name: lower-case letters, digits and
hyphens. Dots and spaces are left out because some brokers map them to their own separators.
"""

import re
from typing import Annotated

from pydantic import StringConstraints

ID_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$"

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
"""A facility, lane, station, space, right or tariff id, such as ``boston-downtown``."""

StationId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9*\-_=:+|@.]{1,48}$")]
"""A charging station's identity as its maker set it (OCPP 2.0.1 part 2 appendix, identifierString), in the URL it
connects to. Stays on site and in bodies; never part of a topic."""

Plate = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,12}$")]
"""A number plate in the one form that is compared: upper case, no spaces or punctuation."""

_NOT_IN_A_PLATE = re.compile(r"[^A-Z0-9]")


def normalise_plate(text: str) -> str:
    """Fold a plate as read or typed (``"4ab-12 c"``) to the form that is compared (``"4AB12C"``).

    Returns an empty string when nothing legible is left. Does not guess between look-alikes such as O and 0.
    """
    return _NOT_IN_A_PLATE.sub("", text.upper())[:12]


def position_id(log_id: str, seq: int) -> str:
    """Name what entry ``seq`` of log ``log_id`` brought into being, such as a parking session.

    Unique over all facilities and over re-imaged boxes, because a ``log_id`` names one life of one log.
    """
    return f"{log_id}-{seq}"
