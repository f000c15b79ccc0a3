"""How the energy of each charging transaction came about, and what of it a person may want to look at."""

from cloud.migrations import scripts

revision = "0006"
down_revision = "0005"

_SCRIPT = """
ALTER TABLE sessions.charging_sessions ADD energy_method TEXT, ADD flags TEXT[];
COMMENT ON COLUMN sessions.charging_sessions.flags IS 'of TransactionFlagged; NULL until it has ended';
CREATE INDEX ix_charging_sessions_flagged ON sessions.charging_sessions (ended_ms, ended_log_id, ended_seq)
    WHERE cardinality(flags) > 0;
"""


def upgrade() -> None:
    scripts.run(_SCRIPT)
