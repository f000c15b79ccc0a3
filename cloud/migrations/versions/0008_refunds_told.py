"""What the gateway told of refunds is looked up by their payment, at each payment that is booked."""

from cloud.migrations import scripts

revision = "0008"
down_revision = "0007"

_SCRIPT = """
CREATE INDEX ix_webhooks_payment_intent ON billing.webhooks ((body ->> 'payment_intent'));
"""


def upgrade() -> None:
    scripts.run(_SCRIPT)
