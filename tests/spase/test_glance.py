"""What is judged at a glance, at once or by one processor is judged as in full, by both."""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, BinaryIO

import pytest

from spase import judge, read
from spase.glance import Glance, glance
from spase.read import glances, records
from spase.record import Record
from spase.rules import broken, references
from tests.spase.mutants import mutants, singles
from vo_server.budget import Budget
from vo_server.check import Finding
from vo_server.errors import Refusal

_MUTANTS = 800
_TREES = ("SINP/SINP_tree.xml", "LESIA/tree_Mag.xml", "VMO/Tree_UCLA.xml", "CCMC/Tree_CCMC.xml")


@pytest.fixture(scope="module")
def documents(real: dict[str, bytes]) -> list[bytes]:
    """Real records, resources of real trees, and mutants of both."""
    found = [text for name, text in real.items() if name.startswith("standards/spase/records")]
    trees = [text for name, text in real.items() if name.endswith(_TREES)]
    found += singles(trees)
    quirky = [text for name, text in real.items() if "/quirky/" in name]
    return [*found, *quirky, *trees, *mutants(found, _MUTANTS)]


class _Everything:
    def __contains__(self, kind: object) -> bool:
        return True


def _told(
    content: bytes, reader: Callable[[BinaryIO, Budget], Iterator[Any]], whole: bool = False
) -> list[object]:
    """Give all that a reader tells of a document: findings, ids, and records where `whole`."""
    told: list[object] = []
    try:
        for found in reader(BytesIO(content), Budget()):
            told += [found] if isinstance(found, Finding) else _of(found, whole)
    except Refusal as err:
        told.append(err.message)
    return told


def _of(found: Record | Glance, whole: bool) -> list[object]:
    seen = glance(found) if isinstance(found, Record) else found
    named = [(id, mark.name, mark.line) for id, mark in references(seen)]
    told = [seen.judge, seen.id, seen.top.line, *seen.findings, *broken(seen), *named]
    return [*told, found] if whole else told


def test_a_glance_tells_what_a_record_does(documents: list[bytes]) -> None:
    told = [_told(content, records) for content in documents]
    assert [_told(content, glances) for content in documents] == told
    assert sum(any(isinstance(each, Finding) for each in one) for one in told) > _MUTANTS / 3


def test_a_document_is_the_same_at_once_and_piece_by_piece(
    documents: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = [_told(content, records, whole=True) for content in documents]
    monkeypatch.setattr(read, "_WHOLE", 0)
    assert [_told(content, records, whole=True) for content in documents] == at_once


def test_the_second_processor_would_say_the_same(
    documents: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    seldom = [_told(content, glances) for content in documents]
    monkeypatch.setattr(judge, "_UNSURE", _Everything())
    assert [_told(content, glances) for content in documents] == seldom


def test_blanks_around_a_time_are_no_error(good: bytes) -> None:
    blank = good.replace(b"PT1M</Cad", b"PT1M \t</Cad").replace(b"<StopDate>", b"<StopDate> ")
    assert blank != good
    assert _told(blank, glances) == _told(good, glances)
    assert any(
        isinstance(each, Finding) for each in _told(good.replace(b"PT1M</C", b"</C"), glances)
    )


def test_names_of_types_and_entities_that_nobody_knows_are_judged(good: bytes) -> None:
    space = b' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="1."'
    for bad in (
        good.replace(b"<Cadence>", b"<Cadence" + space + b">"),
        good.replace(b"2.7.1<", b"2.7.1&nope;<"),
        good.replace(b"</Version>", b"</Version>&nope;"),
    ):
        assert any(isinstance(each, Finding) for each in _told(bad, glances))
