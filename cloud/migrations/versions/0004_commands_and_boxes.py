"""People's commands with what became of them, and which box is a facility."""

from pathlib import Path

from cloud.migrations import scripts

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    scripts.run((Path(__file__).parent / "0004" / "link.sql").read_text())
