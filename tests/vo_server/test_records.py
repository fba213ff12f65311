"""The store of records: updates whole or not at all, found again, in the order of changes."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_server import database, records, revision
from vo_server.check import Finding
from vo_server.errors import BadArgument, BadFile, StorageFull
from vo_server.records import Records
from vo_server.row import OWN, Changes, Query, Row, SourceState

_KINDS = ("NumericalOutput", "NumericalData", "Person")


def row(number: int, **more: object) -> Row:
    made = Row(
        f"spase://{'CNES' if number % 2 else 'MyLab'}/{_KINDS[number % 3]}/R{number:05d}",
        _KINDS[number % 3],
        b"<Spase>%d</Spase>" % number,
        title=f"Title number{number}",
        description="Plasma around Mars, said plainly",
        start=np.datetime64("2010-01-01", "s") + np.timedelta64(number, "D"),
        stop=np.datetime64("2010-01-02", "s") + np.timedelta64(number, "D"),
        facets={"region": ("Mars.Magnetosphere",), "measurement": ("MagneticField",)},
        findings=(Finding("unit", "no unit", 3),),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def rows(count: int, start: int = 0) -> list[Row]:
    return [row(number) for number in range(start, start + count)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Records]:
    made = Records(tmp_path / "state" / "records.sqlite")
    yield made
    made.close()


def test_a_row_comes_back_as_it_went_in(store: Records) -> None:
    given = row(1, namespace="urn:x", version="2.7.1", judge="spase-2.7.1", parent="spase://A/B/C")
    assert store.update(OWN, [given]) == Changes(new=1)
    found = store.get(given.id)
    assert found is not None
    assert replace(found, datestamp=0, created=0, revision=0) == given
    assert found.datestamp > 0
    assert found.authority == "CNES"
    assert store.get("spase://CNES/NumericalData/no") is None


def test_an_update_tells_what_changed_and_keeps_the_stamps_of_the_rest(store: Records) -> None:
    store.update("peer", rows(6))
    before = {r.id: r.place for r in store.page(Query())}
    changed = [row(0), row(1, title="Another"), *rows(3, 3), row(9)]
    assert store.update("peer", changed) == Changes(new=1, modified=1, deleted=1)
    after = {r.id: r.place for r in store.page(Query())}
    same = [row(number).id for number in (0, 3, 4, 5)]
    assert [after[id] for id in same] == [before[id] for id in same]
    assert [r.id for r in store.page(Query())][-3:] == sorted(row(n).id for n in (1, 2, 9))
    gone = store.get(row(2).id)
    assert gone is not None
    assert gone.deleted
    assert gone.content == b""
    assert store.update("peer", changed) == Changes()
    assert {r.id: r.place for r in store.page(Query())} == after


def test_an_incomplete_update_deletes_nothing(store: Records) -> None:
    store.update("peer", rows(3))
    assert store.update("peer", [row(7)], complete=False) == Changes(new=1)
    assert sum(count.records for count in store.counts() if not count.deleted) == 4


def test_what_comes_back_is_no_longer_deleted(store: Records) -> None:
    store.update("peer", rows(1))
    store.update("peer", [])
    assert store.search(Query("plasma")) == []
    assert store.update("peer", rows(1)) == Changes(modified=1)
    assert [r.id for r in store.search(Query("plasma"))] == [row(0).id]


def test_the_first_of_one_id_counts_and_the_others_are_told(store: Records) -> None:
    changes = store.update("peer", [row(1), row(1, title="Second")])
    assert changes == Changes(new=1, doubled=(row(1).id,))
    found = store.get(row(1).id)
    assert found is not None
    assert found.title == "Title number1"


def test_the_nodes_own_record_comes_first_then_that_of_the_first_source(store: Records) -> None:
    id = row(1).id

    def shown() -> tuple[str, bool, int]:
        found = store.get(id)
        assert found is not None
        return found.source, found.deleted, found.revision

    store.update("b", [row(1, title="of b")])
    store.update("a", [row(1, title="of a")])
    assert shown() == ("b", False, 1)  # a's changes nothing that anybody sees
    store.update(OWN, [row(1, title="the node")])
    assert shown() == (OWN, False, 3)
    assert store.sources_of(id) == [OWN, "b", "a"]
    assert store.contended() == [id]
    assert [r.title for r in store.search(Query("the plasma", start_of_id=id))] == ["the node"]
    store.update(OWN, [])
    assert shown() == ("b", False, 4)
    assert store.search(Query("the node")) == []
    store.update("b", [])
    store.update("a", [])
    assert shown()[1:] == (True, 6)
    assert [r.id for r in store.page(Query(), after=(5, "~"))] == [id]


def test_words_are_words_and_never_syntax(store: Records) -> None:
    store.update("peer", [row(1, description='A "cut" of Phobos'), row(2)])
    assert [r.id for r in store.search(Query("phobos"))] == [row(1).id]
    assert [r.id for r in store.search(Query("magnetic fields"))] != []  # stems, parts of words
    assert store.search(Query('"cut" number1')) != []
    for hostile in (
        "phobos OR number2",
        "title:phobos",
        "phobos*",
        "NEAR(a b)",
        '"',
        "(",
        "-",
        "^a",
    ):
        assert all(r.id == row(1).id for r in store.search(Query(hostile)))
    assert store.search(Query("phobos venus")) == []
    with pytest.raises(BadArgument, match="32 words"):
        store.search(Query("a " * 33))
    with pytest.raises(BadArgument, match="too long"):
        store.search(Query("a" * 201))


@given(st.text(max_size=60))
def test_any_text_can_be_looked_for(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    made = Records(tmp_path_factory.getbasetemp() / "any" / "records.sqlite")
    made.update("peer", [row(1)])
    found = made.search(Query(text))
    made.close()
    assert len(found) <= 1


def test_a_query_asks_for_kind_authority_facet_time_parent_and_source(store: Records) -> None:
    store.update("peer", [*rows(12), row(20, facets={"region": ("Mars",)}, parent="spase://A/B/C")])
    store.update("other", [row(21, start=None, stop=None)])

    def found(query: Query) -> set[int]:
        return {int(r.id[-5:]) for r in store.search(query, 100)}

    assert found(Query(kinds=("Person",))) == {2, 5, 8, 11, 20}
    assert found(Query(authority="CNES", kinds=("Person",))) == {5, 11}
    assert found(Query(facets={"region": ("Mars",), "measurement": ("MagneticField",)})) == {
        *range(12), 21,
    }  # fmt: skip
    assert found(Query(facets={"region": ("Mars.Magnetosphere", "Earth")})) == {*range(12), 21}
    assert found(Query(facets={"region": ("Mar",)})) == set()
    assert found(Query(facets={"region": ()})) == set()
    assert found(Query(parent="spase://A/B/C")) == {20}
    assert found(Query(sources=("other",))) == {21}
    day = np.datetime64("2010-01-04T12:00", "s")
    assert found(Query(start=day, stop=day)) == {3}
    assert found(Query("number3", start=day)) == {3}
    assert found(Query(start_of_id="spase://CNES/Person")) == {5, 11}
    assert store.count(Query(kinds=("Person",))) == 5
    assert [r.id[-1] for r in store.search(Query(kinds=("Person",)), 2, 1)] == ["1", "2"]
    assert store.values("region") == {"Mars": 1, "Mars.Magnetosphere": 13}
    assert store.values("region", ("Person",)) == {"Mars": 1, "Mars.Magnetosphere": 4}


def test_pages_leave_nothing_out_while_rows_change(store: Records) -> None:
    store.update("peer", rows(25))
    seen: dict[str, int] = {}
    after = (0, "")
    step = 0
    while page := store.page(Query(), after=after, limit=4):
        after = page[-1].place
        seen |= {r.id: r.revision for r in page}
        step += 1
        if step == 2:
            store.update("peer", [*rows(24), row(30), row(31)])  # one goes, two come
    now = {r.id: r.revision for r in store.page(Query(), limit=100)}
    assert seen == now
    assert len(now) == 27


def test_a_page_of_large_rows_ends_early(store: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vo_server.records._LARGEST_PAGE", 2500)
    store.update("peer", [row(number, content=b"x" * 1000) for number in range(7)])
    first = store.page(Query())
    assert len(first) == 3
    assert len(store.page(Query(), after=first[-1].place)) == 3


def test_pages_go_by_datestamp(store: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((1000, 2000, 1500, 3000, 4000, 5000))  # it was put back once
    monkeypatch.setattr("vo_server.revision.time.time", lambda: float(next(clock)))
    for number in range(4):
        store.update("peer", [row(number)], complete=False)
    stamps = [r.datestamp for r in store.page(Query())]
    assert stamps == [1001, 2001, 2001, 3001]
    assert [r.datestamp for r in store.page(Query(), since=2001)] == stamps[1:]
    assert [r.datestamp for r in store.page(Query(), until=2001)] == stamps[:3]
    assert store.page(Query(), since=2002, until=3000) == []
    assert store.page(Query(), until=1000) == []
    assert store.size(Query(kinds=("Person",)), since=1500) == 1
    assert store.span() == (1001, 3001)
    assert store.changed(2001, None) == [("CNES", "New", 2), ("MyLab", "New", 1)]
    store.update("peer", [row(0, title="Another")], complete=False)
    store.update("peer", rows(3))
    assert store.changed(3002, None) == [("CNES", "Deleted", 1), ("MyLab", "Modified", 1)]
    assert store.changes("MyLab", 3002, None, 9) == [("Modified", row(0).id)]
    assert store.changes("", None, 2001, 1) == [("New", row(1).id)]


def test_identities_come_in_order_of_their_ids(
    store: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vo_server.records._BATCH", 4)
    store.update("peer", rows(11))
    store.update("peer", rows(10))
    assert [id for id, _, _ in store.identities()] == sorted(r.id for r in rows(10))
    assert {kind for _, kind, _ in store.identities(Query(kinds=("Person",)))} == {"Person"}


def test_a_source_that_fails_midway_changes_nothing(store: Records) -> None:
    store.update("peer", rows(3))

    def broken() -> Iterator[Row]:
        yield row(9)
        raise ConnectionError("the peer is gone")

    with pytest.raises(ConnectionError):
        store.update("peer", broken())
    assert {r.id for r in store.page(Query())} == {r.id for r in rows(3)}


def test_a_slow_source_makes_no_other_wait(store: Records) -> None:
    def slow() -> Iterator[Row]:
        yield row(1)
        store.update("other", [row(2)])  # would wait for itself if this one held the file
        assert store.get(row(2).id) is not None
        yield row(3)

    assert store.update("peer", slow()) == Changes(new=2)


def test_the_state_of_sources_is_kept(store: Records) -> None:
    assert store.state("peer") == SourceState("peer")
    store.note(SourceState("peer", 10, 5, '"tag"', "yesterday", "2026-01-01T00:00:00Z", "slow"))
    store.note(SourceState("a", 1))
    assert store.state("peer").error == "slow"
    assert [state.name for state in store.states()] == ["a", "peer"]


_WRITER = """
import sys
from pathlib import Path
from vo_server import revision
from vo_server.records import Records
from vo_server.row import Row
store = Records(Path(sys.argv[1]))
merge = revision._index
count = 0
def index(db, stored):
    global count
    merge(db, stored)
    count += 1
    if count == 3000:
        print("midway", flush=True)
        sys.stdin.read()
revision._index = index
store.update("peer", (Row(f"spase://B/Person/{n}", "Person", b"x" * 3000) for n in range(6000)))
"""


def test_a_killed_update_leaves_the_old_state_whole(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    store = Records(path)
    store.update("peer", [_formed(each) for each in rows(40)])
    before = store.page(Query(), form="spase")
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "midway\n"
        assert store.page(Query(), form="spase") == before  # half of it is written; nobody sees any
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait(30)
    store.close()
    again = Records(path)
    assert again.page(Query(), form="spase") == before
    assert all(found.forms == {"spase": b"<a/>"} for found in before)
    assert len(again.search(Query("plasma"), 100)) == 40
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    db.close()
    more = [_formed(each) for each in rows(41)]
    assert again.update("peer", more) == Changes(new=1)
    again.close()


def _formed(made: Row, content: bytes = b"<a/>") -> Row:
    return replace(made, forms={"spase": content, "impex": b"<b/>"})


def _forms(store: Records) -> list[dict[str, bytes]]:
    return [dict(found.forms) for found in store.page(Query(), form="spase")]


def test_forms_come_where_they_are_asked_for_and_go_with_their_row(store: Records) -> None:
    first, second, third = rows(3)
    store.update("peer", [_formed(first), _formed(second), third])
    assert [found.forms for found in store.page(Query())] == [{}] * 3
    kept = {found.id: found for found in store.page(Query(), form="spase")}
    assert kept[first.id].forms == {"spase": b"<a/>"}
    assert (kept[first.id].content, kept[third.id].content) == (b"", third.content)
    assert kept[third.id].forms == {}
    changed = [_formed(first, b"<c/>"), replace(second, deleted=True)]
    assert store.update("peer", changed) == Changes(modified=1, deleted=2)
    assert sorted(map(str, _forms(store))) == ["{'spase': b'<c/>'}", "{}", "{}"]
    assert store.update("peer", [first]) == Changes(modified=1)
    assert _forms(store) == [{}] * 3


def test_each_source_has_forms_of_its_own(store: Records) -> None:
    store.update("peer", [_formed(row(1))])
    store.update("other", [_formed(row(1), b"<c/>")])
    assert _forms(store) == [{"spase": b"<a/>"}]
    store.update("peer", [])
    assert _forms(store) == [{"spase": b"<c/>"}]


def test_forms_that_another_version_wrote_are_not_given_and_written_anew(
    store: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [_formed(row(1))]
    with monkeypatch.context() as patch:
        patch.setattr(revision, "MADE", "0.0.9")
        patch.setattr(records, "MADE", "0.0.9")
        store.update("peer", given)
        assert _forms(store) == [{"spase": b"<a/>"}]
    assert _forms(store) == [{}]
    assert store.page(Query(), form="spase")[0].content == given[0].content
    assert store.update("peer", given) == Changes()
    assert _forms(store) == [{"spase": b"<a/>"}]


def test_several_threads_read_while_one_writes(store: Records) -> None:
    store.update("peer", rows(10))
    stop = threading.Event()
    seen: set[int] = set()

    def read() -> None:
        while not stop.is_set():
            seen.add(len(store.page(Query(), limit=1000)))

    readers = [threading.Thread(target=read) for _ in range(6)]
    for reader in readers:
        reader.start()
    for size in (110, 210):
        store.update("peer", rows(size))
    stop.set()
    for reader in readers:
        reader.join()
    assert seen <= {10, 110, 210}


def test_memory_stays_flat_over_many_rows(store: Records) -> None:
    def many() -> Iterator[Row]:
        for number in range(3000):
            yield row(number, content=b"<Spase>" + b"%09d" % number * 4000 + b"</Spase>")

    tracemalloc.start()
    store.update("peer", many())  # of 100 MB
    assert store.update("peer", many()) == Changes()
    assert sum(1 for _ in store.identities()) == 3000
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4e6


def test_a_file_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "records.sqlite"
    old = Records(path)
    old.update("peer", rows(2))
    epoch = old.epoch()
    old.close()
    more = (*database.MIGRATIONS, "CREATE TABLE later (a); INSERT INTO later VALUES (1);")
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", more)
        newer = Records(path)
        assert len(newer.page(Query())) == 2
        assert newer.epoch() == epoch
        newer.close()
    with pytest.raises(BadFile, match="later version"):
        old.page(Query())


def test_a_file_without_forms_gets_them(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    old = Records(path)
    old.update("peer", rows(3))
    old.close()
    db = sqlite3.connect(path)
    db.executescript(
        "DROP TABLE form; ALTER TABLE record DROP COLUMN given; PRAGMA user_version = 1"
    )
    db.close()
    newer = Records(path)
    assert [found.content for found in newer.page(Query(), form="spase")] == [
        made.content for made in sorted(rows(3), key=lambda made: made.id)
    ]
    assert newer.update("peer", map(_formed, rows(3))) == Changes(modified=3)
    assert _forms(newer) == [{"spase": b"<a/>"}] * 3
    newer.close()


def test_what_is_no_store_is_told_by_name(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    path.write_bytes(b"something else entirely, and long enough for a header" * 100)
    with pytest.raises(BadFile, match=r"records\.sqlite"):
        Records(path).get("a")
    with pytest.raises(StorageFull):
        Records(tmp_path).get("a")
