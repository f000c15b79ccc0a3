"""Webhook endpoints and the events they are sent: ``/v1/webhook_endpoints`` and ``/v1/events``."""

import secrets
from typing import Any

from provisioning.stripe_stand_in import params
from provisioning.stripe_stand_in.call import Call, secret_only
from provisioning.stripe_stand_in.errors import invalid
from provisioning.stripe_stand_in.store import Body


def create(call: Call) -> Body:
    """The signing secret is told once, here."""
    secret_only(call)
    params.only(call.params, "url", "enabled_events", "description", "api_version")
    url = params.required(call.params, "url")
    if not url.startswith(("http://", "https://")):
        raise invalid("Invalid URL: An explicit scheme (such as https) must be provided.", param="url")
    events: Any = call.params.get("enabled_events", [])
    if not isinstance(events, list) or not events:
        raise invalid("Missing required param: enabled_events.", param="enabled_events", code="parameter_missing")
    endpoint = call.store.add(
        "webhook_endpoint",
        {
            "url": url,
            "enabled_events": events,
            "description": params.text(call.params, "description"),
            "metadata": params.metadata(call.params),
            "status": "enabled",
            "_secret": f"whsec_{secrets.token_hex(24)}",
        },
        now_s=call.now_s,
    )
    return {**endpoint, "secret": endpoint["_secret"]}


def retrieve(call: Call, endpoint_id: str) -> Body:
    secret_only(call)
    return call.store.get("webhook_endpoint", endpoint_id)


def list_all(call: Call) -> Body:
    secret_only(call)
    return call.store.page("webhook_endpoint", call.params)


def delete(call: Call, endpoint_id: str) -> Body:
    secret_only(call)
    call.store.get("webhook_endpoint", endpoint_id)
    call.store.delete(endpoint_id)
    return {"id": endpoint_id, "object": "webhook_endpoint", "deleted": True}


def retrieve_event(call: Call, event_id: str) -> Body:
    secret_only(call)
    return call.store.get("event", event_id)


def list_events(call: Call) -> Body:
    secret_only(call)
    return call.store.page("event", call.params)
