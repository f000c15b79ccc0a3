"""Stripe's parameters: form fields such as ``metadata[plate]=4AB12C`` and ``expand[0]=latest_charge``, nested."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from provisioning.stripe_stand_in.errors import invalid, missing

_PART = re.compile(r"\[([^\]]*)\]")


def nest(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Fold flat fields into dicts and lists. Raises Fault for a name that contradicts another."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        first, *rest = [name.split("[", 1)[0], *_PART.findall(name)]
        here = root
        for part, following in zip([first, *rest], [*rest, None], strict=True):
            key = part or str(len(here))
            if following is None:
                here[key] = value
                break
            here = here.setdefault(key, {})
            if not isinstance(here, dict):
                raise invalid(f"Invalid parameter name: {name}", param=name)
    return {key: _with_lists(value) for key, value in root.items()}


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _with_lists(item) for key, item in value.items()}
    if inner and all(key.isdigit() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


def only(params: Mapping[str, Any], *allowed: str) -> None:
    """Refuse what the endpoint does not take, as Stripe does; ``expand`` and ``metadata`` are taken everywhere."""
    for name in params:
        if name not in allowed and name not in ("expand", "metadata", "client_secret"):
            raise invalid(f"Received unknown parameter: {name}", param=name, code="parameter_unknown")


def text(params: Mapping[str, Any], name: str, default: str | None = None) -> str | None:
    """A text parameter, or the default when it is left out or empty."""
    value = params.get(name)
    if value is None or value == "":
        return default
    if not isinstance(value, str):
        raise invalid("Invalid string", param=name)
    return value


def required(params: Mapping[str, Any], name: str) -> str:
    """A text parameter that must be there."""
    value = text(params, name)
    if value is None:
        raise missing(name)
    return value


def integer(params: Mapping[str, Any], name: str) -> int | None:
    """A whole number, or None when it is left out."""
    value = text(params, name)
    if value is None:
        return None
    if not re.fullmatch(r"-?\d{1,12}", value):
        raise invalid(f"Invalid integer: {value}", param=name, code="parameter_invalid_integer")
    return int(value)


def flag(params: Mapping[str, Any], name: str) -> bool:
    """``true`` or ``false`` (also when left out). ``off_session`` may also say ``one_off`` or ``recurring``."""
    value = text(params, name, "false")
    if value in ("true", "one_off", "recurring"):
        return True
    if value == "false":
        return False
    raise invalid(f"Invalid boolean: {value}", param=name)


def metadata(params: Mapping[str, Any], before: Mapping[str, str] | None = None) -> dict[str, str]:
    """The object's metadata after this request: an empty value takes a key away, an empty ``metadata`` all of them."""
    given = params.get("metadata")
    if given == "":
        return {}
    if given is not None and not isinstance(given, dict):
        raise invalid("Invalid object", param="metadata")
    merged = {**(before or {}), **(given or {})}
    return {key: value for key, value in merged.items() if value != ""}
