"""What a facility remembers of the limits that it sent, part of ``state.py``."""

from dataclasses import dataclass, field

FORMERS_KEPT_MS = 120_000
"""A limit that was replaced longer ago is forgotten, and readings from before that say nothing of obedience."""
SOON_MS = 86_400_000
"""No lease lasts so long after the log began, by whichever box."""


@dataclass(slots=True)
class Lease:
    """``accepted_ms``: when its station said that it is in force; ``lifted_ms``: since when the EVSE had no less.
    ``more_w``: what a station that rounds up may have made of it on top, for it was told before that was known."""

    request_id: int
    limit_w: int
    from_ms: int
    until_ms: int
    accepted_ms: int = 0
    lifted_ms: int = 0
    more_w: int = 0


@dataclass(slots=True)
class Former:
    """A limit that may have been in force until another surely took its place at ``replaced_ms``, or until it ended by
    itself at ``until_ms``. ``limit_w`` None: nothing limited the EVSE."""

    limit_w: int | None
    until_ms: int
    replaced_ms: int


@dataclass(slots=True)
class Breach:
    """Since when an EVSE draws above its limit, when it was last seen to, and the most that it drew."""

    since_ms: int
    last_ms: int
    drawn_w: int


@dataclass(slots=True)
class Promises:
    """Every limit that may be in force at one EVSE (see ``edge/rules/power.py``).

    ``refuses_pause``: it rejected a limit of 0. ``fallback_due`` and ``lease_due``: to be sent again whatever was
    confirmed, because the station may have lost it. ``paused``: what was last asked of it is to give no energy,
    since ``turned_ms``; else since then energy. ``breach`` stands as long as it is in quarantine; readings from
    before ``judged_ms``, when the last one ended or its station connected, say nothing of obedience.
    ``fallback_ms``: when the fallback was last confirmed. ``formers``: what was replaced lately. ``rounds_up``: it
    was seen to make more of a limit, as ``Evse.rounds_up``; ``fallback_more_w``: by how much of a fallback of a
    request up to ``fallback_more_until``.
    """

    fallback_w: int | None = None
    fallback_pending: dict[int, int] = field(default_factory=dict)
    accepted: Lease | None = None
    pending: list[Lease] = field(default_factory=list)
    in_flight: int | None = None
    refuses_limits: bool = False
    retry_at_ms: int = 0
    refuses_pause: bool = False
    fallback_due: bool = False
    lease_due: bool = False
    paused: bool = True
    turned_ms: int = 0
    breach: Breach | None = None
    judged_ms: int = 0
    fallback_ms: int = 0
    formers: list[Former] = field(default_factory=list)
    rounds_up: bool = False
    fallback_more_w: int = 0
    fallback_more_until: int = 0

    def resting_w(self) -> int:
        """What it falls back to without any lease, as far as it was told."""
        return max(self.fallback_w or 0, *self.fallback_pending.values(), 0)
