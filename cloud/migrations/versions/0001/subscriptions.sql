CREATE SCHEMA subscriptions;

CREATE TABLE subscriptions.plans (
    plan_id TEXT NOT NULL,
    name TEXT NOT NULL,
    covers_parking BOOLEAN NOT NULL,
    covers_charging BOOLEAN NOT NULL,
    facility_ids TEXT[] NOT NULL,
    on_sale BOOLEAN NOT NULL,
    CONSTRAINT pk_plans PRIMARY KEY (plan_id)
);

CREATE TABLE subscriptions.subscriptions (
    subscription_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    plan_id TEXT NOT NULL,
    from_ms BIGINT NOT NULL,
    until_ms BIGINT,
    created_ms BIGINT NOT NULL,
    cancelled_ms BIGINT,
    CONSTRAINT pk_subscriptions PRIMARY KEY (subscription_id)
);

CREATE INDEX ix_subscriptions_customer_id ON subscriptions.subscriptions (customer_id);

COMMENT ON TABLE subscriptions.subscriptions IS 'Who holds which plan. Never deleted: cancelled_ms says when it ended early.';
