"""That this box is there: said at every connect, when it leaves, and when the cloud may have missed it."""

import secrets
import time
from collections.abc import Callable

from edge.store import Store
from shared.clock import Clock
from shared.wire import Notice, Presence

ANNOUNCE_AFTER_REAL_S = 60.0
"""The cloud asks one that is silent after a third of this: a longer silence means that it does not count on us."""


class Announcer:
    """Speaks for one life of the process, which a name drawn at its start tells from another box with the same log."""

    def __init__(
        self, store: Store, clock: Clock, *, publish: Callable[[Presence], object], facility_id: str, version: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._publish = publish
        self._facility_id = facility_id
        self._version = version
        self._instance = secrets.token_hex(4)
        self._quiet_since_real_s = 0.0

    def say(self, *, online: bool) -> None:
        """Tell whoever follows, and whoever will."""
        self._quiet_since_real_s = time.monotonic()
        self._publish(self.told(online=online))

    def told(self, *, online: bool) -> Presence:
        """What is said of this box."""
        return Presence(
            facility_id=self._facility_id,
            online=online,
            at_ms=self._clock.now_ms(),
            log_id=self._store.log_id,
            head=self._store.head,
            version=self._version,
            instance=self._instance,
        )

    def heard(self) -> None:
        """The cloud has said something."""
        self._quiet_since_real_s = time.monotonic()

    def judge_silence(self) -> None:
        """Say again that this box is here when the cloud, which asks who is silent, is silent itself: a retained
        "offline" that outlived a broker's restart would else count until the next event, hours later in a quiet night.
        """
        if time.monotonic() - self._quiet_since_real_s > ANNOUNCE_AFTER_REAL_S:
            self.say(online=True)

    def is_meant(self, notice: Notice) -> bool:
        """Whether a word of the cloud is for this life of this log."""
        return (notice.log_id, notice.instance) == (self._store.log_id, self._instance)
