"""The tables of every context, as the code describes them."""

import importlib
from pathlib import Path

from sqlalchemy import MetaData

import cloud
from cloud import db


def all_tables() -> MetaData:
    """The metadata with every context's store loaded."""
    for store in sorted(Path(cloud.__file__).parent.glob("*/store.py")):
        importlib.import_module(f"cloud.{store.parent.name}.store")
    return db.metadata
