CREATE TABLE link.boxes (
    facility_id TEXT NOT NULL,
    log_id TEXT NOT NULL,
    instance TEXT NOT NULL,
    since_ms BIGINT NOT NULL,
    rival_log_id TEXT NOT NULL,
    rival_at_ms BIGINT NOT NULL,
    CONSTRAINT pk_boxes PRIMARY KEY (facility_id)
);

COMMENT ON TABLE link.boxes IS 'The box that counts as each facility, and the last other one that was refused.';

-- Boxes that are there already stay the ones that count.
INSERT INTO link.boxes (facility_id, log_id, instance, since_ms, rival_log_id, rival_at_ms)
SELECT facility_id, log_id, '', heard_at_ms, '', 0 FROM link.presence WHERE log_id <> '';

CREATE TABLE link.commands (
    command_id TEXT NOT NULL,
    facility_id TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    command JSONB NOT NULL,
    asked_at_ms BIGINT NOT NULL,
    outcome TEXT,
    reason TEXT NOT NULL,
    details JSONB NOT NULL,
    settled_at_ms BIGINT,
    CONSTRAINT pk_commands PRIMARY KEY (command_id)
);

COMMENT ON TABLE link.commands IS 'Every command to a facility, from here or given on site: who, when, what, and what became of it (NULL: not known).';

CREATE INDEX ix_commands_facility_id_asked_at_ms ON link.commands (facility_id, asked_at_ms);
