CREATE SCHEMA billing;

CREATE TABLE billing.charge_lines (
    charge_id TEXT NOT NULL,
    line INTEGER NOT NULL,
    kind TEXT NOT NULL,
    component TEXT,
    description TEXT NOT NULL,
    quantity NUMERIC NOT NULL,
    unit TEXT NOT NULL,
    unit_price NUMERIC NOT NULL,
    amount_cents BIGINT NOT NULL,
    CONSTRAINT pk_charge_lines PRIMARY KEY (charge_id, line)
);

COMMENT ON TABLE billing.charge_lines IS 'What the total is the sum of, in the order of the receipt. Never changed.';

CREATE TABLE billing.charges (
    charge_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    facility_id TEXT NOT NULL,
    customer_id TEXT,
    status TEXT NOT NULL CONSTRAINT ck_charges_status CHECK (status IN ('OPEN', 'PAID')),
    total_cents BIGINT NOT NULL CONSTRAINT ck_charges_total CHECK (total_cents >= 0),
    tax_cents BIGINT NOT NULL,
    quoted_cents BIGINT NOT NULL,
    tariff_versions TEXT[] NOT NULL,
    entered_ms BIGINT NOT NULL,
    priced_until_ms BIGINT NOT NULL,
    exited_ms BIGINT NOT NULL,
    log_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    paid_at_ms BIGINT,
    CONSTRAINT pk_charges PRIMARY KEY (charge_id),
    CONSTRAINT uq_charges_session_id UNIQUE (session_id)
);

CREATE INDEX ix_charges_customer_id ON billing.charges (customer_id);
CREATE INDEX ix_charges_exited ON billing.charges (exited_ms DESC, charge_id DESC);
CREATE INDEX ix_charges_facility_id ON billing.charges (facility_id);

COMMENT ON TABLE billing.charges IS 'One per closed session.';
COMMENT ON COLUMN billing.charges.customer_id IS 'None: a ticket, paid on site';
COMMENT ON COLUMN billing.charges.quoted_cents IS 'what the lane said; differs from total: an alert';
COMMENT ON COLUMN billing.charges.exited_ms IS 'when the session ended at the facility';
COMMENT ON COLUMN billing.charges.seq IS 'the VehicleExited that it follows from';

CREATE TABLE billing.discrepancies (
    discrepancy_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    facility_id TEXT,
    session_id TEXT,
    charge_id TEXT,
    expected_cents BIGINT NOT NULL,
    found_cents BIGINT NOT NULL,
    detail TEXT NOT NULL,
    noticed_at_ms BIGINT NOT NULL,
    settled_at_ms BIGINT,
    settled_by TEXT,
    CONSTRAINT pk_discrepancies PRIMARY KEY (discrepancy_id)
);

CREATE INDEX ix_discrepancies_charge_id ON billing.discrepancies (charge_id);

COMMENT ON TABLE billing.discrepancies IS 'What did not come out as it should, for a person to settle.';

CREATE TABLE billing.payments (
    payment_id TEXT NOT NULL,
    charge_id TEXT NOT NULL,
    kind TEXT NOT NULL CONSTRAINT ck_payments_kind CHECK (kind IN ('CARD_ON_FILE', 'SITE_CASH', 'SITE_CARD')),
    status TEXT NOT NULL CONSTRAINT ck_payments_status CHECK (status IN ('PENDING', 'SUBMITTED', 'SUCCEEDED', 'DECLINED')),
    amount_cents BIGINT NOT NULL CONSTRAINT ck_payments_amount CHECK (amount_cents > 0),
    reference TEXT,
    gateway_customer_id TEXT,
    payment_method_id TEXT,
    card_brand TEXT,
    card_last4 TEXT,
    gateway_payment_id TEXT,
    code TEXT,
    message TEXT,
    created_at_ms BIGINT NOT NULL,
    submitted_at_ms BIGINT,
    settled_at_ms BIGINT,
    CONSTRAINT pk_payments PRIMARY KEY (payment_id)
);

CREATE INDEX ix_payments_charge_id ON billing.payments (charge_id);
CREATE INDEX ix_payments_gateway_payment_id ON billing.payments (gateway_payment_id);
CREATE UNIQUE INDEX uq_payments_live ON billing.payments (charge_id) WHERE status IN ('PENDING', 'SUBMITTED');

COMMENT ON TABLE billing.payments IS 'Attempts to be paid. This table, not the gateway''s memory, is what keeps a charge from being paid twice.';
COMMENT ON COLUMN billing.payments.payment_id IS 'also the idempotency key at the gateway';
COMMENT ON COLUMN billing.payments.reference IS 'on site: the machine''s or attendant''s own number';
COMMENT ON COLUMN billing.payments.gateway_customer_id IS 'with payment_method_id, fixed before the gateway is first asked';
COMMENT ON COLUMN billing.payments.code IS 'why it was declined, in the gateway''s words';

CREATE TABLE billing.postings (
    transfer_id TEXT NOT NULL,
    line INTEGER NOT NULL,
    charge_id TEXT NOT NULL,
    account TEXT NOT NULL,
    amount_cents BIGINT NOT NULL CONSTRAINT ck_postings_amount CHECK (amount_cents <> 0),
    at_ms BIGINT NOT NULL,
    CONSTRAINT pk_postings PRIMARY KEY (transfer_id, line)
);

CREATE INDEX ix_postings_charge_id ON billing.postings (charge_id);

COMMENT ON TABLE billing.postings IS 'Double entry. Only ever added to; a transfer sums to zero.';
COMMENT ON COLUMN billing.postings.transfer_id IS 'what it books: charge/..., payment/..., refund/...';
COMMENT ON COLUMN billing.postings.amount_cents IS 'debit positive, credit negative';

CREATE TABLE billing.refunds (
    refund_id TEXT NOT NULL,
    charge_id TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    amount_cents BIGINT NOT NULL CONSTRAINT ck_refunds_amount CHECK (amount_cents > 0),
    status TEXT NOT NULL CONSTRAINT ck_refunds_status CHECK (status IN ('PENDING', 'SUCCEEDED', 'FAILED')),
    reason TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    gateway_refund_id TEXT,
    code TEXT,
    created_at_ms BIGINT NOT NULL,
    settled_at_ms BIGINT,
    CONSTRAINT pk_refunds PRIMARY KEY (refund_id)
);

CREATE INDEX ix_refunds_charge_id ON billing.refunds (charge_id);
CREATE INDEX ix_refunds_payment_id ON billing.refunds (payment_id);

COMMENT ON COLUMN billing.refunds.refund_id IS 'also the idempotency key at the gateway';

CREATE TABLE billing.webhooks (
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    received_at_ms BIGINT NOT NULL,
    body JSONB NOT NULL,
    CONSTRAINT pk_webhooks PRIMARY KEY (event_id)
);

COMMENT ON TABLE billing.webhooks IS 'The inbox: each event of the gateway once, however often it is sent.';
