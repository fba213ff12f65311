"""Lint: what is wrong with a VOTable, by the schema, the rules, and what its cells say.

The schemas, UCD words and units are those of the installed astropy. votlint does not see a wrong
UCD or unit; this does.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import as_file, files
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

from lxml import etree
from lxml.etree import _Element as Element

from vo_server.budget import Budget
from vo_server.check import Finding
from vo_server.errors import BadArgument, BadTable, TooMuch
from vo_server.formats.source import whole
from vo_server.model.table import Table
from vo_server.namespaces import check_namespace
from votable.read import read_all
from votable.rules import RULES, tag

_SCHEMAS = ("1.1", "1.2", "1.3", "1.4", "1.5")
_NAMESPACE = "http://www.ivoa.net/xml/VOTable/v"
_LINE = re.compile(r"line (\d+): (.*)", re.DOTALL)
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?Z?)?")
_SMALL = 4_194_304  # bytes of a document that is gone through although the reader refuses it
_ENOUGH = 1000  # findings of one document
_EXTENSIONS = (".vot", ".votable")


class VotableChecker:
    """The checker `votable`."""

    def recognises(self, target: str) -> bool:
        """Tell whether a target's name is that of a VOTable file."""
        return "://" not in target and target.lower().endswith(_EXTENSIONS)

    def check(self, target: str, budget: Budget) -> Iterator[Finding]:
        """Give what is wrong with a file; raises BadArgument where it cannot be opened."""
        try:
            content = Path(target).open("rb")  # noqa: SIM115  # closed below
        except OSError as err:
            raise BadArgument(f"cannot read {target}: {err.strerror}", argument="target") from err
        with content:
            for finding in lint(whole(content, budget), budget):
                yield Finding(finding.rule, finding.message, finding.line, target)


def lint(document: bytes, budget: Budget) -> Iterator[Finding]:
    """Give what is wrong with a document, a thousand findings at most; see `RULES`."""
    blocks, refused = _read(document, budget)
    yield from refused
    if refused and len(document) > _SMALL:
        return
    try:
        root = _tree(document)
    except BadArgument as err:
        yield Finding("namespace", err.message, 1)
        return
    except etree.XMLSyntaxError as err:
        if not refused:
            yield Finding("xml", str(err)[:200], err.lineno)
        return
    tree: Any = root.getroottree()  # the stubs know neither docinfo.doctype nor sourceline
    if tree.docinfo.doctype:
        yield Finding("doctype", "the document has a DOCTYPE, which most readers refuse", 1)
    if tag(root) != "VOTABLE":
        return
    for number, finding in enumerate(_findings(root, blocks), 1):
        yield finding
        if number == _ENOUGH:
            return


def _tree(document: bytes) -> Element:
    """Parse a document without its rows but the last, which the reader has looked at already.

    Raises BadArgument for a namespace without end.
    """
    events: Any = etree.iterparse(
        BytesIO(document), events=("end", "start-ns"), tag="{*}TR", resolve_entities=False,
        no_network=True, load_dtd=False, huge_tree=True,
    )  # fmt: skip
    for event, row in events:
        if event == "start-ns":
            check_namespace(row[1])
            continue
        while row.getprevious() is not None:
            del row.getparent()[0]
    root: Element = events.root
    return root


def _read(document: bytes, budget: Budget) -> tuple[list[Table], list[Finding]]:
    """Read every table; gives the blocks, or why the reader refuses."""
    blocks: list[Table] = []
    try:
        blocks += read_all(BytesIO(document), budget, doctype=True)
    except BadTable as err:
        match = _LINE.fullmatch(err.message)
        line, message = (int(match[1]), match[2]) if match else (None, err.message)
        return [], [Finding("cells" if "row " in message else "read", message, line)]
    except TooMuch as err:
        return [], [Finding("read", err.message)]
    return blocks, []


def _findings(root: Element, blocks: list[Table]) -> Iterator[Finding]:
    yield from _versions(root)
    known: dict[str, Element] = {}
    for element in root.iter(etree.Element):
        name = element.get("ID")
        if name is None:
            continue
        if name in known:
            line = known[name].sourceline
            yield Finding("id", f"the ID '{name[:40]}' is that of line {line} too", _line(element))
        known.setdefault(name, element)
    for element in root.iter(etree.Element):
        for rule in RULES.get(tag(element), ()):
            for word, message in rule(element, known):
                yield Finding(word, message, _line(element))
    if blocks:
        yield from _cells(root, blocks)


def _versions(root: Element) -> Iterator[Finding]:
    """Check version and namespace, and the whole document by its schema."""
    version = root.get("version", "")
    if version not in _SCHEMAS:
        known = ", ".join(_SCHEMAS)
        yield Finding("version", f"version '{version[:40]}' is none of {known}", _line(root))
        return
    wanted = _NAMESPACE + (version if version < "1.3" else "1.3")
    if etree.QName(root).namespace != wanted:
        yield Finding("namespace", f"VOTable {version} has the namespace {wanted}", _line(root))
        return
    schema = _schema(version)
    if not schema.validate(root):
        log: Any = schema.error_log
        for error in islice(log, _ENOUGH):
            yield Finding("schema", re.sub(r"\{[^}]*\}", "", error.message)[:200], error.line)


@cache
def _schema(version: str) -> etree.XMLSchema:
    source = files("astropy.io.votable").joinpath(f"data/VOTable.v{version}.xsd")
    with as_file(source) as path:
        return etree.XMLSchema(file=str(path))


def _cells(root: Element, blocks: list[Table]) -> Iterator[Finding]:
    """Check what tables say of their cells: the number of rows, and times."""
    tables = [table for table in root.iter("{*}TABLE") if table.find("{*}FIELD") is not None]
    number, rows = -1, 0
    counts: list[int] = []
    for index, block in enumerate(blocks):
        if index == 0 or block.header is not blocks[index - 1].header:
            number, rows = number + 1, 0
            counts.append(0)
        fields = tables[number].findall("{*}FIELD")
        yield from _times(block, fields, rows)
        rows += len(block)
        counts[number] = rows
    for table, count in zip(tables, counts, strict=False):
        said = table.get("nrows")
        if said is not None and said.strip() != str(count):
            yield Finding("nrows", f"nrows is {said[:40]}, but there are {count}", _line(table))


def _times(block: Table, fields: list[Element], before: int) -> Iterator[Finding]:
    """Find the first cell of each column of timestamps that is none."""
    for parameter, column, field in zip(
        block.header.parameters, block.columns, fields, strict=True
    ):
        if parameter.xtype != "timestamp" or column.dtype != object:
            continue
        for row, cell in enumerate(column.tolist(), before + 1):
            if cell and not _TIMESTAMP.fullmatch(str(cell)):
                yield Finding("timestamp", f"row {row}: '{str(cell)[:40]}' is no timestamp of DALI",
                              _line(field))  # fmt: skip
                break


def _line(element: Element) -> int | None:
    found: Any = element
    line: int | None = found.sourceline
    return line
