"""The mails of the demo: what the cloud sent, kept by the mailbox as one file each."""

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from heapq import nlargest
from pathlib import Path

SHOWN = 3
_DELIVERED = re.compile(r"(\d+)\.M(\d+)P\d+Q(\d+)\.")
"""How a Maildir's file is named: seconds, microseconds without leading zeros, and a count within the process."""
_KEY = re.compile(r"[\w.=,-]{1,200}")


@dataclass(frozen=True, slots=True)
class Letter:
    """``key`` is its file's name. ``at_ms`` is the instant it is dated, milliseconds UTC; None when it is not."""

    key: str
    subject: str
    recipient: str
    at_ms: int | None


class Mailbox:
    """Reads a Maildir that somebody else fills. Remembers the letters it showed last, so that each is read once."""

    def __init__(self, folder: Path) -> None:
        self._new = folder / "new"
        self._known: dict[str, Letter] = {}

    def newest(self) -> tuple[Letter, ...]:
        """The last letters, newest first."""
        names = (entry.name for entry in self._new.iterdir()) if self._new.is_dir() else iter(())
        keys = nlargest(SHOWN, names, key=_delivered)
        self._known = {key: self._known.get(key) or self._letter(key) for key in keys}
        return tuple(self._known.values())

    def letter(self, key: str) -> tuple[Letter, str] | None:
        """One letter and its HTML; None when there is none of that name."""
        if not _KEY.fullmatch(key) or not (self._new / key).is_file():
            return None
        body = self._read(key).get_body(preferencelist=("html", "plain"))
        return self._letter(key), "" if body is None else str(body.get_content())

    def _letter(self, key: str) -> Letter:
        message = self._read(key)
        dated = message["Date"]
        return Letter(
            key=key,
            subject=str(message["Subject"] or "no subject"),
            recipient=str(message["To"] or ""),
            at_ms=None if dated is None else round(parsedate_to_datetime(str(dated)).timestamp() * 1_000),
        )

    def _read(self, key: str) -> EmailMessage:
        message = message_from_bytes((self._new / key).read_bytes(), policy=policy.default)
        if not isinstance(message, EmailMessage):
            raise TypeError("the default policy makes EmailMessage")
        return message


def _delivered(key: str) -> tuple[int, ...]:
    found = _DELIVERED.match(key)
    return (0,) if found is None else tuple(int(group) for group in found.groups())
