"""Stripe's test cards (https://docs.stripe.com/testing) and what each does when saved and when charged. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Authentication(StrEnum):
    """When the bank asks the card's owner to confirm."""

    NEVER = "NEVER"
    UNLESS_SET_UP = "UNLESS_SET_UP"
    """Until the card was saved with its owner's confirmation."""
    ALWAYS = "ALWAYS"


@dataclass(frozen=True, slots=True)
class Decline:
    """A bank's no; ``decline_code`` None where Stripe gives only a code."""

    code: str
    decline_code: str | None
    message: str


GENERIC = Decline("card_declined", "generic_decline", "Your card was declined.")
INSUFFICIENT = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
LOST = Decline("card_declined", "lost_card", "Your card was declined.")
STOLEN = Decline("card_declined", "stolen_card", "Your card was declined.")
EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.")
WRONG_CVC = Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")
PROCESSING = Decline(
    "processing_error", "processing_error", "An error occurred while processing your card. Try again in a little bit."
)
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    None,
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)


@dataclass(frozen=True, slots=True)
class TestCard:
    """``tokens`` are the names that stand for it instead of a number, without the leading ``pm_card_``."""

    number: str
    brand: str
    tokens: tuple[str, ...]
    when_saved: Decline | None = None
    when_charged: Decline | None = None
    authentication: Authentication = Authentication.NEVER

    @property
    def last4(self) -> str:
        return self.number[-4:]


def _declined(number: str, decline: Decline, *tokens: str) -> TestCard:
    return TestCard(number, "visa", tokens, when_saved=decline, when_charged=decline)


CARDS = (
    TestCard("4242424242424242", "visa", ("visa", "us")),
    TestCard("4000056655665556", "visa", ("visa_debit",)),
    TestCard("5555555555554444", "mastercard", ("mastercard",)),
    TestCard("378282246310005", "amex", ("amex",)),
    TestCard("6011111111111117", "discover", ("discover",)),
    _declined("4000000000000002", GENERIC, "chargeDeclined", "visa_chargeDeclined"),
    _declined(
        "4000000000009995",
        INSUFFICIENT,
        "chargeDeclinedInsufficientFunds",
        "visa_chargeDeclinedInsufficientFunds",
    ),
    _declined("4000000000009987", LOST, "chargeDeclinedLostCard", "visa_chargeDeclinedLostCard"),
    _declined("4000000000009979", STOLEN, "chargeDeclinedStolenCard", "visa_chargeDeclinedStolenCard"),
    _declined("4000000000000069", EXPIRED, "chargeDeclinedExpiredCard"),
    _declined("4000000000000127", WRONG_CVC, "chargeDeclinedIncorrectCvc"),
    _declined("4000000000000119", PROCESSING, "chargeDeclinedProcessingError"),
    TestCard("4000000000000341", "visa", ("chargeCustomerFail",), when_charged=GENERIC),
    TestCard(
        "4000002500003155",
        "visa",
        ("authenticationRequiredOnSetup",),
        authentication=Authentication.UNLESS_SET_UP,
    ),
    TestCard("4000002760003184", "visa", ("authenticationRequired",), authentication=Authentication.ALWAYS),
    TestCard(
        "4000008260003178",
        "visa",
        ("authenticationRequiredChargeDeclinedInsufficientFunds",),
        when_charged=INSUFFICIENT,
        authentication=Authentication.UNLESS_SET_UP,
    ),
)

_BY_NUMBER = {card.number: card for card in CARDS}
_BY_TOKEN = {f"pm_card_{token}": card for card in CARDS for token in card.tokens}


def by_number(number: str) -> TestCard | None:
    """The test card of that number (spaces are ignored), or None: real numbers are not taken."""
    return _BY_NUMBER.get(number.replace(" ", ""))


def by_token(token: str) -> TestCard | None:
    """The test card that a name such as ``pm_card_visa`` stands for, or None."""
    return _BY_TOKEN.get(token)


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a charge is tried: without its owner (``off_session``), after they confirmed (``authenticated``), with a
    card that was saved with confirmation (``set_up``)."""

    off_session: bool
    authenticated: bool
    set_up: bool


def needs_owner(card: TestCard, attempt: Attempt) -> bool:
    """Whether the bank wants the card's owner to confirm this charge first."""
    if attempt.authenticated or card.authentication is Authentication.NEVER:
        return False
    return card.authentication is Authentication.ALWAYS or not attempt.set_up


def bank_says(card: TestCard, attempt: Attempt) -> Decline | None:
    """The bank's answer to a charge that need not wait for its owner: None is yes."""
    if needs_owner(card, attempt):
        return AUTHENTICATION_REQUIRED
    return card.when_charged
