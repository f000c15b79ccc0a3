"""The provider of card payments: it takes and gives back, answers late or not at all, and tells what it did.

A model of Stripe as ``cloud/gateway.py`` speaks with it, in Stripe's own fields where the cloud's rules read them. One
payment for each idempotency key, which it forgets after a day. What it tells comes late, twice, in any order; some of
that about payments never. Banks take their time over some refunds, and some fail, even after they had succeeded. It
leaves out a customer who confirms a payment that was declined for want of it, disputes, and fees. It tells the auditor
what it took and gave back, in truth.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cloud.gateway import (
    METADATA_PAYMENT_ID,
    METADATA_REFUND_ID,
    GatewayEvent,
    GatewayRefused,
    GatewayUnavailable,
    PaymentOrder,
    PaymentOutcome,
    RefundOutcome,
    payment_outcome,
    refund_id_in,
    refund_outcome,
)
from provisioning.simulation.happenings import GivenBack, Taken
from provisioning.simulation.surroundings import Surroundings

DAY_MS = 86_400_000
MINUTE_MS = 60_000
TIMEOUT_MS = 10_000
AMOUNT_MIN_CENTS = 50
LOSES = 0.03
"""Of its answers, so many."""
NEVER_TELLS = 0.02
"""Of what it should tell of payments, and of refunds that a bank took its time over, so much."""
SLOW_REFUNDS = 0.2
FAILING_REFUNDS = 0.1
STATUSES = ("succeeded", "requires_payment_method", "requires_action", "processing")
WEIGHTS = (82, 8, 3, 7)
BAD_CARD = "card-bad"
"""Every payment with it is declined."""


@dataclass(slots=True)
class Intent:
    """A payment as the provider has it."""

    intent_id: str
    order: PaymentOrder
    created_ms: int
    status: str
    refunds: list[dict[str, Any]] = field(default_factory=list)
    """In Stripe's fields."""

    @property
    def given_back_cents(self) -> int:
        return sum(r["amount"] for r in self.refunds if r["status"] != "failed")

    def body(self) -> dict[str, Any]:
        """In Stripe's fields."""
        declined = "authentication_required" if self.status == "requires_action" else "card_declined"
        return {
            "id": self.intent_id,
            "status": "requires_payment_method" if self.status == "requires_action" else self.status,
            "amount_received": self.order.amount_cents if self.status == "succeeded" else 0,
            "metadata": {METADATA_PAYMENT_ID: self.order.payment_id},
            "last_payment_error": {"code": declined},
        }


class Provider:
    """``reachable`` False: no call comes through. ``tell`` is the cloud's door for events: False when nobody opened."""

    def __init__(self, around: Surroundings) -> None:
        self.reachable = True
        self._mended = False
        self.tell: Callable[[GatewayEvent], bool] = lambda _event: True
        self._around = around
        self._intents: dict[str, Intent] = {}
        self._of_payment: dict[str, list[Intent]] = {}
        self._keys: dict[str, tuple[int, object, Any]] = {}
        self._told: list[GatewayEvent] = []

    # What the cloud asks.

    def pay(self, order: PaymentOrder) -> Generator[int, None, PaymentOutcome]:
        """Take money from a saved card. Raises GatewayUnavailable, GatewayRefused."""
        yield from self._there()
        outcome: PaymentOutcome = self._once(order.payment_id, order, lambda: self._take(order))
        yield from self._back()
        return outcome

    def find_payment(self, payment_id: str, since_ms: int) -> Generator[int, None, PaymentOutcome | None]:
        """What became of a payment, by the list of all since an instant. Raises GatewayUnavailable."""
        yield from self._there()
        made = [i for i in self._of_payment.get(payment_id, ()) if i.created_ms >= since_ms]
        outcome = payment_outcome(made[-1].body()) if made else None
        yield from self._back()
        return outcome

    def refund(self, refund_id: str, intent_id: str, amount_cents: int) -> Generator[int, None, RefundOutcome]:
        """Give back. Raises GatewayUnavailable, GatewayRefused."""
        yield from self._there()
        wanted = (intent_id, amount_cents)
        outcome: RefundOutcome = self._once(refund_id, wanted, lambda: self._give_back(refund_id, *wanted))
        yield from self._back()
        return outcome

    def find_refund(
        self, refund_id: str, intent_id: str, provider_refund_id: str | None
    ) -> Generator[int, None, RefundOutcome | None]:
        """What became of a refund, by the list of all of a payment. Raises GatewayUnavailable."""
        yield from self._there()
        made = self._intents[intent_id].refunds
        found = [refund_outcome(r) for r in made if r["id"] == provider_refund_id or refund_id_in(r) == refund_id]
        yield from self._back()
        return found[-1] if found else None

    # What is done here without the cloud.

    def give_back_by_hand(self, intent_id: str, share: float) -> None:
        """Somebody gives money back on the provider's own pages."""
        intent = self._intents.get(intent_id)
        if intent is not None and intent.status == "succeeded":
            left = intent.order.amount_cents - intent.given_back_cents
            amount_cents = round(left * share)
            if amount_cents:
                self._give_back("", intent_id, amount_cents)

    def mend(self) -> None:
        """Calls come through and are answered, what it tells comes, and nothing waits for a bank any more."""
        self.reachable = self._mended = True
        for intent in self._intents.values():
            self._processed(intent)
            for made in intent.refunds:
                self._refund_processed(intent, made)

    def tell_again(self, since_ms: int) -> None:
        """Somebody has it tell again all that came since an instant, and so what happened a while before it."""
        for event in self._told:
            if event.created_ms >= since_ms - DAY_MS:
                self._deliver(event, 0)

    # Within.

    def _there(self) -> Generator[int, None, None]:
        yield self._around.universe.between(50, 500)
        if not self.reachable:
            yield TIMEOUT_MS
            raise GatewayUnavailable("it cannot be reached")

    def _back(self) -> Generator[int, None, None]:
        slow = self._around.universe.chance(0.05)
        yield self._around.universe.between(1_000, TIMEOUT_MS) if slow else self._around.universe.between(50, 500)
        if self._around.universe.chance(LOSES) and not self._mended:
            yield TIMEOUT_MS
            raise GatewayUnavailable("the answer was lost")

    def _once(self, key: str, wanted: object, do: Callable[[], Any]) -> Any:
        """A key that is known is answered as the first time, and refused for anything else."""
        now_ms = self._around.universe.now_ms
        known = self._keys.get(key)
        if known is None or now_ms - known[0] > DAY_MS:
            known = self._keys[key] = (now_ms, wanted, do())
        if known[1] != wanted:
            raise GatewayRefused("idempotency_error", "the key was used for something else")
        return known[2]

    def _take(self, order: PaymentOrder) -> PaymentOutcome:
        if order.amount_cents < AMOUNT_MIN_CENTS:
            raise GatewayRefused("amount_too_small", f"at least {AMOUNT_MIN_CENTS} cents")
        universe = self._around.universe
        [status] = universe.random.choices(STATUSES, WEIGHTS)
        if status == "processing" and self._mended:
            status = "succeeded"
        if order.payment_method_id == BAD_CARD:
            status = "requires_payment_method"
        made = self._of_payment.setdefault(order.payment_id, [])
        intent = Intent(f"pi-{order.payment_id}:{len(made) + 1}", order, universe.now_ms, status)
        made.append(intent)
        self._intents[intent.intent_id] = intent
        if status == "processing":
            universe.after(universe.between(MINUTE_MS, 60 * MINUTE_MS), self._processed, intent)
        else:
            self._changed(intent)
        return payment_outcome(intent.body())

    def _processed(self, intent: Intent) -> None:
        if intent.status == "processing":
            intent.status = "succeeded" if self._around.universe.chance(0.8) else "requires_payment_method"
            self._changed(intent)

    def _changed(self, intent: Intent) -> None:
        order, taken = intent.order, intent.status == "succeeded"
        if taken:
            charge_id = order.metadata["charge_id"]
            self._around.auditor.tell(Taken(intent.intent_id, order.payment_id, charge_id, order.amount_cents))
            self._around.counts["cards charged"] += 1
        self._emit("payment_intent.succeeded" if taken else "payment_intent.payment_failed", intent.body())

    def _give_back(self, refund_id: str, intent_id: str, amount_cents: int) -> RefundOutcome:
        intent = self._intents[intent_id]
        if intent.status != "succeeded" or amount_cents > intent.order.amount_cents - intent.given_back_cents:
            raise GatewayRefused("charge_already_refunded", "there is not so much left of it")
        universe = self._around.universe
        self._around.auditor.tell(GivenBack(intent_id, amount_cents))
        self._around.counts["given back"] += 1
        made = {
            "id": f"re-{intent_id}-{len(intent.refunds) + 1}",
            "payment_intent": intent_id,
            "amount": amount_cents,
            "status": "pending" if universe.chance(SLOW_REFUNDS) and not self._mended else "succeeded",
            "metadata": {METADATA_REFUND_ID: refund_id} if refund_id else {},
        }
        intent.refunds.append(made)
        self._emit("refund.created", dict(made))
        self._emit("charge.refunded", self._charge_body(intent))
        if made["status"] == "pending":
            universe.after(universe.between(MINUTE_MS, 60 * MINUTE_MS), self._refund_processed, intent, made)
        elif universe.chance(FAILING_REFUNDS):
            universe.after(universe.between(MINUTE_MS, 60 * MINUTE_MS), self._refund_fails, intent, made)
        return refund_outcome(made)

    def _refund_processed(self, intent: Intent, made: dict[str, Any]) -> None:
        if made["status"] != "pending":
            return
        if self._around.universe.chance(0.3):
            self._refund_fails(intent, made)
        else:
            made["status"] = "succeeded"
            self._emit("refund.updated", dict(made))

    def _refund_fails(self, intent: Intent, made: dict[str, Any]) -> None:
        """The bank sends the money back: the provider has it again."""
        made["status"] = "failed"
        self._around.auditor.tell(GivenBack(intent.intent_id, -made["amount"]))
        self._around.counts["refunds failed"] += 1
        self._emit("refund.failed", dict(made))

    def _charge_body(self, intent: Intent) -> dict[str, Any]:
        return {
            "id": f"ch-{intent.intent_id}",
            "payment_intent": intent.intent_id,
            "amount_refunded": intent.given_back_cents,
        }

    # What it tells.

    def _emit(self, kind: str, body: Mapping[str, Any]) -> None:
        universe = self._around.universe
        event = GatewayEvent(f"evt-{len(self._told)}", kind, universe.now_ms, body)
        self._told.append(event)
        if kind.startswith(("payment_intent.", "refund.updated")) and universe.chance(NEVER_TELLS) and not self._mended:
            return
        late = universe.chance(0.1) and not self._mended
        delay_ms = universe.between(MINUTE_MS, 10 * MINUTE_MS) if late else universe.between(100, 3_000)
        universe.after(delay_ms, self._deliver, event, 0)

    def _deliver(self, event: GatewayEvent, attempt: int) -> None:
        universe = self._around.universe
        if not self.tell(event) or universe.chance(0.05):
            again_ms = min(MINUTE_MS << attempt, 5 * MINUTE_MS)
            universe.after(again_ms, self._deliver, event, attempt + 1)
