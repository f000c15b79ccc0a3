"""What begins and ends a station's quarantine."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Misbehaved:
    """A station broke the protocol too often."""

    station_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReleaseAsked:
    """A person ends a station's quarantine."""

    station_id: str
    asked_by: str
