"""Tables of the link: what was received of each facility's log, and the log of decisions for all of them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from cloud.db import metadata

SCHEMA = "link"

cursors = Table(
    "cursors",
    metadata,
    Column("facility_id", Text, primary_key=True),
    Column("log_id", Text, primary_key=True),
    Column("upto", BigInteger, nullable=False),
    Column("head", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column(
        "base",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="the last position that retention removed; what is set aside stays even below it",
    ),
    schema=SCHEMA,
    comment="How far each log of each facility is held, moved in the transaction that stores the events.",
)

events = Table(
    "events",
    metadata,
    Column("facility_id", Text, primary_key=True),
    Column("log_id", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    schema=SCHEMA,
    comment="An exact prefix of each facility's log, without what is older than is kept. Never changed.",
)

parked = Table(
    "parked",
    metadata,
    Column("facility_id", Text, primary_key=True),
    Column("log_id", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("projection", Text, primary_key=True),
    Column("error", Text, nullable=False),
    Column("parked_at_ms", BigInteger, nullable=False),
    schema=SCHEMA,
    comment="Events that a projection could not take, with what it said. The events themselves are in events.",
)

decision_log = Table(
    "decision_log",
    metadata,
    Column("only_row", Boolean, CheckConstraint("only_row", name="only_row"), primary_key=True),
    Column("log_id", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    schema=SCHEMA,
    comment="The one counter of decisions. Its row lock, held until commit, makes versions commit in order.",
)

decisions = Table(
    "decisions",
    metadata,
    Column("key", Text, primary_key=True),
    Column("version", BigInteger, nullable=False, unique=True),
    Column("facility_ids", ARRAY(Text), nullable=False),
    Column("type", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    schema=SCHEMA,
    comment="The newest decision of each key. facility_ids empty: every facility.",
)

decision_cursors = Table(
    "decision_cursors",
    metadata,
    Column("facility_id", Text, primary_key=True),
    Column("log_id", Text, nullable=False),
    Column("upto", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    schema=SCHEMA,
    comment="How far each facility said it holds the decisions. For people; the link asks the facility itself.",
)

presence = Table(
    "presence",
    metadata,
    Column("facility_id", Text, primary_key=True),
    Column("online", Boolean, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("log_id", Text, nullable=False),
    Column("head", BigInteger, nullable=False),
    Column("version", Text, nullable=False),
    Column("heard_at_ms", BigInteger, nullable=False),
    schema=SCHEMA,
    comment="Whether each facility is there: what it said last, and when anything was heard of it at all.",
)

boxes = Table(
    "boxes",
    metadata,
    Column("facility_id", Text, primary_key=True),
    Column("log_id", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("rival_log_id", Text, nullable=False),
    Column("rival_at_ms", BigInteger, nullable=False),
    schema=SCHEMA,
    comment="The box that counts as each facility, and the last other one that was refused.",
)

commands = Table(
    "commands",
    metadata,
    Column("command_id", Text, primary_key=True),
    Column("facility_id", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("command", JSONB, nullable=False),
    Column("asked_at_ms", BigInteger, nullable=False),
    Column("outcome", Text),
    Column("reason", Text, nullable=False),
    Column("details", JSONB, nullable=False),
    Column("settled_at_ms", BigInteger),
    Index(None, "facility_id", "asked_at_ms"),
    schema=SCHEMA,
    comment="Every command to a facility, from here or given on site: who, when, what, and what became of it (NULL: not"
    " known).",
)
