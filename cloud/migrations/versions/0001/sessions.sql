CREATE SCHEMA sessions;

CREATE TABLE sessions.charging_sessions (
    facility_id TEXT NOT NULL,
    station_id TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    evse_id INTEGER NOT NULL,
    session_id TEXT,
    "right" JSONB,
    started_ms BIGINT,
    start_register_wh BIGINT,
    finished_ms BIGINT,
    ended_ms BIGINT,
    energy_wh BIGINT,
    state TEXT,
    state_ms BIGINT,
    register_wh BIGINT,
    register_ms BIGINT,
    power_w BIGINT,
    power_ms BIGINT,
    soc_pct INTEGER,
    soc_ms BIGINT,
    CONSTRAINT pk_charging_sessions PRIMARY KEY (facility_id, station_id, transaction_id)
);

CREATE INDEX ix_charging_sessions_open ON sessions.charging_sessions (facility_id) WHERE ended_ms IS NULL;
CREATE INDEX ix_charging_sessions_session_id ON sessions.charging_sessions (session_id);

COMMENT ON TABLE sessions.charging_sessions IS 'OCPP transactions. started_ms is unknown as long as only later messages of one came.';

CREATE TABLE sessions.parking_sessions (
    session_id TEXT NOT NULL,
    facility_id TEXT NOT NULL,
    plate TEXT NOT NULL,
    "right" JSONB NOT NULL,
    customer_id TEXT,
    space_id TEXT NOT NULL,
    space_kind TEXT NOT NULL,
    is_ev BOOLEAN NOT NULL,
    entered_ms BIGINT NOT NULL,
    exited_ms BIGINT,
    priced_until_ms BIGINT,
    quoted_cents BIGINT,
    tariff_versions TEXT[],
    paid_cents BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_parking_sessions PRIMARY KEY (session_id)
);

CREATE INDEX ix_parking_sessions_customer_id ON sessions.parking_sessions (customer_id);
CREATE INDEX ix_parking_sessions_newest ON sessions.parking_sessions (entered_ms, session_id);
CREATE INDEX ix_parking_sessions_newest_there ON sessions.parking_sessions (facility_id, entered_ms, session_id);
CREATE INDEX ix_parking_sessions_open ON sessions.parking_sessions (facility_id, space_kind) WHERE exited_ms IS NULL;
CREATE INDEX ix_parking_sessions_plate ON sessions.parking_sessions (plate);

COMMENT ON TABLE sessions.parking_sessions IS 'From through the entry''s arm to through the exit''s. paid_cents: taken on site.';

CREATE TABLE sessions.power_samples (
    facility_id TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    log_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    drawn_w BIGINT NOT NULL,
    worst_case_w BIGINT NOT NULL,
    budget_w BIGINT NOT NULL,
    CONSTRAINT pk_power_samples PRIMARY KEY (facility_id, at_ms, log_id, seq)
);

CREATE TABLE sessions.site_payments (
    facility_id TEXT NOT NULL,
    log_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    session_id TEXT NOT NULL,
    amount_cents BIGINT NOT NULL,
    method TEXT NOT NULL,
    reference TEXT NOT NULL,
    taken_by TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    CONSTRAINT pk_site_payments PRIMARY KEY (facility_id, log_id, seq)
);

CREATE INDEX ix_site_payments_session_id ON sessions.site_payments (session_id);
