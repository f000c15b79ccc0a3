"""The card gateway: the one place that talks to Stripe, through Stripe's own library.

Everything is idempotent by *our* row ids, given as Idempotency-Key, so that a call repeated after a crash or a lost
answer does nothing twice. Stripe forgets keys after 24 h, so a caller that repeats a call later than that asks
``find_payment`` first; the caller's own table is the guard. Amounts are integer cents in USD.

A stand-in for Stripe is an address (``api_base``), never another code path. Time-outs are real seconds.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import stripe

CURRENCY = "usd"
TIMEOUT_REAL_S = 10.0
NETWORK_RETRIES_MAX = 2
PAGE_SIZE = 100
METADATA_PAYMENT_ID = "payment_id"
METADATA_REFUND_ID = "refund_id"


class GatewayUnavailable(Exception):  # noqa: N818 - says what is so
    """No answer that can be relied on: it may or may not have happened. Repeat with the same id, later."""


class GatewayRefused(Exception):  # noqa: N818 - says what is so
    """The gateway understood and will not do it, ever, as asked. ``code`` is Stripe's (``resource_missing``,
    ``charge_already_refunded``, ``idempotency_error``)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class BadSignature(Exception):  # noqa: N818 - says what is so
    """A webhook that Stripe did not sign with our secret, or signed too long ago."""


class PaymentStatus(StrEnum):
    SUCCEEDED = "SUCCEEDED"
    DECLINED = "DECLINED"
    REQUIRES_ACTION = "REQUIRES_ACTION"
    """The bank wants the customer to confirm (strong customer authentication); nothing was taken."""
    PROCESSING = "PROCESSING"
    """Not settled; a webhook will tell."""


class RefundStatus(StrEnum):
    SUCCEEDED = "SUCCEEDED"
    PENDING = "PENDING"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """What to take, from whom. The same ``payment_id`` must always come with the same values."""

    payment_id: str
    amount_cents: int
    gateway_customer_id: str
    payment_method_id: str
    description: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PaymentOutcome:
    """``code`` and ``message`` are Stripe's, for one that did not succeed: the decline code where there is one.
    ``received_cents``: what was taken, for one that did."""

    status: PaymentStatus
    gateway_payment_id: str | None = None
    code: str | None = None
    message: str | None = None
    received_cents: int | None = None


@dataclass(frozen=True, slots=True)
class RefundOutcome:
    """``amount_cents``: what the gateway gives back, where it says so."""

    status: RefundStatus
    gateway_refund_id: str
    code: str | None = None
    amount_cents: int | None = None


@dataclass(frozen=True, slots=True)
class SetupIntent:
    """``client_secret`` lets a phone save a card with Stripe directly; card data never comes here."""

    setup_intent_id: str
    client_secret: str


@dataclass(frozen=True, slots=True)
class Card:
    """A saved card as far as we may know it."""

    payment_method_id: str
    brand: str
    last4: str
    gateway_customer_id: str | None


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """A webhook whose signature was right. ``body`` is the object it is about, in Stripe's own fields."""

    event_id: str
    type: str
    created_ms: int
    body: Mapping[str, Any]


class Gateway:
    """One per process and event loop; ``aclose`` it. Raises GatewayUnavailable and GatewayRefused as said above."""

    def __init__(self, api_key: str, webhook_secret: str, *, api_base: str = "") -> None:
        self._webhook_secret = webhook_secret
        self._http = stripe.HTTPXClient(timeout=TIMEOUT_REAL_S)
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base.rstrip("/")} if api_base else None,
            max_network_retries=NETWORK_RETRIES_MAX,
            http_client=self._http,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the library's own gap

    async def create_customer(self, customer_id: str, *, name: str, email: str) -> str:
        """Make the customer known to Stripe and return Stripe's id for them."""
        try:
            customer = await self._client.v1.customers.create_async(
                {"name": name, "email": email, "metadata": {"customer_id": customer_id}},
                {"idempotency_key": f"customer-{customer_id}"},
            )
        except stripe.StripeError as error:
            raise _failure(error) from error
        return customer.id

    async def create_setup_intent(self, gateway_customer_id: str, *, key: str) -> SetupIntent:
        """Begin saving a card for later, unattended charges; ``key`` is the caller's row id for this attempt."""
        try:
            intent = await self._client.v1.setup_intents.create_async(
                {"customer": gateway_customer_id, "usage": "off_session", "allowed_payment_method_types": ["card"]},
                {"idempotency_key": key},
            )
        except stripe.StripeError as error:
            raise _failure(error) from error
        if intent.client_secret is None:
            raise GatewayRefused("no_client_secret", f"setup intent {intent.id} came without a client secret")
        return SetupIntent(intent.id, intent.client_secret)

    async def payment_method(self, payment_method_id: str) -> Card:
        """Brand and last four digits of a saved card, and whose it is at Stripe."""
        try:
            method = await self._client.v1.payment_methods.retrieve_async(payment_method_id)
        except stripe.StripeError as error:
            raise _failure(error) from error
        card = method.card
        owner = method.customer
        return Card(
            payment_method_id=method.id,
            brand=card.brand if card else method.type,
            last4=(card.last4 if card else None) or "",
            gateway_customer_id=owner if owner is None or isinstance(owner, str) else owner.id,
        )

    async def pay(self, order: PaymentOrder) -> PaymentOutcome:
        """Charge a saved card while its owner is away. A decline is an outcome, not an error."""
        try:
            intent = await self._client.v1.payment_intents.create_async(
                {
                    "amount": order.amount_cents,
                    "currency": CURRENCY,
                    "customer": order.gateway_customer_id,
                    "payment_method": order.payment_method_id,
                    "allowed_payment_method_types": ["card"],
                    "off_session": True,
                    "confirm": True,
                    "description": order.description,
                    "metadata": {**order.metadata, METADATA_PAYMENT_ID: order.payment_id},
                },
                {"idempotency_key": order.payment_id},
            )
        except stripe.CardError as error:
            return _declined(error)
        except stripe.StripeError as error:
            raise _failure(error) from error
        return payment_outcome(intent.to_dict())

    async def find_payment(self, payment_id: str, *, gateway_customer_id: str, since_ms: int) -> PaymentOutcome | None:
        """What became of an earlier ``pay``, by Stripe's list and not by the idempotency key; None if Stripe never
        had it. For repeats that come after Stripe forgot the key."""
        async for intent in self.payments(since_ms=since_ms, gateway_customer_id=gateway_customer_id):
            if intent.get("metadata", {}).get(METADATA_PAYMENT_ID) == payment_id:
                return payment_outcome(intent)
        return None

    async def payments(
        self, *, since_ms: int, gateway_customer_id: str | None = None
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Stripe's payment intents made since an instant, newest first, as Stripe writes them: for reconciliation."""
        params: dict[str, Any] = {"limit": PAGE_SIZE, "created": {"gte": since_ms // 1000}}
        if gateway_customer_id:
            params["customer"] = gateway_customer_id
        try:
            page = await self._client.v1.payment_intents.list_async(params)  # type: ignore[arg-type]  # built up
            async for intent in page.auto_paging_iter():
                yield intent.to_dict()
        except stripe.StripeError as error:
            raise _failure(error) from error

    async def refund(self, refund_id: str, *, gateway_payment_id: str, amount_cents: int) -> RefundOutcome:
        """Give back all or part of a payment. More than is left of it raises GatewayRefused."""
        try:
            refund = await self._client.v1.refunds.create_async(
                {
                    "payment_intent": gateway_payment_id,
                    "amount": amount_cents,
                    "metadata": {METADATA_REFUND_ID: refund_id},
                },
                {"idempotency_key": refund_id},
            )
        except stripe.StripeError as error:
            raise _failure(error) from error
        return refund_outcome(refund.to_dict())

    async def find_refund(
        self, refund_id: str, *, gateway_payment_id: str, gateway_refund_id: str | None
    ) -> RefundOutcome | None:
        """What became of an earlier ``refund``, by Stripe's list and not by the idempotency key, which goes on
        answering with what was known at first; None if Stripe never had it. One that was made in Stripe's own pages
        is found by Stripe's id."""
        try:
            page = await self._client.v1.refunds.list_async({"payment_intent": gateway_payment_id, "limit": PAGE_SIZE})
            async for refund in page.auto_paging_iter():
                found = refund.to_dict()
                if found["id"] == gateway_refund_id or refund_id_in(found) == refund_id:
                    return refund_outcome(found)
        except stripe.StripeError as error:
            raise _failure(error) from error
        return None

    def read_webhook(self, body: bytes, signature: str) -> GatewayEvent:
        """The event of a webhook. Raises BadSignature unless Stripe signed these very bytes lately."""
        try:
            event = self._client.construct_event(body, signature, self._webhook_secret)
        except (stripe.SignatureVerificationError, ValueError) as error:
            raise BadSignature(str(error)) from error
        return GatewayEvent(
            event_id=event.id, type=event.type, created_ms=event.created * 1000, body=event.data.object.to_dict()
        )


_STATUS_OF_INTENT = {
    "succeeded": PaymentStatus.SUCCEEDED,
    "processing": PaymentStatus.PROCESSING,
    "requires_action": PaymentStatus.REQUIRES_ACTION,
    "requires_confirmation": PaymentStatus.PROCESSING,
    "requires_payment_method": PaymentStatus.DECLINED,
    "canceled": PaymentStatus.DECLINED,
}
_STATUS_OF_REFUND = {
    "succeeded": RefundStatus.SUCCEEDED,
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}


def payment_outcome(intent: Mapping[str, Any]) -> PaymentOutcome:
    """What a payment intent, as Stripe writes it, means for us. Raises GatewayRefused for a status we do not use."""
    status = _STATUS_OF_INTENT.get(intent["status"])
    if status is None:
        raise GatewayRefused("unexpected_status", f"payment intent {intent['id']} is {intent['status']}")
    if status is PaymentStatus.SUCCEEDED:
        return PaymentOutcome(status, intent["id"], received_cents=intent["amount_received"])
    if status is not PaymentStatus.DECLINED:
        return PaymentOutcome(status, intent["id"])
    return _outcome_of_error(intent.get("last_payment_error") or {}, intent["id"])


def refund_outcome(refund: Mapping[str, Any]) -> RefundOutcome:
    """What a refund, as Stripe writes it, means for us."""
    status = _STATUS_OF_REFUND.get(refund.get("status") or "pending", RefundStatus.PENDING)
    return RefundOutcome(status, refund["id"], refund.get("failure_reason"), refund.get("amount"))


def refund_id_in(refund: Mapping[str, Any]) -> str | None:
    """Our id of a refund, as Stripe writes it; None for one that was made in Stripe's own pages."""
    return (refund.get("metadata") or {}).get(METADATA_REFUND_ID)


def _declined(error: stripe.CardError) -> PaymentOutcome:
    body = error.json_body if isinstance(error.json_body, Mapping) else {}
    details = body.get("error", {})
    return _outcome_of_error(details, (details.get("payment_intent") or {}).get("id"))


def _outcome_of_error(details: Mapping[str, Any], intent_id: str | None) -> PaymentOutcome:
    code = details.get("decline_code") or details.get("code") or "card_declined"
    needs_owner = "authentication_required" in {details.get("code"), code}
    status = PaymentStatus.REQUIRES_ACTION if needs_owner else PaymentStatus.DECLINED
    return PaymentOutcome(status, intent_id, code, details.get("message") or "The card was declined.")


def _failure(error: stripe.StripeError) -> GatewayUnavailable | GatewayRefused:
    """Sort Stripe's errors by whether repeating the call could ever help.

    A refused key (401, 403) counts as unavailable: an operator mends it, and no customer is blamed for it meanwhile.
    """
    if isinstance(error, stripe.IdempotencyError):
        return GatewayRefused("idempotency_error", error.user_message or "the key was used for something else")
    if isinstance(error, stripe.InvalidRequestError | stripe.CardError):
        return GatewayRefused(error.code or "invalid_request", error.user_message or "")
    return GatewayUnavailable(f"{type(error).__name__}: {error.user_message or 'no message'}")
