"""What one facility was told by HQ, kept apart from how the facility keeps it."""

from provisioning.simulation.happenings import Heard
from shared.decisions import Decision


class ToldDecisions:
    """The newest decision of each key. When a new log (a restored cloud) has told all, what only the old one had told
    counts no more."""

    def __init__(self) -> None:
        self.now: dict[str, Decision] = {}
        self._log_id = ""
        self._of_log: dict[str, Decision] = {}
        self._complete = ""

    def take(self, told: Heard) -> list[str]:
        """Hear more; the keys whose value changed."""
        if told.log_id != self._log_id:
            self._log_id, self._of_log = told.log_id, {}
        before: dict[str, Decision | None] = {decision.key: self.now.get(decision.key) for decision in told.decisions}
        for decision in told.decisions:
            self._of_log[decision.key] = self.now[decision.key] = decision
        if told.complete and self._complete != told.log_id:
            before = {**self.now, **before}
            self.now, self._complete = dict(self._of_log), told.log_id
        return [key for key in before if before[key] != self.now.get(key)]
