"""What a site's EVSEs draw from each line of its supply, told by adding up the currents as phasors.

Cars charge at a power factor near 1, so a load's current is in step with its voltage. Loads are in watts at the voltage
between a line and neutral: a balanced load of P puts P/3 on each line.
"""

import cmath
from collections.abc import Mapping
from math import pi, sqrt

from shared.facilities import ChargerLevel, Evse, Facility

_LINES = ("L1", "L2", "L3")
_VOLTAGE = {line: cmath.rect(1, -2 * pi / 3 * i) for i, line in enumerate(_LINES)}


def line_loads_w(facility: Facility, drawn_w: Mapping[tuple[str, int], float]) -> tuple[float, ...]:
    """The load of each line when every EVSE draws what is given; nothing for a site that knows no phases.

    An EVSE of unknown phases may be on any one line. On a three-phase one that takes watts, a car may draw all from any
    one line.
    """
    if not any(e.phases for s in facility.stations for e in s.evses):
        return ()
    currents = dict.fromkeys(_LINES, 0j)
    anywhere_w = dict.fromkeys(_LINES, 0.0)
    for station in facility.stations:
        for evse in station.evses:
            _load(currents, anywhere_w, (station.level, evse), drawn_w[station.station_id, evse.evse_id])
    return tuple(abs(currents[line]) + anywhere_w[line] for line in _LINES)


def _load(
    currents: dict[str, complex], anywhere_w: dict[str, float], of: tuple[ChargerLevel, Evse], drawn_w: float
) -> None:
    level, evse = of
    lines = [evse.phases[i : i + 2] for i in range(0, len(evse.phases), 2)]
    if len(lines) == 2:
        one, other = lines
        between = _VOLTAGE[one] - _VOLTAGE[other]
        current = drawn_w / sqrt(3) * between / abs(between)
        currents[one] += current
        currents[other] -= current
    elif len(lines) == 1:
        currents[lines[0]] += drawn_w * _VOLTAGE[lines[0]]
    elif lines and (level is ChargerLevel.DCFC or evse.limit_unit == "A"):
        for line in lines:
            currents[line] += drawn_w / 3 * _VOLTAGE[line]
    else:
        for line in _LINES:
            anywhere_w[line] += drawn_w
