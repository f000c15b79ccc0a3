"""Saving a card: the phone gives it to the gateway itself; we hand out the secret that lets it. We see no card data.

The gateway is asked between transactions, never within one, so a slow gateway holds no lock. That the card was saved
is told by the gateway's webhook, which ends in ``accounts.payment_method_attached``.
"""

import secrets
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Request
from pydantic import BaseModel

from cloud.customers import store
from cloud.customers.inputs import CustomerId
from cloud.db import transaction
from cloud.gateway import Gateway, GatewayRefused, GatewayUnavailable
from cloud.problems import Problem, not_found

router = APIRouter(prefix="/customers", tags=["customers"])

RETRY_AFTER_REAL_S = 5

IdempotencyKey = Annotated[str | None, Header(max_length=64, pattern=r"^[\x21-\x7e]+$")]


class CardSecret(BaseModel):
    """For the gateway's own form on the phone; worth nothing to anybody else and never stored."""

    setup_intent_id: str
    client_secret: str


@router.post("/{customer_id}/setup-intents", status_code=201)
async def begin_saving_card(
    customer_id: CustomerId, request: Request, idempotency_key: IdempotencyKey = None
) -> CardSecret:
    """Begin to save a card. With an ``Idempotency-Key`` a repeat gives the same intent again."""
    gateway: Gateway = request.app.state.gateway
    async with transaction(request.app.state.engine) as conn:
        customer = await store.customer(conn, customer_id)
    if customer is None:
        raise not_found(f"customer {customer_id}")
    try:
        gateway_customer_id = customer.gateway_customer_id
        if gateway_customer_id is None:
            made = await gateway.create_customer(customer_id, name=customer.name, email=customer.email)
            async with transaction(request.app.state.engine) as conn:
                gateway_customer_id = await store.set_gateway_customer(conn, customer_id, made)
        key = f"setup-{customer_id}-{idempotency_key or secrets.token_hex(16)}"
        intent = await gateway.create_setup_intent(gateway_customer_id, key=key)
    except GatewayUnavailable as error:
        raise HTTPException(
            503, "the card gateway cannot be reached; nothing was saved", {"Retry-After": str(RETRY_AFTER_REAL_S)}
        ) from error
    except GatewayRefused as error:
        raise Problem(502, f"the card gateway refused: {error}") from error
    return CardSecret(setup_intent_id=intent.setup_intent_id, client_secret=intent.client_secret)
