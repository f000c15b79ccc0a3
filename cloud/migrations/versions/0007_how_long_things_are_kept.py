"""From where on each log is kept here, and indexes by which what is old is found without reading all."""

from cloud.migrations import scripts

revision = "0007"
down_revision = "0006"

_SCRIPT = """
ALTER TABLE link.cursors ADD base BIGINT NOT NULL DEFAULT 0;
COMMENT ON COLUMN link.cursors.base IS
    'the last position that retention removed; what is set aside stays even below it';
COMMENT ON TABLE link.events IS
    'An exact prefix of each facility''s log, without what is older than is kept. Never changed.';
CREATE INDEX ix_parking_sessions_named ON sessions.parking_sessions (exited_ms) WHERE plate <> '';
CREATE INDEX ix_webhooks_received_at_ms ON billing.webhooks (received_at_ms);
"""


def upgrade() -> None:
    scripts.run(_SCRIPT)
