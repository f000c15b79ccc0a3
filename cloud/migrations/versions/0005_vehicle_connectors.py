"""The inlet by which a vehicle charges, so that a charger it does not fit is refused before the cable is pulled."""

from cloud.migrations import scripts

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    scripts.run("ALTER TABLE customers.vehicles ADD connector TEXT;")
