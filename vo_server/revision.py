"""Revision: how the rows of a source take the place of those that it had before.

What comes is staged in tables of the connection's own, while nobody waits, and then merged in one
transaction; each merge that changes something is a revision with a datestamp.
"""

import re
import sqlite3
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Protocol

from vo_server.row import OWN, Row, authority, packed, seconds, unpacked

MADE = version("vo-server")  # forms that another version of this program wrote are not given
_DOUBLED = 100  # ids told of as doubled
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[._]")

_STAGED = """
CREATE TEMP TABLE staged (
  id TEXT PRIMARY KEY, kind TEXT, authority TEXT, parent TEXT, title TEXT, start INTEGER,
  stop INTEGER, digest TEXT, given TEXT, more TEXT, content BLOB
)
"""
_STAGED_FORM = (
    "CREATE TEMP TABLE staged_form (id TEXT, prefix TEXT, content BLOB, PRIMARY KEY (id, prefix))"
)
_GONE = "CREATE TEMP TABLE gone (id TEXT PRIMARY KEY)"
_STAGE = "INSERT OR IGNORE INTO staged VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
# What an update touches: `was` is the row shown before, `change` what becomes of the source's own.
_TOUCHED = """
CREATE TEMP TABLE touched AS
SELECT change.id, change.change, shown.key AS was FROM (
  SELECT staged.id AS id, CASE WHEN own.key IS NULL THEN 'new' ELSE 'modified' END AS change
  FROM staged LEFT JOIN record AS own ON own.id = staged.id AND own.source = :source
  WHERE staged.content IS NOT NULL
    AND (own.key IS NULL OR own.deleted OR own.digest <> staged.digest)
  UNION ALL
  SELECT id, 'deleted' FROM record
  WHERE source = :source AND NOT deleted AND (
    id IN (SELECT id FROM gone) OR (:complete AND id NOT IN (SELECT id FROM staged))
  )
) AS change LEFT JOIN record AS shown ON shown.id = change.id AND shown.shown
"""
_PUT = """
INSERT INTO record (id, source, kind, authority, parent, title, start, stop, born, revision,
                    deleted, shown, digest, given, more, content)
SELECT id, :source, kind, authority, parent, title, start, stop, :revision, :revision, 0, 0, digest,
       given, more, content
FROM staged WHERE id IN (SELECT id FROM touched)
ON CONFLICT (id, source) DO UPDATE SET
  kind = excluded.kind, authority = excluded.authority, parent = excluded.parent,
  title = excluded.title, start = excluded.start, stop = excluded.stop,
  revision = excluded.revision, deleted = 0, digest = excluded.digest, given = excluded.given,
  more = excluded.more, content = excluded.content
"""
_DELETE = """
UPDATE record SET deleted = 1, revision = :revision, content = x''
WHERE source = :source AND id IN (SELECT id FROM touched WHERE change = 'deleted')
"""
_SHOW = f"""
UPDATE record SET shown = (key = (
  SELECT other.key FROM record AS other WHERE other.id = record.id
  ORDER BY other.deleted, other.source <> '{OWN}', other.key LIMIT 1
)) WHERE id IN (SELECT id FROM touched)
"""  # noqa: S608  # a constant
_CAME_FORWARD = """
UPDATE record SET revision = :revision
WHERE shown AND id IN (SELECT id FROM touched)
  AND key IS NOT (SELECT was FROM touched WHERE touched.id = record.id)
"""
_NO_FORMS = """
DELETE FROM form WHERE key IN (
  SELECT key FROM record JOIN touched USING (id) WHERE source = :source
)
"""
_FORMS = """
INSERT OR REPLACE INTO form
SELECT record.key, staged_form.prefix, :made, staged_form.content
FROM staged_form JOIN record USING (id) WHERE record.source = :source
"""
_GIVEN = """
UPDATE record SET given = staged.given FROM staged
WHERE record.id = staged.id AND record.source = :source AND record.given <> staged.given
"""
_KNOWN = "SELECT key, digest, given FROM record WHERE id = ? AND source = ? AND NOT deleted"
_KEPT = "SELECT prefix, content FROM form WHERE key = ? AND made = ?"
_FORGET = (
    "DELETE FROM words WHERE rowid IN (SELECT was FROM touched)",
    "DELETE FROM facet WHERE key IN (SELECT was FROM touched)",
)
_FOUND_BY = """
SELECT record.*, 0 AS stamp, 0 AS created FROM record JOIN touched ON touched.id = record.id
WHERE record.shown
"""


class Offer(Protocol):
    """Adds to rows what follows from them; stamp: changes with how it does that."""

    stamp: str

    def __call__(self, row: Row, kept: Mapping[str, bytes] | None) -> Row:
        """Give a row with more to find it by, and its forms.

        kept: the forms of the same row when it came before, None where it did not.
        """
        ...


def stage(
    db: sqlite3.Connection, source: str, rows: Iterable[Row], offer: Offer | None
) -> tuple[str, ...]:
    """Put what came into tables of its own; gives ids that came more than once."""
    doubled: list[str] = []
    for table in (_STAGED, _STAGED_FORM, _GONE):
        db.execute(table)
    db.execute("PRAGMA temp.journal_mode = OFF")
    for row in rows:
        if row.deleted:
            for table in ("staged", "staged_form"):
                db.execute(f"DELETE FROM {table} WHERE id = ?", (row.id,))  # noqa: S608
            db.execute("INSERT OR IGNORE INTO gone VALUES (?)", (row.id,))
            continue
        db.execute("DELETE FROM gone WHERE id = ?", (row.id,))
        key, before, last = db.execute(_KNOWN, (row.id, source)).fetchone() or (0, "", "")
        given, kept, whole = "", None, row
        if offer is not None:
            given = f"{packed(row)[1]} {MADE} {offer.stamp}"
            kept = dict(map(tuple, db.execute(_KEPT, (key, MADE)))) if given == last else None
            whole = offer(row, kept)
        more, digest = packed(whole)
        values = (
            row.id, row.kind, authority(row.id), row.parent, row.title, seconds(row.start),
            seconds(row.stop), digest, given, more, None if digest == before else row.content,
        )  # fmt: skip
        if db.execute(_STAGE, values).rowcount == 0:
            doubled += [row.id] if len(doubled) < _DOUBLED else []
        elif kept is None or digest != before:
            forms = ((row.id, prefix, text) for prefix, text in whole.forms.items())
            db.executemany("INSERT INTO staged_form VALUES (?, ?, ?)", forms)
    return tuple(doubled)


def merge(db: sqlite3.Connection, source: str, complete: bool) -> dict[str, int]:
    """Put what was staged into its place; gives how many rows of the source became what."""
    db.execute(_TOUCHED, {"source": source, "complete": complete})
    counts = dict(map(tuple, db.execute("SELECT change, count(*) FROM touched GROUP BY change")))
    if not counts:
        for statement in (_FORMS, _GIVEN):
            db.execute(statement, {"source": source, "made": MADE})
        return counts
    db.execute("CREATE UNIQUE INDEX temp.touched_id ON touched (id)")
    (last,) = db.execute("SELECT coalesce(max(number), 0) FROM revision").fetchone()
    given = {"source": source, "made": MADE, "revision": last + 1}
    for statement in (_PUT, _DELETE, _NO_FORMS, _FORMS, _GIVEN, _SHOW, _CAME_FORWARD, *_FORGET):
        db.execute(statement, given)
    for stored in db.execute(_FOUND_BY):
        _index(db, stored)
    # No earlier than the end of this second, so that whoever asked before it was there asks again.
    db.execute(
        "INSERT INTO revision SELECT :number, max(:now, coalesce(max(stamp), 0)) FROM revision",
        {"number": last + 1, "now": int(time.time()) + 1},
    )
    return counts


def _index(db: sqlite3.Connection, stored: sqlite3.Row) -> None:
    """Let a row be found by its words and facets."""
    row, key = unpacked(stored), stored["key"]
    db.executemany(
        "INSERT OR IGNORE INTO facet VALUES (?, ?, ?)",
        [(name, value, key) for name, values in row.facets.items() for value in values],
    )
    if row.deleted:
        return
    terms = [row.kind, *(value for values in row.facets.values() for value in values)]
    parts = [part for term in terms for part in (term, _CAMEL.sub(" ", term))]
    words = (key, row.title, row.id, " ".join(dict.fromkeys(parts)), row.description)
    db.execute("INSERT INTO words (rowid, title, id, terms, description) VALUES (?,?,?,?,?)", words)
