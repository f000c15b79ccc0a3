"""The two laws of money, kept by the database: a transfer sums to zero, and no posting is changed or removed."""

from pathlib import Path

from cloud.migrations import scripts

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    scripts.run((Path(__file__).parent / "0002" / "postings.sql").read_text())
