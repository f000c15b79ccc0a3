"""What the rules ask of the box itself when a person wants to know how it is, and what they are told of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.commands import Outcome


@dataclass(frozen=True, slots=True)
class GatherDiagnostics:
    """Gather what tells how the box is, and give DiagnosticsGathered. Asked for once; a restart ends it."""

    command_id: str


@dataclass(frozen=True, slots=True)
class DiagnosticsGathered:
    """What became of a GatherDiagnostics; ``details`` name the bundle."""

    command_id: str
    outcome: Outcome
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
