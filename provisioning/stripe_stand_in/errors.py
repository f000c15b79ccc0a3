"""Stripe's errors: their shapes, types, codes and statuses, as https://docs.stripe.com/api/errors has them."""

from collections.abc import Mapping
from typing import Any


class Fault(Exception):  # noqa: N818 - Stripe calls the thing an error object; this carries one
    """A request answered with an error. ``executed``: the endpoint had begun, so what it wrote stays and an
    idempotency key replays the error; otherwise nothing happened and the key is still free."""

    def __init__(
        self, status: int, kind: str, message: str, *, executed: bool = False, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.executed = executed
        self.error: dict[str, Any] = {"message": message, "type": kind, **(details or {})}


def invalid(message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> Fault:
    """The caller asked for something that cannot be (``invalid_request_error``)."""
    details = {key: value for key, value in (("param", param), ("code", code)) if value is not None}
    return Fault(status, "invalid_request_error", message, details=details)


def missing(param: str) -> Fault:
    """A required parameter was left out."""
    return invalid(f"Missing required param: {param}.", param=param, code="parameter_missing")


def unknown_object(kind: str, object_id: str, *, param: str = "id") -> Fault:
    """No object has that id; Stripe answers 404 for the object of the path and 400 for one named in a parameter."""
    status = 404 if param == "id" else 400
    return invalid(
        f"No such {kind.replace('_', '')}: '{object_id}'", param=param, code="resource_missing", status=status
    )


def unauthorised(message: str) -> Fault:
    """The key is missing or wrong."""
    return Fault(401, "invalid_request_error", message)


def card_error(message: str, *, code: str, decline_code: str | None, details: Mapping[str, Any]) -> Fault:
    """The bank said no (402). Always ``executed``: the refused attempt is on record."""
    codes = {"code": code} | ({"decline_code": decline_code} if decline_code else {})
    return Fault(402, "card_error", message, executed=True, details={**codes, **details})


def key_reused(key: str) -> Fault:
    """The same idempotency key came with other parameters."""
    return Fault(
        400,
        "idempotency_error",
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request.",
    )


def key_in_use() -> Fault:
    """The same idempotency key is being worked on at this moment."""
    return Fault(
        409,
        "invalid_request_error",
        "There is currently another in-progress request using this Idempotent Key. Please try again later.",
        details={"code": "idempotency_key_in_use"},
    )
