"""What of billing is kept for so long only: the gateway's messages. It repeats one for a month at most, and what they
led to is in payments and refunds. Charges, their lines, payments and postings are the books, and are kept for good."""

from sqlalchemy import text

from cloud.link.retention import Keeping, Rows

_WEBHOOKS = text(
    "DELETE FROM billing.webhooks"
    " WHERE ctid = ANY (ARRAY(SELECT ctid FROM billing.webhooks WHERE received_at_ms < :before_ms LIMIT :limit))"
)

KEPT: tuple[Keeping, ...] = (Rows("webhooks", _WEBHOOKS),)
