"""Idempotency keys that really replay (https://docs.stripe.com/api/idempotent_requests).

The first answer of a key is kept for 24 lived hours and given again to the same request; the same key with other
parameters is an error; a key that is being worked on is a conflict. The answer is written in the transaction of the
work itself. A request that was refused before its endpoint began leaves its key free.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provisioning.stripe_stand_in.errors import key_in_use, key_reused
from provisioning.stripe_stand_in.store import Store

LIFETIME_S = 24 * 3600
KEY_LENGTH_MAX = 255


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with; ``original`` names the request that really did the work, for a replay."""

    status: int
    body: str
    request_id: str
    original: str | None = None


def fingerprint(method: str, path: str, params: Mapping[str, Any]) -> str:
    """One digest for all that makes two requests the same."""
    text = json.dumps([method, path, params], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Keys:
    """The keys of one store; ``now_s`` is lived time."""

    def __init__(self, store: Store) -> None:
        self._db = store.db
        self._working: set[str] = set()
        columns = {
            "key": str,
            "fingerprint": str,
            "status": int,
            "body": str,
            "request_id": str,
            "created": int,
        }
        self._db.table("idempotency_keys").create(columns, pk="key", if_not_exists=True)

    def begin(self, key: str, print_: str, *, now_s: int) -> Answer | None:
        """The answer to give again, or None: do the work, then ``end``. Raises Fault for misuse of the key."""
        if key in self._working:
            raise key_in_use()
        rows = self._db.execute(
            "SELECT fingerprint, status, body, request_id FROM idempotency_keys WHERE key = ? AND created > ?",
            [key, now_s - LIFETIME_S],
        ).fetchall()
        if not rows:
            self._working.add(key)
            return None
        kept_print, status, body, request_id = rows[0]
        if kept_print != print_:
            raise key_reused(key)
        return Answer(status, body, request_id, original=request_id)

    def keep(self, key: str, print_: str, answer: Answer, *, now_s: int) -> None:
        """Remember the answer; called inside the transaction of the work."""
        self._db.execute("DELETE FROM idempotency_keys WHERE created <= ?", [now_s - LIFETIME_S])
        self._db.execute(
            "INSERT OR REPLACE INTO idempotency_keys (key, fingerprint, status, body, request_id, created) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [key, print_, answer.status, answer.body, answer.request_id, now_s],
        )

    def end(self, key: str) -> None:
        """The work is over, well or not."""
        self._working.discard(key)
