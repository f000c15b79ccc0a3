"""What the stand-in remembers, in one SQLite file: Stripe's objects as JSON, idempotency keys, webhook deliveries.

One process, one connection. Every request is one transaction, so a kill leaves either all of it or nothing.
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlite_utils

from provisioning.stripe_stand_in.errors import invalid, unknown_object

FILE_NAME = "stripe.sqlite"
PAGE_MAX = 100
PAGE_DEFAULT = 10

PREFIXES = {
    "customer": "cus",
    "payment_method": "pm",
    "setup_intent": "seti",
    "payment_intent": "pi",
    "charge": "ch",
    "refund": "re",
    "event": "evt",
    "webhook_endpoint": "we",
}
FILTERS = ("customer", "payment_intent", "charge", "type")
"""Fields by which lists are filtered; they are columns beside the JSON."""

Body = dict[str, Any]


def new_id(prefix: str) -> str:
    """An id in the manner of Stripe's: a prefix that says what it is, and 24 random digits."""
    return f"{prefix}_{secrets.token_hex(12)}"


class Store:
    """Objects by id and by list. Fields whose names begin with ``_`` are the stand-in's own and never shown."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.db = sqlite_utils.Database(folder / FILE_NAME)
        self.db.enable_wal()
        self.db.execute("PRAGMA synchronous=NORMAL")
        self._create_tables()

    def _create_tables(self) -> None:
        columns = {"seq": int, "id": str, "kind": str, "created": int, "body": str, **dict.fromkeys(FILTERS, str)}
        self.db.table("objects").create(columns, pk="seq", if_not_exists=True)
        self.db.table("objects").create_index(["id"], unique=True, if_not_exists=True)
        self.db.table("objects").create_index(["kind", "customer"], if_not_exists=True)
        self.db.table("objects").create_index(["kind", "payment_intent"], if_not_exists=True)
        self.db.table("objects").create_index(["kind", "charge"], if_not_exists=True)

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what is written inside, or, when it raises, nothing."""
        with self.db.atomic():
            yield

    def add(self, kind: str, body: Mapping[str, Any], *, now_s: int) -> Body:
        """Make an object; ``id``, ``object``, ``created`` and ``livemode`` are filled in."""
        made = {
            "id": new_id(PREFIXES[kind]),
            "object": kind,
            "created": now_s,
            "livemode": False,
            **body,
        }
        row = {"id": made["id"], "kind": kind, "created": now_s, "body": json.dumps(made)}
        self.db.table("objects").insert({**row, **{name: made.get(name) for name in FILTERS}})
        return made

    def change(self, body: Body, **fields: Any) -> Body:
        """Set fields of an object and keep it; returns the object as it is now."""
        changed = {**body, **fields}
        columns = {name: changed.get(name) for name in FILTERS}
        self.db.execute(
            "UPDATE objects SET body = ?, customer = ?, payment_intent = ?, charge = ?, type = ? WHERE id = ?",
            [json.dumps(changed), *columns.values(), changed["id"]],
        )
        return changed

    def find(self, kind: str, object_id: str) -> Body | None:
        """The object of that kind and id, or None."""
        rows = self.db.execute("SELECT body FROM objects WHERE id = ? AND kind = ?", [object_id, kind]).fetchall()
        return json.loads(rows[0][0]) if rows else None

    def get(self, kind: str, object_id: str, *, param: str = "id") -> Body:
        """The object of that kind and id. Raises Stripe's ``resource_missing``."""
        found = self.find(kind, object_id)
        if found is None or found.get("deleted"):
            raise unknown_object(kind, object_id, param=param)
        return found

    def delete(self, object_id: str) -> None:
        """Forget an object."""
        self.db.execute("DELETE FROM objects WHERE id = ?", [object_id])

    def all_of(self, kind: str) -> list[Body]:
        """Every object of a kind, oldest first; for kinds of which there are few."""
        rows = self.db.execute("SELECT body FROM objects WHERE kind = ? ORDER BY seq", [kind]).fetchall()
        return [json.loads(row[0]) for row in rows]

    def page(self, kind: str, params: Mapping[str, Any], *, fixed: Mapping[str, str] | None = None) -> Body:
        """One page of a list, newest first, as Stripe's ``limit``, ``starting_after``, ``ending_before``, ``created``
        and filters ask."""
        limit = _limit(params)
        where, values = _conditions(kind, {**params, **(fixed or {})})
        backwards = bool(params.get("ending_before"))
        cursor = params.get("ending_before") or params.get("starting_after")
        if cursor:
            where.append(f"seq {'>' if backwards else '<'} ?")
            values.append(self._seq_of(kind, cursor, param="ending_before" if backwards else "starting_after"))
        order = "ASC" if backwards else "DESC"
        rows = self.db.execute(
            f"SELECT body FROM objects WHERE {' AND '.join(where)} ORDER BY seq {order} LIMIT ?",  # noqa: S608 - fixed words
            [*values, limit + 1],
        ).fetchall()
        data = [json.loads(row[0]) for row in rows[:limit]]
        return {"data": data[::-1] if backwards else data, "has_more": len(rows) > limit}

    def _seq_of(self, kind: str, object_id: str, *, param: str) -> int:
        rows = self.db.execute("SELECT seq FROM objects WHERE id = ? AND kind = ?", [object_id, kind]).fetchall()
        if not rows:
            raise unknown_object(kind, object_id, param=param)
        return int(rows[0][0])


def _limit(params: Mapping[str, Any]) -> int:
    limit = str(params.get("limit", PAGE_DEFAULT))
    if not limit.isdigit() or not 1 <= int(limit) <= PAGE_MAX:
        raise invalid(f"limit must be between 1 and {PAGE_MAX}", param="limit")
    return int(limit)


_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def _conditions(kind: str, params: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
    where: list[str] = ["kind = ?"]
    values: list[Any] = [kind]
    for name in FILTERS:
        if params.get(name):
            where.append(f"{name} = ?")
            values.append(params[name])
    created = params.get("created", {})
    for word, bound in ({"gte": created, "lte": created} if isinstance(created, str) else created).items():
        if word not in _COMPARISONS or not str(bound).isdigit():
            raise invalid(f"Invalid timestamp filter: created[{word}]={bound}", param="created")
        where.append(f"created {_COMPARISONS[word]} ?")
        values.append(int(bound))
    return where, values
