"""Records: every record that the node knows, its own and harvested ones, in one store.

Of several sources with one id the node's own record is shown, else that of the source that brought
it first; the others are kept, and come forward when it goes.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from vo_server.database import Database, transaction
from vo_server.errors import BadArgument, excerpt
from vo_server.revision import MADE, Offer, merge, stage
from vo_server.row import Changes, Query, Row, SourceState, seconds, unpacked

_BATCH = 500  # rows read at once where all are
_LARGEST_PAGE = 2**25  # bytes
_MOST_WORDS = 32
_LONGEST_WORD = 200

_STAMPED = """
record.*, revision.stamp, (SELECT stamp FROM revision WHERE number = record.born) AS created
"""
_ROW = f"SELECT {_STAMPED} FROM record JOIN revision ON number = record.revision"  # noqa: S608
# A row with one of its forms, and without its content where that form is kept.
_FORMED = """
SELECT record.id, kind, source, parent, title, start, stop, revision, deleted, more,
  revision.stamp, (SELECT stamp FROM revision WHERE number = record.born) AS created,
  form.content AS formed, CASE WHEN form.key IS NULL THEN record.content ELSE x'' END AS content
FROM record JOIN revision ON number = record.revision
LEFT JOIN form ON form.key = record.key AND form.prefix = :form AND form.made = :made
"""


@dataclass(frozen=True, slots=True)
class Count:
    """How many records of an authority, kind and source there are."""

    authority: str
    kind: str
    source: str
    deleted: bool
    records: int


class Records:
    """The store; shared by all processes of the node, which each have one of these."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)

    def close(self) -> None:
        """Let go of the file until it is asked again."""
        self._database.close()

    # -- change

    def update(
        self,
        source: str,
        rows: Iterable[Row],
        complete: bool | Callable[[], bool] = True,
        offer: Offer | None = None,
    ) -> Changes:
        """Bring the rows of a source up to date, all at once or not at all.

        complete: whether rows of the source that are not among these are deleted, asked when all
        came where only that tells it; rows that say of themselves that they are deleted always are.
        A row that did not change keeps its datestamp; of rows with one id the first counts. The
        rows are taken one by one before anything is written, so that a slow source makes nobody
        wait. offer: what is added to each before it is kept. Raises what `rows` raises, and then
        nothing is changed.
        """
        with self._database.writing() as db:
            doubled = stage(db, source, rows, offer)
            whole = complete() if callable(complete) else complete
            with transaction(db):
                counts = merge(db, source, whole)
        return Changes(
            counts.get("new", 0), counts.get("modified", 0), counts.get("deleted", 0), doubled
        )

    def note(self, state: SourceState) -> None:
        """Keep how it stands with a source."""
        with self._database.writing() as db, transaction(db):
            db.execute("INSERT OR REPLACE INTO source VALUES (?, ?, ?, ?, ?, ?, ?)", astuple(state))

    # -- ask

    def get(self, id: str, source: str | None = None) -> Row | None:
        """Give the row shown of an id, or that of a source; deleted ones too."""
        which = "record.shown" if source is None else "record.source = :source"
        found = self._rows(f"{_ROW} WHERE id = :id AND {which}", {"id": id, "source": source})
        return found[0] if found else None

    def sources_of(self, id: str) -> list[str]:
        """Give every source that has a record of this id, the one shown first."""
        ask = "SELECT source FROM record WHERE id = ? AND NOT deleted ORDER BY NOT shown, key"
        return [row[0] for row in self._all(ask, (id,))]

    def contended(self, limit: int = 100) -> list[str]:
        """Give ids that more than one source has."""
        ask = (
            "SELECT id FROM record WHERE NOT deleted GROUP BY id HAVING count(*) > 1 "
            "ORDER BY id LIMIT ?"
        )
        return [row[0] for row in self._all(ask, (limit,))]

    def search(self, query: Query, limit: int = 20, skip: int = 0) -> list[Row]:
        """Give what matches: the best first where words are given, else by id.

        Raises BadArgument for words that are too many or too long.
        """
        where, values = _conditions(query)
        words = _match(query)
        if words is None and query.words.strip():
            return []
        if words is None:
            order = "id"
            keys = f"SELECT key, id AS place FROM record WHERE {where}"  # noqa: S608  # constants
        elif query == Query(query.words, any_word=query.any_word):  # all words are of rows shown
            order = "rank"
            keys = "SELECT rowid AS key, rank AS place FROM words WHERE words MATCH :words"
        else:
            order = "place, key"
            keys = (
                "SELECT key, rank AS place FROM words JOIN record ON key = words.rowid "  # noqa: S608
                f"WHERE words MATCH :words AND {where}"
            )
        values["words"] = words
        asked = f"""
            SELECT {_STAMPED}
            FROM ({keys} ORDER BY {order} LIMIT :limit OFFSET :skip) AS hit
            JOIN record USING (key) JOIN revision ON number = record.revision
            ORDER BY {"hit.place, key" if words else "record.id"}
        """  # noqa: S608  # constants
        return self._rows(asked, {**values, "limit": limit, "skip": skip})

    def count(self, query: Query) -> int:
        """Give how many records match a query without words."""
        where, values = _conditions(query)
        ask = f"SELECT count(*) FROM record WHERE {where}"  # noqa: S608  # constants
        return int(self._all(ask, values)[0][0])

    def page(
        self,
        query: Query,
        *,
        after: tuple[int, str] = (0, ""),
        since: int | None = None,
        until: int | None = None,
        limit: int = 100,
        form: str = "",
    ) -> list[Row]:
        """Give what matches, deleted ones too, in the order of changes, after a `Row.place`.

        since, until: datestamps, both included. What changes between two pages comes later, once
        more; nothing is left out. A page ends early behind very large records. Words of the query
        are not looked at. form: a prefix; where that form of a row is kept, it is in its `forms`
        and the content is empty.
        """
        where, values = _conditions(query, deleted=True)
        ask = (
            f"{_FORMED} WHERE {where} AND {_SPAN} AND (revision, record.id) > (:at, :id) "
            "ORDER BY revision, record.id LIMIT :limit"
        )
        values |= {"since": since, "until": until, "at": after[0], "id": after[1], "limit": limit}
        values |= {"form": form, "made": MADE}
        rows: list[Row] = []
        size = 0
        with self._database.reading() as db, closing(db.execute(ask, values)) as found:
            for stored in found:
                formed = stored["formed"]
                rows.append(unpacked(stored, None if formed is None else {form: formed}))
                size += len(rows[-1].content) + len(formed or b"")
                if size > _LARGEST_PAGE:
                    break
        return rows

    def size(self, query: Query, *, since: int | None = None, until: int | None = None) -> int:
        """Give how many rows all pages together have."""
        where, values = _conditions(query, deleted=True)
        ask = f"SELECT count(*) FROM record WHERE {where} AND {_SPAN}"  # noqa: S608  # constants
        return int(self._all(ask, {**values, "since": since, "until": until})[0][0])

    def identities(self, query: Query | None = None) -> Iterator[tuple[str, str, int]]:
        """Give id, kind and datestamp of everything that matches, by id, a batch at a time."""
        where, values = _conditions(query or Query())
        ask = (
            "SELECT id, kind, stamp FROM record JOIN revision ON number = record.revision "  # noqa: S608
            f"WHERE {where} AND id > :after ORDER BY id LIMIT {_BATCH}"
        )
        after = ""
        while batch := self._all(ask, {**values, "after": after}):
            for row in batch:
                yield row["id"], row["kind"], row["stamp"]
            after = batch[-1]["id"]

    def values(self, facet: str, kinds: Sequence[str] = ()) -> dict[str, int]:
        """Give the words of a list that records have, with how many have each."""
        marks = f"AND kind IN ({', '.join('?' * len(kinds))})" if kinds else ""
        ask = (
            "SELECT value, count(*) FROM facet JOIN record ON record.key = facet.key "  # noqa: S608
            f"AND NOT deleted {marks} WHERE name = ? GROUP BY value ORDER BY value"
        )
        return dict(map(tuple, self._all(ask, (*kinds, facet))))

    def counts(self) -> list[Count]:
        """Give how many records there are, by authority, kind and source."""
        ask = (
            "SELECT authority, kind, source, deleted, count(*) FROM record WHERE shown "
            "GROUP BY authority, kind, source, deleted ORDER BY authority, kind, source, deleted"
        )
        return [Count(a, k, s, bool(d), n) for a, k, s, d, n in self._all(ask, ())]

    def changed(self, since: int | None, until: int | None) -> list[tuple[str, str, int]]:
        """Give authority, what happened ('New', 'Modified', 'Deleted'), and to how many."""
        ask = f"""
            SELECT authority, {_CHANGE} AS change, count(*) FROM record
            WHERE shown AND {_SPAN} GROUP BY authority, change
        """  # noqa: S608  # constants
        return [tuple(row) for row in self._all(ask, {"since": since, "until": until})]

    def changes(
        self, authority: str, since: int | None, until: int | None, limit: int
    ) -> list[tuple[str, str]]:
        """Give what happened to which id, the first of them by the order of changes."""
        ask = f"""
            SELECT {_CHANGE}, id FROM record
            WHERE shown AND {_SPAN} AND :authority IN ('', authority)
            ORDER BY revision, id LIMIT :limit
        """  # noqa: S608  # constants
        given = {"since": since, "until": until, "authority": authority, "limit": limit}
        return [tuple(row) for row in self._all(ask, given)]

    def span(self) -> tuple[int, int]:
        """Give the first and the last datestamp; zeros where nothing was ever kept."""
        first, last = self._all("SELECT min(stamp), max(stamp) FROM revision", ())[0]
        return first or 0, last or 0

    def epoch(self) -> str:
        """Give what names this store: another one, or one begun anew, has another."""
        return str(self._all("SELECT token FROM epoch", ())[0][0])

    def state(self, name: str) -> SourceState:
        """Give how it stands with a source."""
        found = self._all("SELECT * FROM source WHERE name = ?", (name,))
        return SourceState(*found[0]) if found else SourceState(name)

    def states(self) -> list[SourceState]:
        """Give how it stands with every source that was ever told of."""
        return [SourceState(*row) for row in self._all("SELECT * FROM source ORDER BY name", ())]

    def _all(self, ask: str, values: Any) -> list[sqlite3.Row]:
        with self._database.reading() as db:
            return db.execute(ask, values).fetchall()

    def _rows(self, ask: str, values: dict[str, Any]) -> list[Row]:
        return [unpacked(row) for row in self._all(ask, values)]


# Datestamps as numbers of revisions, which rise with them.
_SPAN = """
(:since IS NULL OR revision >= (SELECT min(number) FROM revision WHERE stamp >= :since))
AND (:until IS NULL OR revision <= (SELECT max(number) FROM revision WHERE stamp <= :until))
"""
_CHANGE = """
CASE WHEN deleted THEN 'Deleted'
  WHEN born >= coalesce((SELECT min(number) FROM revision WHERE stamp >= :since), 0) THEN 'New'
  ELSE 'Modified' END
"""


def _conditions(query: Query, deleted: bool = False) -> tuple[str, dict[str, Any]]:
    """Give the condition of a query, of constants and named values alone."""
    where = ["record.shown"] if deleted else ["record.shown AND NOT record.deleted"]
    values: dict[str, Any] = {}

    def any_of(column: str, wanted: Sequence[str]) -> None:
        names = [f"{column}_{number}" for number in range(len(wanted))]
        values.update(zip(names, wanted, strict=True))
        where.append(f"record.{column} IN ({', '.join(f':{name}' for name in names)})")

    if query.kinds:
        any_of("kind", query.kinds)
    if query.sources:
        any_of("source", query.sources)
    if query.authority:
        any_of("authority", (query.authority,))
    if query.parent:
        any_of("parent", (query.parent,))
    if query.start_of_id:
        where.append("record.id >= :from_id AND record.id < :to_id")
        values |= {"from_id": query.start_of_id, "to_id": query.start_of_id + "\U0010ffff"}
    if query.stop is not None:
        where.append("record.start <= :stop")
        values["stop"] = seconds(query.stop)
    if query.start is not None:
        where.append("record.start IS NOT NULL AND coalesce(record.stop, :start) >= :start")
        values["start"] = seconds(query.start)
    for number, (name, wanted) in enumerate(query.facets.items()):
        condition, more = _facet(f"facet_{number}", name, wanted, one_by_one=deleted)
        where.append(condition)
        values |= more
    return " AND ".join(where), values


def _facet(
    prefix: str, name: str, wanted: Sequence[str], one_by_one: bool
) -> tuple[str, dict[str, Any]]:
    """Ask for rows with any of these words of a list, or with one below them.

    one_by_one: look at each row as it comes, which keeps another order; else at all rows first.
    """
    values: dict[str, Any] = {prefix: name}
    either = []
    for number, value in enumerate(wanted):
        at = f"{prefix}_{number}"
        either.append(f"value = :{at} OR (value > :{at}_from AND value < :{at}_to)")
        values |= {at: value, f"{at}_from": f"{value}.", f"{at}_to": f"{value}/"}
    ask = f"FROM facet WHERE name = :{prefix} AND ({' OR '.join(either) or 'FALSE'})"
    if one_by_one:
        return f"EXISTS (SELECT 1 {ask} AND facet.key = record.key)", values
    return f"record.key IN (SELECT key {ask})", values


def _match(query: Query) -> str | None:
    """Give words as the full-text search takes them: each as it stands, none as its syntax.

    None where there is nothing to look for.
    """
    words = [word for word in query.words.replace("\0", " ").split() if any(map(str.isalnum, word))]
    if len(words) > _MOST_WORDS:
        raise BadArgument(f"more than {_MOST_WORDS} words are looked for", argument="words")
    for word in words:
        if len(word) > _LONGEST_WORD:
            raise BadArgument(f"the word {excerpt(word)} is too long", argument="words")
    quoted = [word.encode(errors="replace").decode().replace('"', '""') for word in words]
    return (" OR " if query.any_word else " ").join(f'"{word}"' for word in quoted) or None
