CREATE SCHEMA facilities;

CREATE TABLE facilities.facilities (
    facility_id TEXT NOT NULL,
    body JSONB NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    CONSTRAINT pk_facilities PRIMARY KEY (facility_id)
);
