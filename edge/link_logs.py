"""Which log goes up: former ones first, the oldest before the others, each until nothing more of it can be sent."""

from edge.logbook import ClosedLog
from edge.packing import SentLog
from edge.store import Store


class LogOrder:
    """Knows which former logs are done with: held whole by the cloud, or passed over. That is asked about anew on every
    connection, since the other side may be another, or restored from a backup."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._done: set[str] = set()

    @property
    def former_done(self) -> bool:
        """Whether any former log is done with."""
        return bool(self._done)

    def former(self) -> ClosedLog | None:
        """The oldest former log that is not done with."""
        return next((log for log in self._store.closed_logs if log.log_id not in self._done), None)

    def sent(self) -> SentLog:
        """The log whose turn it is, the present one when all former ones are done."""
        former = self.former()
        if former is not None:
            return SentLog(former.log_id, former.base, former.head, former.table)
        return SentLog(self._store.log_id, self._store.base, self._store.head)

    async def held(self, former: ClosedLog) -> None:
        """The cloud holds it whole; that is remembered in the file, which may let go of it. Raises sqlite3.Error."""
        done = self._done
        if not former.drained:
            await self._store.in_writer(self._store.log.mark_drained, former)
        done.add(former.log_id)  # counts for nothing when all were asked about anew meanwhile

    def pass_over(self, former: ClosedLog) -> None:
        """The cloud cannot take what is here of it. It stays in the file, for a newer backup of the cloud may."""
        self._done.add(former.log_id)

    def ask_anew(self) -> None:
        """The cloud may lack of any log."""
        self._done = set()
