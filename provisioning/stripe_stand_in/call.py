"""One request as an endpoint sees it, and what every endpoint may do besides answering: tell the webhooks."""

from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any

from provisioning.stripe_stand_in.errors import invalid, unauthorised
from provisioning.stripe_stand_in.store import Body, Store

Emit = Callable[[str, Body], None]


@dataclass(frozen=True, slots=True)
class Call:
    """``publishable``: made with a ``pk_test_`` key, as Stripe.js on a phone does, which may only touch an intent
    whose client secret it holds. ``now_s`` is lived time."""

    params: dict[str, Any]
    now_s: int
    store: Store
    emit: Emit
    publishable: bool = False


Endpoint = Callable[..., Body]
"""Called with the Call and the ids of the path; answers with Stripe's object."""


def secret_only(call: Call) -> None:
    """Refuse a publishable key. Raises Fault 401."""
    if call.publishable:
        raise unauthorised(
            "This API call cannot be made with a publishable API key. Please use a secret API key. "
            "You can find a list of your API keys at https://dashboard.stripe.com/account/apikeys."
        )


def holder_of(call: Call, intent: Body) -> None:
    """A publishable key must prove that it may touch an intent by the intent's client secret. Raises Fault."""
    if not call.publishable:
        return
    given = str(call.params.get("client_secret", ""))
    if not compare_digest(given.encode(), str(intent["client_secret"]).encode()):
        raise invalid(
            f"The client_secret provided does not match any associated {intent['object']} on this account.",
            param="client_secret",
            code="payment_intent_invalid_parameter" if intent["object"] == "payment_intent" else None,
        )


def shown(value: Any) -> Any:
    """An answer without the stand-in's own fields, whose names begin with ``_``."""
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items() if not key.startswith("_")}
    if isinstance(value, list):
        return [shown(item) for item in value]
    return value


_EXPANDABLE = {
    "customer": "customer",
    "payment_method": "payment_method",
    "payment_intent": "payment_intent",
    "latest_charge": "charge",
    "charge": "charge",
}


def expanded(answer: Body, paths: list[str], store: Store) -> Body:
    """Put whole objects in place of their ids along paths such as ``latest_charge`` or ``data.customer``."""
    for path in paths:
        _expand(answer, path.split("."), store)
    return answer


def _expand(value: Any, path: list[str], store: Store) -> None:
    if isinstance(value, list):
        for item in value:
            _expand(item, path, store)
        return
    if not isinstance(value, dict) or not path:
        return
    name, *rest = path
    held = value.get(name)
    if isinstance(held, str):
        if name not in _EXPANDABLE:
            raise invalid(f"This property cannot be expanded ({name}).", param="expand")
        value[name] = store.find(_EXPANDABLE[name], held) or held
    _expand(value.get(name), rest, store)
