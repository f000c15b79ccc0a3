"""The bare side of a drain: the same rows into the same tables of an equally migrated database, and nothing else.

Two ways of it: COPY out of files that are ready, one for each table and all in one transaction, which is the fastest
that PostgreSQL knows; and INSERT, the way of most programs: ``executemany`` of psycopg (which pipelines) with as many
rows, and a commit, as a batch of the product has.
"""

import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

BATCH_ROWS = 16_000


def copy_out(url: str, folder: Path, tables: Iterable[str]) -> None:
    """Write every row of some tables into files of the table's name."""
    with closing(psycopg.connect(url)) as source:
        for table in tables:
            with (folder / table).open("wb") as file, source.cursor().copy(f"COPY {table} TO STDOUT") as out:
                for piece in out:
                    file.write(piece)


def copy_in(url: str, folder: Path, tables: Iterable[str]) -> float:
    """Seconds for the rows of those files."""
    with closing(psycopg.connect(url)) as bare:
        began_s = time.perf_counter()
        for table in tables:
            with (folder / table).open("rb") as file, bare.cursor().copy(f"COPY {table} FROM STDIN") as into:
                while piece := file.read(1 << 18):
                    into.write(piece)
        bare.commit()
        return time.perf_counter() - began_s


def insert(from_url: str, to_url: str, tables: Iterable[str]) -> float:
    """Seconds for the rows of those tables, reading them not counted."""
    with closing(psycopg.connect(from_url)) as source, closing(psycopg.connect(to_url)) as bare:
        return sum(_insert(source, bare, table) for table in tables)


def _insert(source: psycopg.Connection, bare: psycopg.Connection, table: str) -> float:
    name = sql.SQL(table)  # type: ignore[arg-type]  # ours
    names = [
        column.name for column in source.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(name)).description or ()
    ]
    columns = [sql.Identifier(name) for name in names]
    query = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        name, sql.SQL(", ").join(columns), sql.SQL(", ").join([sql.Placeholder()] * len(columns))
    )
    as_text = sql.SQL(", ").join([sql.SQL("{}::text").format(column) for column in columns])
    took_s = 0.0
    with source.cursor(f"rows_of_{table.replace('.', '_')}") as reading:
        reading.execute(sql.SQL("SELECT {} FROM {}").format(as_text, name))
        while rows := reading.fetchmany(BATCH_ROWS):
            took_s += _insert_batch(bare, query, rows)
    return took_s


def _insert_batch(bare: psycopg.Connection, query: sql.Composed, rows: Sequence[Sequence[Any]]) -> float:
    began_s = time.perf_counter()
    with bare.cursor() as cursor:
        cursor.executemany(query, rows)
    bare.commit()
    return time.perf_counter() - began_s
