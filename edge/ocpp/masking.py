"""Passwords do not belong into a journal of frames."""

import re

_NAMES = re.compile(r"BasicAuthPassword|AuthorizationKey", re.IGNORECASE)
_VALUES = re.compile(r'("(?:attributeValue|value|actualValue)"\s*:\s*)"(?:[^"\\]|\\.)*"?')


def is_secret(name: str) -> bool:
    """Whether a variable or a configuration key holds a password."""
    return _NAMES.fullmatch(name.strip()) is not None


def masked(frame: str) -> str:
    """A frame as it may be written down: in one that speaks of a station's password, no value can be read."""
    return _VALUES.sub(r'\1"***"', frame) if _NAMES.search(frame) else frame
