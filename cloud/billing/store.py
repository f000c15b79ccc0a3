"""Tables of billing: what was charged, what was paid and given back, and the double entry of all of it.

The database itself keeps the two laws of money, by triggers that the migration makes: a transfer's postings sum to
zero when its transaction commits, and no posting is ever changed or removed.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from cloud.db import metadata

SCHEMA = "billing"

charges = Table(
    "charges",
    metadata,
    Column("charge_id", Text, primary_key=True),
    Column("session_id", Text, nullable=False, unique=True),
    Column("facility_id", Text, nullable=False, index=True),
    Column("customer_id", Text, index=True, comment="None: a ticket, paid on site"),
    Column("status", Text, CheckConstraint("status IN ('OPEN', 'PAID')", name="status"), nullable=False),
    Column("total_cents", BigInteger, CheckConstraint("total_cents >= 0", name="total"), nullable=False),
    Column("tax_cents", BigInteger, nullable=False),
    Column("quoted_cents", BigInteger, nullable=False, comment="what the lane said; differs from total: an alert"),
    Column("tariff_versions", ARRAY(Text), nullable=False),
    Column("entered_ms", BigInteger, nullable=False),
    Column("priced_until_ms", BigInteger, nullable=False),
    Column("exited_ms", BigInteger, nullable=False, comment="when the session ended at the facility"),
    Column("log_id", Text, nullable=False),
    Column("seq", BigInteger, nullable=False, comment="the VehicleExited that it follows from"),
    Column("paid_at_ms", BigInteger),
    schema=SCHEMA,
    comment="One per closed session.",
)
Index("ix_charges_exited", charges.c.exited_ms.desc(), charges.c.charge_id.desc())

charge_lines = Table(
    "charge_lines",
    metadata,
    Column("charge_id", Text, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("component", Text),
    Column("description", Text, nullable=False),
    Column("quantity", Numeric, nullable=False),
    Column("unit", Text, nullable=False),
    Column("unit_price", Numeric, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    schema=SCHEMA,
    comment="What the total is the sum of, in the order of the receipt. Never changed.",
)

payments = Table(
    "payments",
    metadata,
    Column("payment_id", Text, primary_key=True, comment="also the idempotency key at the gateway"),
    Column("charge_id", Text, nullable=False, index=True),
    Column(
        "kind",
        Text,
        CheckConstraint("kind IN ('CARD_ON_FILE', 'SITE_CASH', 'SITE_CARD')", name="kind"),
        nullable=False,
    ),
    Column(
        "status",
        Text,
        CheckConstraint("status IN ('PENDING', 'SUBMITTED', 'SUCCEEDED', 'DECLINED')", name="status"),
        nullable=False,
    ),
    Column("amount_cents", BigInteger, CheckConstraint("amount_cents > 0", name="amount"), nullable=False),
    Column("reference", Text, comment="on site: the machine's or attendant's own number"),
    Column("gateway_customer_id", Text, comment="with payment_method_id, fixed before the gateway is first asked"),
    Column("payment_method_id", Text),
    Column("card_brand", Text),
    Column("card_last4", Text),
    Column("gateway_payment_id", Text, index=True),
    Column("code", Text, comment="why it was declined, in the gateway's words"),
    Column("message", Text),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("submitted_at_ms", BigInteger),
    Column("settled_at_ms", BigInteger),
    schema=SCHEMA,
    comment="Attempts to be paid. This table, not the gateway's memory, is what keeps a charge from being paid twice.",
)
Index(
    "uq_payments_live",
    payments.c.charge_id,
    unique=True,
    postgresql_where=text("status IN ('PENDING', 'SUBMITTED')"),
)

refunds = Table(
    "refunds",
    metadata,
    Column("refund_id", Text, primary_key=True, comment="also the idempotency key at the gateway"),
    Column("charge_id", Text, nullable=False, index=True),
    Column("payment_id", Text, nullable=False, index=True),
    Column("amount_cents", BigInteger, CheckConstraint("amount_cents > 0", name="amount"), nullable=False),
    Column(
        "status", Text, CheckConstraint("status IN ('PENDING', 'SUCCEEDED', 'FAILED')", name="status"), nullable=False
    ),
    Column("reason", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("gateway_refund_id", Text),
    Column("code", Text),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("settled_at_ms", BigInteger),
    schema=SCHEMA,
)

postings = Table(
    "postings",
    metadata,
    Column("transfer_id", Text, primary_key=True, comment="what it books: charge/..., payment/..., refund/..."),
    Column("line", Integer, primary_key=True),
    Column("charge_id", Text, nullable=False, index=True),
    Column("account", Text, nullable=False),
    Column(
        "amount_cents",
        BigInteger,
        CheckConstraint("amount_cents <> 0", name="amount"),
        nullable=False,
        comment="debit positive, credit negative",
    ),
    Column("at_ms", BigInteger, nullable=False),
    schema=SCHEMA,
    comment="Double entry. Only ever added to; a transfer sums to zero.",
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False, index=True),
    Column("body", JSONB, nullable=False),
    schema=SCHEMA,
    comment="The inbox: each event of the gateway once, however often it is sent.",
)
Index("ix_webhooks_payment_intent", webhooks.c.body["payment_intent"].astext)

discrepancies = Table(
    "discrepancies",
    metadata,
    Column("discrepancy_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("facility_id", Text),
    Column("session_id", Text),
    Column("charge_id", Text, index=True),
    Column("expected_cents", BigInteger, nullable=False),
    Column("found_cents", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
    Column("noticed_at_ms", BigInteger, nullable=False),
    Column("settled_at_ms", BigInteger),
    Column("settled_by", Text),
    schema=SCHEMA,
    comment="What did not come out as it should, for a person to settle.",
)
