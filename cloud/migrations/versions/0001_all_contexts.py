"""Every context's tables, the job queue, and the beginning of the decision log."""

from pathlib import Path

from cloud.migrations import scripts

revision = "0001"
down_revision = None

CONTEXTS = ("link", "facilities", "customers", "tariffs", "subscriptions", "sessions", "billing", "notifications")
QUEUE_STEP = "03.04.00_50_post_add_retry_failed_job_procedure"
DECISION_LOG = (
    "INSERT INTO link.decision_log (only_row, log_id, version)"
    " VALUES (true, 'hq-' || replace(gen_random_uuid()::text, '-', ''), 0)"
)
"""A database's life as a sender begins with a log id that no other ever had."""


def upgrade() -> None:
    for step in scripts.queue_steps(upto=QUEUE_STEP):
        scripts.run(step)
    for context in CONTEXTS:
        scripts.run((Path(__file__).parent / "0001" / f"{context}.sql").read_text())
    scripts.run(DECISION_LOG)
