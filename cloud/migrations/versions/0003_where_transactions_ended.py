"""Where in a log each charging transaction ended, so that an exit is priced by what came before it, whenever it is."""

from cloud.migrations import scripts

revision = "0003"
down_revision = "0002"

_SCRIPT = """
ALTER TABLE sessions.charging_sessions ADD ended_log_id TEXT, ADD ended_seq BIGINT;
COMMENT ON COLUMN sessions.charging_sessions.ended_seq IS
    'with ended_log_id: the TransactionEnded that it follows from';
"""


def upgrade() -> None:
    scripts.run(_SCRIPT)
