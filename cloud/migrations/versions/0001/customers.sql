CREATE SCHEMA customers;

CREATE TABLE customers.blocks (
    plate TEXT NOT NULL,
    reason TEXT NOT NULL,
    blocked_by TEXT NOT NULL,
    blocked_ms BIGINT NOT NULL,
    CONSTRAINT pk_blocks PRIMARY KEY (plate)
);

COMMENT ON TABLE customers.blocks IS 'Plates that no gate lets in, with who said so.';

CREATE TABLE customers.customers (
    customer_id TEXT NOT NULL,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    gateway_customer_id TEXT,
    account_assigned BOOLEAN DEFAULT 'false' NOT NULL,
    created_ms BIGINT NOT NULL,
    CONSTRAINT pk_customers PRIMARY KEY (customer_id),
    CONSTRAINT uq_customers_gateway_customer_id UNIQUE (gateway_customer_id)
);

CREATE UNIQUE INDEX uq_customers_email ON customers.customers (lower(email));

COMMENT ON TABLE customers.customers IS 'gateway_customer_id: from the first time a card is saved. account_assigned: facilities hold the right.';

CREATE TABLE customers.grants (
    right_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    facility_ids TEXT[] NOT NULL,
    from_ms BIGINT NOT NULL,
    until_ms BIGINT,
    covers_parking BOOLEAN NOT NULL,
    covers_charging BOOLEAN NOT NULL,
    CONSTRAINT pk_grants PRIMARY KEY (right_id)
);

CREATE INDEX ix_grants_customer_id ON customers.grants (customer_id);

COMMENT ON TABLE customers.grants IS 'Rights that other contexts gave: their terms. Vehicles and tokens are the customer''s of the day.';

CREATE TABLE customers.payment_methods (
    payment_method_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    brand TEXT NOT NULL,
    last4 TEXT NOT NULL,
    is_default BOOLEAN NOT NULL,
    CONSTRAINT pk_payment_methods PRIMARY KEY (payment_method_id)
);

CREATE INDEX ix_payment_methods_customer_id ON customers.payment_methods (customer_id);
CREATE UNIQUE INDEX uq_payment_methods_default ON customers.payment_methods (customer_id) WHERE is_default;

COMMENT ON TABLE customers.payment_methods IS 'The gateway''s tokens for saved cards.';

CREATE TABLE customers.tokens (
    token TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    CONSTRAINT pk_tokens PRIMARY KEY (token)
);

CREATE INDEX ix_tokens_customer_id ON customers.tokens (customer_id);

COMMENT ON TABLE customers.tokens IS 'OCPP id tokens in upper case, since they are compared without regard to case.';

CREATE TABLE customers.vehicles (
    plate TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    is_ev BOOLEAN NOT NULL,
    size TEXT NOT NULL,
    CONSTRAINT pk_vehicles PRIMARY KEY (plate)
);

CREATE INDEX ix_vehicles_customer_id ON customers.vehicles (customer_id);

COMMENT ON TABLE customers.vehicles IS 'A plate belongs to one customer at a time.';
