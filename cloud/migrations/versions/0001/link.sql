CREATE SCHEMA link;

CREATE TABLE link.cursors (
    facility_id TEXT NOT NULL,
    log_id TEXT NOT NULL,
    upto BIGINT NOT NULL,
    head BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    CONSTRAINT pk_cursors PRIMARY KEY (facility_id, log_id)
);

COMMENT ON TABLE link.cursors IS 'How far each log of each facility is held, moved in the transaction that stores the events.';

CREATE TABLE link.decision_cursors (
    facility_id TEXT NOT NULL,
    log_id TEXT NOT NULL,
    upto BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    CONSTRAINT pk_decision_cursors PRIMARY KEY (facility_id)
);

COMMENT ON TABLE link.decision_cursors IS 'How far each facility said it holds the decisions. For people; the link asks the facility itself.';

CREATE TABLE link.decision_log (
    only_row BOOLEAN NOT NULL CONSTRAINT ck_decision_log_only_row CHECK (only_row),
    log_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT pk_decision_log PRIMARY KEY (only_row)
);

COMMENT ON TABLE link.decision_log IS 'The one counter of decisions. Its row lock, held until commit, makes versions commit in order.';

CREATE TABLE link.decisions (
    key TEXT NOT NULL,
    version BIGINT NOT NULL,
    facility_ids TEXT[] NOT NULL,
    type TEXT NOT NULL,
    body JSONB NOT NULL,
    CONSTRAINT pk_decisions PRIMARY KEY (key),
    CONSTRAINT uq_decisions_version UNIQUE (version)
);

COMMENT ON TABLE link.decisions IS 'The newest decision of each key. facility_ids empty: every facility.';

CREATE TABLE link.events (
    facility_id TEXT NOT NULL,
    log_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    type TEXT NOT NULL,
    body JSONB NOT NULL,
    CONSTRAINT pk_events PRIMARY KEY (facility_id, log_id, seq)
);

COMMENT ON TABLE link.events IS 'An exact prefix of each facility''s log. Never changed.';

CREATE TABLE link.parked (
    facility_id TEXT NOT NULL,
    log_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    projection TEXT NOT NULL,
    error TEXT NOT NULL,
    parked_at_ms BIGINT NOT NULL,
    CONSTRAINT pk_parked PRIMARY KEY (facility_id, log_id, seq, projection)
);

COMMENT ON TABLE link.parked IS 'Events that a projection could not take, with what it said. The events themselves are in events.';

CREATE TABLE link.presence (
    facility_id TEXT NOT NULL,
    online BOOLEAN NOT NULL,
    at_ms BIGINT NOT NULL,
    log_id TEXT NOT NULL,
    head BIGINT NOT NULL,
    version TEXT NOT NULL,
    heard_at_ms BIGINT NOT NULL,
    CONSTRAINT pk_presence PRIMARY KEY (facility_id)
);

COMMENT ON TABLE link.presence IS 'Whether each facility is there: what it said last, and when anything was heard of it at all.';
