"""Measurements of the store of records and of OAI-PMH against bare SQLite and lxml in one run.

Run by `make bench`, or alone: `python -m tests.benchmarks.spase`. 30,000 seeded variations of real
records, so the reference files must be there. Times are medians; the memory is that of a process
that has done nothing else.
"""

import os
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import psutil
from lxml import etree

from schemas import xsd
from spase.catalogue import Catalogue
from spase.check import SpaseChecker
from spase.dictionary import NAMESPACES, nearest
from spase.oai_answer import PAGE, Provider
from tests.benchmarks.report import Row, machine, write_rows
from tests.spase.corpus import corpus
from tests.spase.served import write_node
from vo_server.budget import Budget
from vo_server.context import Context
from vo_server.row import Query
from vo_server.row import Row as Kept
from vo_server.settings import load

_OUTPUT = Path("bench-spase.json")
_SHARED = Path(os.environ.get("VO_SHARED", "../shared")).resolve()
_RECORDS, _ASKED, _PAGES = 30_000, 300, 100
_BARE = """
CREATE TABLE plain (key INTEGER PRIMARY KEY, id TEXT UNIQUE, content BLOB);
CREATE VIRTUAL TABLE text USING fts5 (title, description);
"""


def _median(call: Callable[[int], object], times: int) -> float:
    taken = []
    for number in range(times):
        begun = time.perf_counter()
        call(number)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def _medians(calls: list[Callable[[int], object]], times: int) -> list[float]:
    """Time calls by turns, so that others who use the machine are in all of them."""
    rounds = [[_median(call, 1) for call in calls] for _ in range(times)]
    return [statistics.median(taken) for taken in zip(*rounds, strict=True)]


def _bare(path: Path, rows: Iterator[Kept]) -> sqlite3.Connection:
    """Put ids, documents and words into tables of SQLite, and nothing else."""
    db = sqlite3.connect(path)
    db.executescript(_BARE)
    for key, row in enumerate(rows):
        db.execute("INSERT INTO plain VALUES (?, ?, ?)", (key, row.id, row.content))
        db.execute("INSERT INTO text (rowid, title, description) VALUES (?, ?, ?)",
                   (key, row.title, row.description))  # fmt: skip
    db.commit()
    return db


def _paged(config: Path) -> tuple[float, float]:
    """Give pages a second of a harvest in `spase`, and MB above idle."""
    context = Context(load(config), threading.Event())
    catalogue = Catalogue(context)
    provider = Provider(catalogue, context.settings.node, "https://b/oai", context.record_formats)
    process = psutil.Process()
    pairs = [("verb", "ListRecords"), ("metadataPrefix", "spase")]
    provider.answer(pairs, datetime.now(UTC))
    idle = peak = process.memory_info().rss
    begun = time.perf_counter()
    pages = 0
    for pages in count(1):
        root = etree.fromstring(provider.answer(pairs, datetime.now(UTC)))
        token = root.findtext(".//{*}resumptionToken")
        peak = max(peak, process.memory_info().rss)
        if not token or pages == _PAGES:
            break
        pairs = [("verb", "ListRecords"), ("resumptionToken", token)]
    seconds = time.perf_counter() - begun
    context.close()
    return pages / seconds, (peak - idle) / 1e6


def _kept(context: Context) -> float:
    """Keep the corpus; gives seconds of the processor without those in which it is made."""
    made = 0.0

    def rows() -> Iterator[Kept]:
        nonlocal made
        source = corpus(_SHARED, _RECORDS, source="peer")
        while True:
            begun = time.process_time()
            row = next(source, None)
            made += time.process_time() - begun
            if row is None:
                return
            yield row

    begun = time.process_time()
    context.keep("peer", rows())
    return time.process_time() - begun - made


def _written(folder: Path) -> list[tuple[Path, str]]:
    """Write the documents of the corpus at their ids; gives each with the model that judges it."""
    found = []
    for row in corpus(_SHARED, _RECORDS):
        path = folder / f"{row.id.partition('://')[2]}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(row.content)
        found.append((path, nearest(NAMESPACES.get(row.namespace, "spase"), row.version).name))
    return found


def _check(folder: Path) -> list[Row]:
    """Check the corpus by one process and by all, against parsing and validating by lxml alone."""
    documents = _written(folder)

    def bare(_: int) -> None:
        for path, judge in documents:
            xsd.schema(judge).validate(etree.parse(path))

    def ours(processes: int | None, _: int) -> None:
        for _finding in SpaseChecker(processes).check(str(folder), Budget()):
            pass

    bare(0)
    alone, one, every = _medians([bare, partial(ours, 1), partial(ours, None)], 3)
    what, peer = f"check of {_RECORDS} records", "lxml alone, one process"
    return [
        Row(what, "SpaseChecker, one process", peer, one, alone, 1 / 3),
        Row(what, "SpaseChecker, all processors", peer, every, alone, 1 / 3),
    ]


def main() -> None:
    """Measure, print and write."""
    with tempfile.TemporaryDirectory() as name:
        checked = _check(Path(name))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = write_node(folder)
        context = Context(load(config), threading.Event())
        records = context.records
        kept, again = _kept(context), _kept(context)
        bare = _bare(folder / "bare.sqlite", corpus(_SHARED, _RECORDS, source="peer"))
        ids = [id for id, _, _ in records.identities()][:: _RECORDS // _ASKED]

        def bare_get(number: int) -> object:
            ask = "SELECT content FROM plain WHERE id = ?"
            return bare.execute(ask, (ids[number % len(ids)],)).fetchone()

        def bare_search(words: str, number: int) -> object:
            ask = (
                "SELECT id, content FROM text JOIN plain ON key = text.rowid WHERE text MATCH ? "
                "ORDER BY rank LIMIT 20"
            )
            return bare.execute(ask, (words,)).fetchall()

        def search(query: Query) -> Callable[[int], object]:
            return lambda number: records.search(query)

        def bare_page(number: int) -> object:
            ask = "SELECT id, content FROM plain WHERE key >= ? ORDER BY key LIMIT 100"
            root = etree.Element("page")
            for _, content in bare.execute(ask, (number * PAGE,)):
                root.append(etree.fromstring(content))
            return etree.tostring(root)

        mars = Query(kinds=("NumericalOutput",), facets={"ObservedRegion": ("Mars",)})
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            speed, memory = pool.submit(_paged, config).result()
        rows = [
            *checked,
            Row("look-up by id", "Records.get", "bare SQLite",
                _median(lambda n: records.get(ids[n % len(ids)]), _ASKED),
                _median(bare_get, _ASKED), None),
            *(
                Row(f"20 hits of '{words}'", "Records.search", "bare FTS5",
                    _median(search(Query(words)), 30),
                    _median(partial(bare_search, words), 30), None)
                for words in ("V00123", "comet", "comet wake proton")
            ),
            Row("20 hits by kind and region", "Records.search", "bare FTS5, a word",
                _median(search(mars), 30),
                _median(partial(bare_search, "comet"), 30), None),
            Row("a page of 100 records", "OAI-PMH, spase", "SQLite and lxml alone", 1 / speed,
                _median(bare_page, 30), None),
        ]  # fmt: skip
        bare.close()
        context.close()
    write_rows(
        _OUTPUT,
        "Records",
        machine(),
        rows,
        f"{_RECORDS} records, kept in {kept:.0f} s of a processor with every form written, "
        f"and in {again:.0f} s when they came again as they were. OAI-PMH gives "
        f"{speed:.1f} pages of {PAGE} records a second, mapped from IMPEx where they came in it, "
        f"with at most {memory:.0f} MB above idle.",
    )


if __name__ == "__main__":
    main()
