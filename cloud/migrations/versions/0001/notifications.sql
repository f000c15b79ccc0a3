CREATE SCHEMA notifications;

CREATE TABLE notifications.deliveries (
    delivery_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    charge_id TEXT NOT NULL,
    recipient TEXT,
    status TEXT NOT NULL CONSTRAINT ck_deliveries_status CHECK (status IN ('PENDING', 'SENT', 'FAILED')),
    attempts INTEGER DEFAULT '0' NOT NULL,
    created_at_ms BIGINT NOT NULL,
    sent_at_ms BIGINT,
    error TEXT,
    CONSTRAINT pk_deliveries PRIMARY KEY (delivery_id)
);

CREATE INDEX ix_deliveries_charge_id ON notifications.deliveries (charge_id);

COMMENT ON COLUMN notifications.deliveries.delivery_id IS 'names what it tells of, so it is told once';
COMMENT ON COLUMN notifications.deliveries.recipient IS 'None: nobody is known to tell';
COMMENT ON COLUMN notifications.deliveries.error IS 'of the last attempt';

CREATE TABLE notifications.delivery_attempts (
    delivery_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    at_ms BIGINT NOT NULL,
    error TEXT,
    CONSTRAINT pk_delivery_attempts PRIMARY KEY (delivery_id, attempt)
);

COMMENT ON COLUMN notifications.delivery_attempts.error IS 'None: the mail server took it';
