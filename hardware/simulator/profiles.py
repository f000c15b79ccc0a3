"""The charging profiles that a simulated station holds, and the limit that they put in force at an instant. Pure.

Follows OCPP 2.0.1 part 2, K01: the highest stack level that is valid counts; a TxProfile stands over the default; the
station's own maximum (ChargingStationMaxProfile) caps both. An Absolute schedule without a start begins when its
profile was installed; a Relative one begins with the transaction. Recurring ones are refused, as by many stations.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.clock import SECOND_MS, from_datetime

MAX = "ChargingStationMaxProfile"
DEFAULT = "TxDefaultProfile"
TX = "TxProfile"


class ProfileError(ValueError):
    """A profile that the station does not take. ``reason_code`` is what OCPP's statusInfo carries."""

    def __init__(self, reason_code: str, text: str) -> None:
        super().__init__(text)
        self.reason_code = reason_code


@dataclass(frozen=True, slots=True)
class Supply:
    """How a station is wired and told: volts per phase, phases, and the units in which it takes limits."""

    volts: float
    phases: int
    units: tuple[str, ...] = ("A", "W")


@dataclass(frozen=True, slots=True)
class Running:
    """The transaction at an EVSE, as far as profiles go."""

    transaction_id: str
    started_ms: int


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile as installed on one EVSE (0: on all).

    ``steps`` are (ms since the schedule's begin, limit in W); each holds until the next, the last until the schedule
    ends. ``begins_ms`` None: with the transaction. ``body`` is the message's own form, for keeping it.
    """

    profile_id: int
    evse_id: int
    purpose: str
    stack_level: int
    valid_from_ms: int
    valid_to_ms: int | None
    begins_ms: int | None
    duration_ms: int | None
    steps: tuple[tuple[int, float], ...]
    transaction_id: str | None
    installed_ms: int
    body: dict[str, Any]

    def limit_w(self, running: Running | None, at_ms: int) -> float | None:
        """Its limit at an instant, None when it puts none in force then."""
        if at_ms < self.valid_from_ms or (self.valid_to_ms is not None and at_ms >= self.valid_to_ms):
            return None
        since_ms = at_ms - self._origin_ms(running, at_ms)
        if self.duration_ms is not None and since_ms >= self.duration_ms:
            return None
        return next((limit_w for from_ms, limit_w in reversed(self.steps) if from_ms <= since_ms), None)

    def changes_ms(self, running: Running | None, after_ms: int) -> Iterator[int]:
        """The instants at which its limit may change."""
        yield self.valid_from_ms
        if self.valid_to_ms is not None:
            yield self.valid_to_ms
        origin_ms = self._origin_ms(running, after_ms)
        yield from (origin_ms + from_ms for from_ms, _ in self.steps)
        if self.duration_ms is not None:
            yield origin_ms + self.duration_ms

    def _origin_ms(self, running: Running | None, at_ms: int) -> int:
        if self.begins_ms is not None:
            return self.begins_ms
        return running.started_ms if running else at_ms

    def overlaps(self, other: "Profile") -> bool:
        """Whether both are valid at some instant."""
        ends, other_ends = (float("inf") if p.valid_to_ms is None else p.valid_to_ms for p in (self, other))
        return self.valid_from_ms < other_ends and other.valid_from_ms < ends


def parse_profile(evse_id: int, body: dict[str, Any], supply: Supply, now_ms: int) -> Profile:
    """Read a ChargingProfileType with snake_case keys. Raises ProfileError for what is not served."""
    kind, purpose = body["charging_profile_kind"], body["charging_profile_purpose"]
    if kind not in ("Absolute", "Relative"):
        raise ProfileError("UnsupportedKind", f"Absolute and Relative schedules are served, got {kind}")
    if purpose not in (MAX, DEFAULT, TX):
        raise ProfileError("InvalidProfile", f"{purpose} cannot be set")
    if purpose == MAX and (evse_id != 0 or kind == "Relative"):
        raise ProfileError("InvalidProfile", f"{MAX} is for EVSE 0 and not Relative")
    if purpose == TX and (evse_id == 0 or not body.get("transaction_id")):
        raise ProfileError("InvalidProfile", "a TxProfile names an EVSE and a transaction")
    schedule = body["charging_schedule"][0]
    unit = schedule["charging_rate_unit"]
    if unit not in supply.units:
        raise ProfileError("UnsupportedRateUnit", f"limits are taken in {' or '.join(supply.units)}, got {unit}")
    duration_s = schedule.get("duration")
    return Profile(
        profile_id=body["id"],
        evse_id=evse_id,
        purpose=purpose,
        stack_level=body["stack_level"],
        valid_from_ms=_instant(body.get("valid_from")) or now_ms,
        valid_to_ms=_instant(body.get("valid_to")),
        begins_ms=None if kind == "Relative" else _instant(schedule.get("start_schedule")) or now_ms,
        duration_ms=None if duration_s is None else duration_s * SECOND_MS,
        steps=tuple(
            (period["start_period"] * SECOND_MS, _watts(period, unit, supply))
            for period in schedule["charging_schedule_period"]
        ),
        transaction_id=body.get("transaction_id"),
        installed_ms=now_ms,
        body=body,
    )


def _instant(text: str | None) -> int | None:
    return None if text is None else from_datetime(datetime.fromisoformat(text))


def _watts(period: dict[str, Any], unit: str, supply: Supply) -> float:
    limit = float(period["limit"])
    if unit == "W":
        return limit
    phases: int = period.get("number_phases", 3)
    return limit * supply.volts * min(phases, supply.phases)


def install(held: Iterable[Profile], new: Profile) -> tuple[Profile, ...]:
    """What is held after a new profile arrived: one of the same id is replaced (K01.FR.05).

    Raises ProfileError for a second one on the same EVSE, purpose and stack level that is valid at the same time
    (K01.FR.06).
    """
    rest = tuple(p for p in held if p.profile_id != new.profile_id)
    same = [p for p in rest if (p.evse_id, p.purpose, p.stack_level) == (new.evse_id, new.purpose, new.stack_level)]
    for other in same:
        if new.purpose != TX and new.overlaps(other):
            raise ProfileError("DuplicateProfile", f"profile {other.profile_id} holds this stack level at that time")
    return (*rest, new)


def clear(held: Iterable[Profile], request: dict[str, Any]) -> tuple[Profile, ...]:
    """What is held after a ClearChargingProfile: by id, or by every criterion that the request names."""
    wanted = request.get("charging_profile_criteria") or {}
    profile_id = request.get("charging_profile_id")

    def hit(profile: Profile) -> bool:
        if profile_id is not None:
            return bool(profile.profile_id == profile_id)
        return (
            wanted.get("evse_id") in (None, profile.evse_id)
            and wanted.get("charging_profile_purpose") in (None, profile.purpose)
            and wanted.get("stack_level") in (None, profile.stack_level)
        )

    return tuple(p for p in held if not hit(p))


def limit_w(held: Iterable[Profile], evse_id: int, running: Running | None, at_ms: int) -> float | None:
    """The limit in force at one EVSE, None when no profile puts one there."""
    here = [(p, w) for p in held if p.evse_id in (0, evse_id) and (w := p.limit_w(running, at_ms)) is not None]
    own = [(p, w) for p, w in here if p.purpose == TX and running and p.transaction_id == running.transaction_id]
    chosen = own or [(p, w) for p, w in here if p.purpose == DEFAULT]
    limits = [w for p, w in here if p.purpose == MAX]
    if chosen:
        limits.append(max(chosen, key=lambda pair: (pair[0].stack_level, pair[0].evse_id))[1])
    return min(limits, default=None)


def next_change_ms(held: Iterable[Profile], running: Running | None, after_ms: int) -> int | None:
    """The next instant after ``after_ms`` at which a limit may change by itself, None when there is none."""
    changes = (at_ms for p in held for at_ms in p.changes_ms(running, after_ms) if at_ms > after_ms)
    return min(changes, default=None)


def unexpired(held: Iterable[Profile], now_ms: int) -> tuple[Profile, ...]:
    """What can still matter: a station forgets profiles that are past."""
    return tuple(p for p in held if p.valid_to_ms is None or p.valid_to_ms > now_ms)
