"""Database: the file that the records of a node are kept in, opened, and brought up to date.

Every process of the node has connections of its own (SQLite, write-ahead log): readers never wait,
and see either the whole of an update or nothing of it.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vo_server.errors import BadFile, StorageFull

_WAIT = 60.0  # seconds that a writer waits for another
_IDLE = 4  # connections kept open

# What brings a file from each version to the next; the version is its `user_version`.
MIGRATIONS = (
    """
    CREATE TABLE epoch (token TEXT NOT NULL);
    INSERT INTO epoch VALUES (lower(hex(randomblob(6))));
    CREATE TABLE revision (number INTEGER PRIMARY KEY, stamp INTEGER NOT NULL);
    CREATE TABLE record (
      key INTEGER PRIMARY KEY,
      id TEXT NOT NULL,
      source TEXT NOT NULL,
      kind TEXT NOT NULL,
      authority TEXT NOT NULL,
      parent TEXT NOT NULL,
      title TEXT NOT NULL,
      start INTEGER,
      stop INTEGER,
      born INTEGER NOT NULL,
      revision INTEGER NOT NULL,
      deleted INTEGER NOT NULL,
      shown INTEGER NOT NULL,
      digest TEXT NOT NULL,
      more TEXT NOT NULL,
      content BLOB NOT NULL,
      UNIQUE (id, source)
    );
    CREATE INDEX by_change ON record (revision, id) WHERE shown;
    CREATE INDEX by_kind ON record (kind, revision, id) WHERE shown;
    CREATE INDEX by_authority ON record (authority, kind, revision, id) WHERE shown;
    CREATE INDEX by_source ON record (source, deleted);
    CREATE INDEX by_parent ON record (parent) WHERE shown AND NOT deleted;
    CREATE TABLE facet (
      name TEXT NOT NULL,
      value TEXT NOT NULL,
      key INTEGER NOT NULL,
      PRIMARY KEY (name, value, key)
    ) WITHOUT ROWID;
    CREATE INDEX facets_of ON facet (key);
    CREATE VIRTUAL TABLE words USING fts5 (
      title, id, terms, description, tokenize = 'porter unicode61 remove_diacritics 2'
    );
    CREATE TABLE source (
      name TEXT PRIMARY KEY,
      tried INTEGER,
      succeeded INTEGER,
      etag TEXT NOT NULL,
      modified TEXT NOT NULL,
      cursor TEXT NOT NULL,
      error TEXT NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE form (
      key INTEGER NOT NULL,
      prefix TEXT NOT NULL,
      made TEXT NOT NULL,
      content BLOB NOT NULL,
      PRIMARY KEY (key, prefix)
    );
    ALTER TABLE record ADD COLUMN given TEXT NOT NULL DEFAULT '';
    INSERT INTO words (words, rank) VALUES ('rank', 'bm25(8.0, 4.0, 2.0, 1.0)');
    """,
)


class Database:
    """A file of records; made where it is not there when it is first asked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._ready = False

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection to read with; see `telling` for what is raised."""
        with telling(self._path):
            with self._lock:
                db = self._idle.pop() if self._idle else self._open()
            try:
                yield db
            finally:
                with self._lock:
                    keep = self._ready and len(self._idle) < _IDLE
                    if keep:
                        self._idle.append(db)
                if not keep:
                    db.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection of one's own, whose temporary tables end with it."""
        with telling(self._path):
            with self._lock:
                db = self._open()
            try:
                yield db
            finally:
                db.close()

    def close(self) -> None:
        """Let go of the file until it is asked again."""
        with self._lock:
            self._ready = False
            while self._idle:
                self._idle.pop().close()

    def _open(self) -> sqlite3.Connection:
        if not self._ready:
            _make(self._path.parent)
        db = sqlite3.connect(
            self._path, timeout=_WAIT, isolation_level=None, check_same_thread=False
        )
        try:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA synchronous = NORMAL")
            if not self._ready:
                db.execute("PRAGMA journal_mode = WAL")
                _migrate(db, self._path)
                self._ready = True
        except BaseException:
            db.close()
            raise
        return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Write all of what is done inside, or nothing; one writer at a time in all processes."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn trouble with the file into StorageFull where it cannot be written, else BadFile."""
    try:
        yield
    except sqlite3.OperationalError as err:
        raise StorageFull(f"the records of this node cannot be kept or read now ({err})") from err
    except sqlite3.DatabaseError as err:
        raise BadFile(f"the records of this node cannot be read: {path.name}: {err}") from err


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise StorageFull(f"the folder {folder.name} cannot be made: {err.strerror}") from err


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring a file up to date, one writer at a time; raises BadFile for one of a later program."""
    if _version(db) == len(MIGRATIONS):
        return
    with transaction(db):
        version = _version(db)
        if version > len(MIGRATIONS):
            raise BadFile(f"{path.name} was written by a later version of this program")
        for script in MIGRATIONS[version:]:
            for statement in filter(str.strip, script.split(";")):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
