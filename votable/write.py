"""Writer of VOTable 1.2 to 1.5: TABLEDATA, BINARY and BINARY2, streamed.

Source: IVOA VOTable 1.5 and the schemas of each version.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

from vo_server.formats.rows import Spelling, batches, gathered, text
from vo_server.model.table import Table
from votable.describe import Layout, describe, layout, systems
from votable.encode import Base64, encode, nan_for_null
from votable.markup import Markup, escaped
from votable.words import Serialisation, Words, check

_NOTHING = Words()


def write(
    tables: Iterable[Table],
    version: str = "1.4",
    serialisation: Serialisation = "tabledata",
    words: Words = _NOTHING,
) -> Iterator[bytes]:
    """Write a stream of blocks as the one TABLE of a document, in pieces of 64 kB or more.

    Floats keep their bits, in TABLEDATA as the shortest text that gives them back; times are
    ISO 8601. Null are the cells that a masked array masks, integers equal to `Parameter.null`,
    logicals and texts that are None, and NaT; a float NaN stays NaN. A shape with -1 is of arrays
    whose length differs, each cell an array. A UCD with letters that the schema does not allow is
    left out. Raises ValueError naming what the version has not, for a type that VOTable has no
    datatype for, a stream without a block, or one that has not `Header.rows` rows.
    """
    check(version, serialisation, words)
    return gathered(_document(tables, version, serialisation, words))


def _document(
    tables: Iterable[Table], version: str, serialisation: Serialisation, words: Words
) -> Iterator[str | bytes]:
    blocks = iter(tables)
    first = next(blocks, None)
    if first is None:
        raise ValueError("a table has one block at least")
    known = check(version, serialisation, words)
    plan = layout(first.header, known, serialisation, words)
    xml = Markup()
    xml.begin("VOTABLE", version=version, xmlns=known.namespace)
    xml.begin("RESOURCE", name=words.name, type="results")
    xml.element("INFO", name="QUERY_STATUS", value="OK")
    for number, (name, value) in enumerate(words.infos, 1):
        xml.element("INFO", ID=f"info{number}", name=name, value=value)
    systems(xml, plan.words)
    rows = first.header.rows
    xml.begin(
        "TABLE",
        ID="table",
        name=first.header.name or None,
        nrows=None if rows is None else str(rows),
    )
    describe(xml, plan)
    xml.begin("DATA")
    yield '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.take()
    notes: list[tuple[str, str]] = []
    written = _tabledata if serialisation == "tabledata" else _binary
    known_rows = _counted(_noted(chain((first,), blocks), notes), rows)
    yield from written(known_rows, plan, serialisation.upper())
    xml.end("DATA")
    for number, (name, value) in enumerate(notes, 1):
        xml.element("INFO", ID=f"note{number}", name=name, value=value)
    xml.end("TABLE", "RESOURCE", "VOTABLE")
    yield xml.take()


def _noted(tables: Iterable[Table], notes: list[tuple[str, str]]) -> Iterator[Table]:
    """Pass blocks on and keep what they note."""
    for table in tables:
        notes += table.notes
        yield table


def _counted(tables: Iterable[Table], rows: int | None) -> Iterator[Table]:
    """Pass blocks on; raises ValueError where they are not as many rows as was said."""
    count = 0
    for table in tables:
        count += len(table)
        yield table
    if rows is not None and count != rows:
        raise ValueError(f"a table of {rows} rows has {count}")


def _tabledata(tables: Iterable[Table], plan: Layout, element: str) -> Iterator[str | bytes]:
    yield f"<{element}>\n"
    for table in tables:
        for part in batches(_filled(table)):
            yield "<TR><TD>"
            yield text(part, _SPELLING, _BETWEEN)
            yield "</TD></TR>\n"
    yield f"</{element}>\n"


def _filled(table: Table) -> Table:
    """Make null arrays and complex numbers NaN: readers want as many words as there are numbers."""
    columns = [
        nan_for_null(column, parameter.dtype)
        if parameter.shape or parameter.dtype.kind == "c"
        else column
        for parameter, column in zip(table.header.parameters, table.columns, strict=True)
    ]
    return Table(table.header, tuple(columns), table.notes)


def _binary(tables: Iterable[Table], plan: Layout, element: str) -> Iterator[str]:
    base64 = Base64()
    yield f'<{element}>\n<STREAM encoding="base64">\n'
    for table in tables:
        for part in batches(table, cell=8):
            yield base64.feed(encode(part, plan.datatypes, masked=element == "BINARY2"))
    yield f"{base64.finish()}</STREAM>\n</{element}>\n"


_BETWEEN = "</TD></TR>\n<TR><TD>"
_SPELLING = Spelling(
    separator="</TD><TD>",
    within=" ",
    nan="NaN",
    infinite=("+Inf", "-Inf"),
    null=None,
    logical={True: "T", False: "F", None: "?"},
    text=escaped,
)
