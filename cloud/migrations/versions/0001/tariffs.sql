CREATE SCHEMA tariffs;

CREATE TABLE tariffs.tariffs (
    tariff_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    body JSONB NOT NULL,
    published_at_ms BIGINT NOT NULL,
    CONSTRAINT pk_tariffs PRIMARY KEY (tariff_id, version)
);
