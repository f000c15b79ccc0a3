"""What must not leave the box does not: passwords and keys, whose the cars and the cards are.

Values are known by the names they stand under. What stood under such a name once is then hidden wherever it is met,
so that a plate in a sentence is too.
"""

import json
import re
from typing import Any

from edge.ocpp.masking import masked

HIDDEN = "***"
_NAMES = re.compile(
    r"pass(word|wd|phrase)|secret|salt|sha256|private|credential|authori[sz]ation_?key"
    r"|plate|token|(^|_)group_id|customer|right_id|^removed$|e_?mail|phone|^by$|_by$|reference|signature",
    re.IGNORECASE,
)
_PUBLIC = frozenset({"plate_reader", "plate_confidence_min_pct", "token_file"})
_LOGIN = re.compile(r"(?<=://)[^/@\s\"']+(?=@)")
_WORD = re.compile(r"[\w-]+")
_PART = re.compile(r"[^\W_]+")
_LEARNT_MIN = 4
"""Shorter values are hidden where they stand, but met elsewhere they are more likely something else."""


class Hider:
    """``learn`` from everything first, then ``hide`` it, or ``record`` by record."""

    def __init__(self) -> None:
        self._learnt: set[str] = set()

    def learn(self, value: Any, *, private: bool = False) -> None:
        """Remember what stands under a private name in this JSON value."""
        if isinstance(value, dict):
            for name, inner in value.items():
                self.learn(inner, private=private or _is_private(name))
        elif isinstance(value, (list, tuple)):
            for inner in value:
                self.learn(inner, private=private)
        elif private and isinstance(value, str) and len(value) >= _LEARNT_MIN:
            self._learnt.add(value)

    def record(self, value: Any) -> Any:
        """One record as it may leave the box. In one that speaks of a station's password no variable's value is left,
        since names and values stand apart there."""
        return self.hide(json.loads(masked(json.dumps(value))))

    def hide(self, value: Any) -> Any:
        """The JSON value as it may leave the box."""
        if isinstance(value, dict):
            return {self.text(str(k)): _hidden(v) if _is_private(str(k)) else self.hide(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.hide(inner) for inner in value]
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """A sentence as it may leave the box."""
        return _WORD.sub(self._word, _LOGIN.sub(HIDDEN, masked(text)))

    def _word(self, found: re.Match[str]) -> str:
        if found[0] in self._learnt:
            return HIDDEN
        return _PART.sub(lambda part: HIDDEN if part[0] in self._learnt else part[0], found[0])


def _is_private(name: str) -> bool:
    return _NAMES.search(name) is not None and name not in _PUBLIC


def _hidden(value: Any) -> Any:
    """What is empty, a number or a truth tells of nobody."""
    return HIDDEN if isinstance(value, (str, dict, list, tuple)) and value else value
