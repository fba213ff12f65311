"""The generated schemas judge as the published ones: real documents, thousands of mutants."""

import copy
import gzip
import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any as Untyped

import pytest
import xmlschema
from lxml import etree
from lxml.etree import _Element as Element

from schemas import xsd
from schemas.model import VERSIONS, Any, Child, ElementType, Group, Model, Part, model
from schemas.simple_type import SimpleType

pytestmark = pytest.mark.conformance

_PUBLISHED = {
    "impex-1.0.2": "standards/impex/xsd/impex-1_0_2.xsd",
    "impex-1.0.3": "standards/impex/xsd/impex-1_0_3.xsd",
    "spase-2.6.1": "standards/spase/xsd/spase-2_6_1.xsd",
    "spase-2.7.1": "standards/spase/xsd/spase-2_7_1.xsd",
}
_TREES = "standards/impex/trees/"
_RECORDS = ("standards/spase/records/", "standards/spase/quirky/")
_MUTANTS = 1000  # of each version
_VALUES = {
    "string": "text", "dateTime": "2004-02-29T12:00:00.5Z", "duration": "PT1M", "time": "10:00:00",
    "double": "-1.5e3", "float": "2", "integer": "3", "boolean": "true", "anyURI": "http://a/b",
}  # fmt: skip
_BAD = (
    "",
    "Nonsense",
    "2005-13-01T00:00:00Z",
    "2005-01-01",
    "spase:/X",
    "1.5",
    "-",
    " 3 ",
    "PT",
    "1 2 3",
)


@pytest.fixture(scope="module")
def documents(shared: Path) -> dict[str, Element]:
    """Every real tree and record by its path, recovered where it is not well-formed."""
    files = sorted(path for path in (shared / _TREES).rglob("*") if path.is_file())
    for folder in _RECORDS:
        files += sorted((shared / folder).rglob("*.xml"))
    return {str(path.relative_to(shared)): _parsed(path) for path in files}


def _parsed(path: Path) -> Element:
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    return etree.fromstring(content, etree.XMLParser(recover=True, resolve_entities=False))


@cache
def _published(path: Path) -> etree.XMLSchema:
    return etree.XMLSchema(file=str(path))


def _judged(schema: etree.XMLSchema, root: Element) -> list[tuple[int, str]]:
    """What a schema finds; what it expected is left out, as it lists that in any order."""
    valid = schema.validate(root)
    log: Untyped = schema.error_log
    found = [(error.line, error.message.partition(" Expected is")[0]) for error in log]
    assert valid == (not found)
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_real_documents_are_judged_alike(
    version: str, documents: dict[str, Element], shared: Path
) -> None:
    published = _published(shared / _PUBLISHED[version])
    valid = 0
    assert len(documents) >= 89
    for name, root in documents.items():
        expected = _judged(published, root)
        assert _judged(xsd.schema(version), root) == expected, name
        valid += not expected
    assert valid == {"impex-1.0.2": 11, "impex-1.0.3": 9, "spase-2.6.1": 0}.get(version, 23)


@pytest.mark.parametrize("version", VERSIONS)
def test_mutants_are_judged_alike(
    version: str, documents: dict[str, Element], shared: Path
) -> None:
    published = _published(shared / _PUBLISHED[version])
    chance = random.Random(version)
    sources = [*_single(version, documents), *_made(model(version), chance)]
    verdicts = [0, 0]
    for number in range(_MUTANTS):
        root = copy.deepcopy(sources[number % len(sources)])
        done = [
            _mutate(root, chance, model(version)) for _ in range(chance.choice((1, 1, 1, 2, 3)))
        ]
        mutant = etree.fromstring(etree.tostring(root))
        expected = _judged(published, mutant)
        assert _judged(xsd.schema(version), mutant) == expected, (number, done)
        verdicts[not expected] += 1
    assert min(verdicts) >= _MUTANTS // 20, verdicts


@pytest.mark.parametrize("version", VERSIONS)
def test_documents_made_from_the_tables_are_valid_as_published(version: str, shared: Path) -> None:
    published = _published(shared / _PUBLISHED[version])
    for root in _made(model(version), random.Random(version)):
        assert _judged(published, root) == [], root[1].tag


@pytest.mark.parametrize("version", VERSIONS)
def test_another_processor_agrees(version: str) -> None:
    second = xmlschema.XMLSchema11(etree.tostring(xsd.document(model(version))))
    assert len(second.elements) == len(model(version).elements) > 0
    chance = random.Random(version)
    for root in [*_made(model(version), chance)][:8]:
        assert second.is_valid(root)
        root[-1].append(etree.Element("Stranger"))
        assert not second.is_valid(root)


def test_the_generated_schema_carries_no_prose() -> None:
    for version in VERSIONS:
        text = etree.tostring(xsd.document(model(version)), encoding="unicode")
        assert "annotation" not in re.sub(r'"[^"]*"', "", text)


def _single(version: str, documents: dict[str, Element]) -> list[Element]:
    """Documents of one resource each: a few of every kind and source, in this version's words."""
    space = model(version).namespace
    taken: dict[tuple[str, str], int] = {}
    found: list[Element] = []
    for name, root in documents.items():
        for resource in root.iterfind(f"{{{space}}}*"):
            kind = (name if "trees" in name else "", str(resource.tag))
            if etree.QName(resource).localname == "Version" or taken.get(kind, 0) == 6:
                continue
            taken[kind] = taken.get(kind, 0) + 1
            found.append(_envelope(model(version), copy.deepcopy(resource)))
    return found


def _envelope(source: Model, resource: Element) -> Element:
    root = etree.Element(f"{{{source.namespace}}}Spase")
    version = etree.SubElement(root, f"{{{source.namespace}}}Version")
    version.text = "2.2.2" if source.name.startswith("impex") else source.version
    resource.tail = None
    root.append(resource)
    return root


def _made(source: Model, chance: random.Random) -> Iterator[Element]:
    """Random documents of each kind of resource, with every element that may be there."""
    top = source.type("Spase")
    assert isinstance(top, ElementType)
    for _ in range(4):
        for kind in top.children.values():
            if kind.name in source.resources:
                resource = etree.Element(f"{{{source.namespace}}}{kind.name}")
                _fill(resource, kind, source, chance)
                yield _envelope(source, resource)


def _fill(element: Element, child: Child, source: Model, chance: random.Random) -> None:
    kind = source.type(child.type)
    if isinstance(kind, SimpleType):
        element.text = child.fixed or _text(kind, chance)
    else:
        if kind.mixed:
            element.text = "text"
        _put(element, kind.content, source, chance)


def _put(element: Element, part: Part, source: Model, chance: random.Random) -> None:
    if isinstance(part, Any):
        return
    most = part.most if part.most is not None else part.least + 1
    for _ in range(chance.randint(part.least, most)):
        if isinstance(part, Child):
            inner = etree.SubElement(element, f"{{{source.namespace}}}{part.name}")
            _fill(inner, part, source, chance)
        elif isinstance(part, Group):
            for each in [chance.choice(part.parts)] if part.choice else part.parts:
                _put(element, each, source, chance)


def _text(kind: SimpleType, chance: random.Random) -> str:
    if kind.values:
        return chance.choice(kind.values)
    if kind.pattern:
        return "spase://A/B/C"
    if kind.union:
        return _text(chance.choice(kind.union), chance)
    if kind.items is not None:
        return " ".join([_text(kind.items, chance)] * 3)
    return _VALUES[kind.name] if kind.base is None else _text(kind.base, chance)


def _mutate(root: Element, chance: random.Random, source: Model) -> str:
    """Spoil one thing; gives what."""
    element = chance.choice(list(root.iter(etree.Element)))
    parent = element.getparent()
    what = chance.choice(tuple(_SPOIL))
    if parent is not None:
        _SPOIL[what](element, parent, chance, source)
    return f"{what} {element.tag}"


def _drop(element: Element, parent: Element, chance: random.Random, source: Model) -> None:
    parent.remove(element)


def _double(element: Element, parent: Element, chance: random.Random, source: Model) -> None:
    element.addnext(copy.deepcopy(element))


def _reorder(element: Element, parent: Element, chance: random.Random, source: Model) -> None:
    parent.insert(chance.randrange(len(parent)), element)


def _misspell(element: Element, parent: Element, chance: random.Random, source: Model) -> None:
    element.tag = str(element.tag) + chance.choice("sx")


def _move(element: Element, parent: Element, chance: random.Random, source: Model) -> None:
    """Put a copy of any element somewhere else."""
    everything = list(parent.getroottree().getroot().iter(etree.Element))
    element.addnext(copy.deepcopy(chance.choice(everything[1:])))


def _rename(element: Element, parent: Element, chance: random.Random, source: Model) -> None:
    kinds = [kind for kind in source.types.values() if isinstance(kind, ElementType)]
    names = list(chance.choice(kinds).children) or ["Name"]
    element.tag = f"{{{source.namespace}}}{chance.choice(names)}"


def _value(element: Element, parent: Element, chance: random.Random, source: Model) -> None:
    """Give a leaf another text: a bad one, or a value of any enumeration."""
    leaves = [e for e in parent.getroottree().getroot().iter(etree.Element) if len(e) == 0]
    enums = [k for k in source.types.values() if isinstance(k, SimpleType) and k.values]
    good = chance.choice(chance.choice(enums).values)
    chance.choice(leaves).text = chance.choice((*_BAD, good, good, good, good))


def _attribute(element: Element, parent: Element, chance: random.Random, source: Model) -> None:
    element.set(
        chance.choice(("lang", "Units", "TimeStart", "Duration", "fake")), chance.choice(_BAD)
    )


def _extend(element: Element, parent: Element, chance: random.Random, source: Model) -> None:
    """Add an Extension with something inside."""
    last = parent.getroottree().getroot()[-1]
    extension = etree.SubElement(last, f"{{{source.namespace}}}Extension")
    etree.SubElement(extension, chance.choice(("{a:b}Own", f"{{{source.namespace}}}Name", "Own")))


_SPOIL = {
    "drop": _drop, "double": _double, "reorder": _reorder, "misspell": _misspell, "move": _move,
    "rename": _rename, "value": _value, "attribute": _attribute, "extend": _extend,
}  # fmt: skip
