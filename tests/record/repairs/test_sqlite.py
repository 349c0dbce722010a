"""Whether SQLite's random functions give the same in each run, and look like SQLite's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.record.repairs.running import is_repaired, is_untouched, run

pytestmark = [pytest.mark.slow]

ROWS = """
import sqlite3
from sqlite3 import dbapi2
connection = sqlite3.connect(":memory:")
connection.execute("CREATE TABLE images (id INTEGER)")
connection.executemany("INSERT INTO images VALUES (?)", [(number,) for number in range(20)])
"""
DRAWS = (
    ROWS
    + """
print(connection.execute("SELECT id FROM images ORDER BY RANDOM() LIMIT 15").fetchall())
print(connection.execute("SELECT random()").fetchone())
print(connection.execute("SELECT hex(randomblob(16))").fetchone())
print(dbapi2.connect(database=":memory:").execute("SELECT random()").fetchone())
"""
)
FORMS = (
    ROWS
    + """
drawn = [row[0] for row in connection.execute("SELECT random() FROM images")]
print(len(set(drawn)), min(drawn) < 0 < max(drawn), all(-2**63 <= value < 2**63 for value in drawn))
blobs = "length(randomblob(5)), length(randomblob(0)), length(randomblob(NULL))"
print(connection.execute(f"SELECT {blobs}").fetchone())
print(connection.execute("SELECT count(*) FROM images WHERE random() % 2 IS NULL").fetchone())
connection.execute("CREATE TABLE marked (id INTEGER, mark INTEGER DEFAULT (random()))")
connection.execute("INSERT INTO marked (id) VALUES (1)")
print(connection.execute("SELECT typeof(mark) FROM marked").fetchone())
"""
)
FORK = """
import os, sqlite3
for _ in range(2):
    child = os.fork()
    if not child:
        print(sqlite3.connect(":memory:").execute("SELECT random()").fetchone()[0], flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_draws_are_the_same_in_each_run(tmp_path: Path) -> None:
    assert is_repaired(tmp_path, DRAWS, "sqlite.random")


def test_connections_and_children_draw_each_from_their_own_stream(tmp_path: Path) -> None:
    assert is_repaired(tmp_path, FORK, "sqlite.random")
    assert len(set(run(tmp_path, FORK, "sqlite.random").split())) == 2


def test_what_is_drawn_has_the_form_of_what_sqlite_draws(tmp_path: Path) -> None:
    assert is_untouched(tmp_path, FORMS, "sqlite.random")
    assert run(tmp_path, FORMS, "sqlite.random").splitlines()[:2] == ["20 True True", "(5, 1, 1)"]
