"""ECSV 1.0 (APE 6): CSV below a header of comment lines in YAML that tells types and units.

    # %ECSV 1.0
    # ---
    # delimiter: ','
    # datatype:
    # - {name: X, unit: km, datatype: float64, meta: {ucd: pos.cartesian.x}}
    # meta: {name: Mars_RunB}
    X
    -4061.77

A missing number, logical or text is an empty cell, a missing float `nan`. Array columns become
one column an element, complex ones two; times are ISO 8601 text of the datatype string, with the
xtype `timestamp`. Reading takes scalar columns; a cell of several numbers is refused.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, BinaryIO

import numpy as np

from vo_server.budget import Budget
from vo_server.errors import BadTable, excerpt
from vo_server.formats.cells import NotANumber, integers, objects, reals
from vo_server.formats.csv import quote
from vo_server.formats.rows import Spelling, batches, begun, gathered, text
from vo_server.formats.scalars import flat_header, flat_table
from vo_server.formats.source import (
    MAX_LINE,
    ROWS,
    check_columns,
    check_rows,
    check_size,
    lines,
    text_of,
)
from vo_server.formats.statements import header_words, said_of, words_of
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Column, Header, Table

_MAX_HEADER = 1_048_576  # characters of YAML
_NULL = int(np.iinfo(np.int64).min)
_TYPES = {
    "bool": np.dtype(np.bool_),
    **{name: np.dtype(name) for name in ("int8", "int16", "int32", "int64")},
    **{name: np.dtype(name) for name in ("uint8", "uint16", "uint32")},
    "float16": np.dtype(np.float32),
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
    "float128": np.dtype(np.float64),
    "string": TEXT,
}
_LOGICALS: dict[str, bool | None] = {"true": True, "false": False, "1": True, "0": False, "": None}
_SPELLING = Spelling(
    separator=",",
    within=" ",
    nan="nan",
    infinite=("inf", "-inf"),
    null="",
    logical={True: "True", False: "False", None: ""},
    text=quote,
)


class EcsvFormat:
    """Enhanced character-separated values."""

    name = "ecsv"
    extensions = ("ecsv",)
    media_type = "text/x-ecsv"

    def write(self, tables: Iterable[Table]) -> Iterator[bytes]:
        """Write a stream of blocks; notes of the last ones find no place, as the header is first.

        Raises ValueError where there is no block.
        """
        yield from gathered(_texts(tables))

    def read(self, stream: BinaryIO, budget: Budget) -> Iterator[Table]:
        """Read blocks of scalar columns of the declared types.

        Raises BadTable naming the line, TooMuch beyond the budget's bytes, points or seconds.
        """
        data = text_of(stream, budget, "ECSV")
        header, delimiter = _header(data)
        done = 0
        for number, cells in _blocks(data, delimiter, header):
            budget.spend()
            done += len(cells)
            check_rows(done, budget)
            check_size(done, 8 * len(header.parameters), budget)
            columns = zip(*cells, strict=True)
            pairs = zip(header.parameters, columns, strict=True)
            yield Table(header, tuple(_column(p, list(c), number) for p, c in pairs))
        if not done:
            empty = tuple(np.empty(0, _held(p.dtype)) for p in header.parameters)
            yield Table(header, empty)


def _held(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    return TEXT if dtype.kind == "b" else dtype


def _texts(tables: Iterable[Table]) -> Iterator[str | bytes]:
    first, blocks = begun(tables)
    header = flat_header(first)
    yield "# %ECSV 1.0\n# ---\n# delimiter: ','\n# datatype:\n"
    for parameter in header.parameters:
        yield f"# - {_yaml(_described(parameter))}\n"
    meta = header_words(header)
    if meta:
        yield f"# meta: {_yaml(meta)}\n"
    yield ",".join(quote([p.name for p in header.parameters])) + "\n"
    for table in blocks:
        for part in batches(flat_table(table, header)):
            # The empty cell of a lone column would be a blank line, which means nothing.
            yield text(part, _SPELLING, blank='""') + b"\n"


def _described(parameter: Parameter) -> dict[str, Any]:
    kind, told = parameter.dtype.kind, words_of(parameter)
    datatype = {"b": "bool", "O": "string", "U": "string", "S": "string", "M": "string"}
    description, unit = told.pop("description", None), told.pop("unit", None)
    words = {
        "name": parameter.name,
        "unit": unit,
        "datatype": datatype.get(kind, parameter.dtype.newbyteorder("=").name),
        "description": description,
        "meta": told or None,
    }
    return {key: word for key, word in words.items() if word is not None}


def _yaml(value: Any) -> str:
    """Give YAML on one line: JSON is YAML."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _header(data: bytes) -> tuple[Header, str]:
    """Read the header; gives the delimiter too."""
    taken: list[str] = []
    size = 0
    for _, line in lines(data):
        if not line.startswith("#"):
            break
        size += len(line)
        if size > _MAX_HEADER:
            raise BadTable("the ECSV header has more than 1 MB")
        taken.append(line[1:].removeprefix(" "))
    if not taken or not taken[0].startswith("%ECSV"):
        raise BadTable("the table does not begin with '# %ECSV'")
    tree = _tree("".join(taken[1:]))
    told = tree.get("datatype")
    if not isinstance(told, list) or not told:
        raise BadTable("the ECSV header declares no columns")
    check_columns(len(told))
    meta = tree.get("meta")
    delimiter = tree.get("delimiter", " ")
    if delimiter not in (" ", ","):
        raise BadTable(f"the delimiter {excerpt(str(delimiter))} is none of ECSV")
    parameters = tuple(_parameter(column) for column in told)
    return said_of(meta if isinstance(meta, dict) else {}, parameters), delimiter


def _tree(text: str) -> dict[str, Any]:
    """Read YAML that has no aliases, tags of its own are taken for what they stand on."""
    import yaml

    class Plain(yaml.SafeLoader):  # type: ignore[misc]  # yaml is untyped
        """Reads any tag as the plain value behind it; mappings in order (!!omap) as mappings."""

    def plain(loader: Any, suffix: str, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            parts = loader.construct_sequence(node, deep=True)
            if "omap" in suffix and all(isinstance(part, dict) for part in parts):
                return {key: value for part in parts for key, value in part.items()}
            return parts
        return loader.construct_scalar(node)

    Plain.add_multi_constructor("!", plain)
    Plain.add_multi_constructor("tag:yaml.org,2002:omap", plain)
    Plain.add_constructor(
        "tag:yaml.org,2002:omap", lambda loader, node: plain(loader, "omap", node)
    )
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.AliasToken):
                raise BadTable("the ECSV header has a YAML alias, which is not read")
        tree = yaml.load(text, Loader=Plain)  # noqa: S506  # a safe loader
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as err:
        raise BadTable("the ECSV header is no YAML that can be read") from err
    if not isinstance(tree, dict):
        raise BadTable("the ECSV header is no mapping of names")
    return tree


def _parameter(told: Any) -> Parameter:
    if not isinstance(told, Mapping) or not isinstance(told.get("name"), str):
        raise BadTable("the ECSV header has a column without a name")
    name, word = told["name"], told.get("datatype")
    if not isinstance(word, str) or word not in _TYPES or told.get("subtype"):
        said = told.get("subtype") or word
        raise BadTable(f"column {excerpt(name)} is of {excerpt(str(said))}, which is not read")
    dtype, meta = _TYPES[word], told.get("meta")
    words = {key: str(value) for key, value in meta.items()} if isinstance(meta, Mapping) else {}
    unit, description = told.get("unit"), told.get("description")
    null = _NULL if dtype.kind in "iu" else None
    return Parameter(
        name,
        np.dtype(np.int64) if dtype.kind in "iu" else dtype,
        str(unit) if unit else None,
        words.get("ucd"),
        words.get("utype"),
        words.get("xtype"),
        str(description or ""),
        null=null,
    )


def _blocks(data: bytes, delimiter: str, header: Header) -> Iterator[tuple[int, list[list[str]]]]:
    """Give blocks of rows and the line of the last; raises BadTable for a row of another length."""
    reader = _Rows(data, delimiter)
    records = iter(reader)
    names = next(records, None)
    if names != [parameter.name for parameter in header.parameters]:
        raise BadTable("the line of column names is not that of the ECSV header")
    while block := list(islice(records, ROWS)):
        for cells in block:
            if len(cells) != len(header.parameters):
                raise BadTable(
                    f"a row before line {reader.line + 1} has {len(cells)} cells, "
                    f"the table {len(header.parameters)} columns"
                )
        yield reader.line, block


class _Rows:
    """The rows below the header."""

    def __init__(self, data: bytes, delimiter: str) -> None:
        self._data = data
        self._delimiter = delimiter
        self._length = 0
        self.line = 0

    def __iter__(self) -> Iterator[list[str]]:
        blank = self._delimiter == " "
        try:
            for cells in csv.reader(
                self._lines(), delimiter=self._delimiter, skipinitialspace=blank, strict=True
            ):
                self._length = 0
                if cells:
                    yield cells
        except csv.Error as err:
            raise BadTable(f"line {self.line}: this is no row of ECSV ({err})") from err

    def _lines(self) -> Iterator[str]:
        header = True
        for number, line in lines(self._data):
            self.line = number
            header = header and line.startswith("#")
            if header:
                continue
            self._length += len(line)
            if self._length > MAX_LINE:
                raise BadTable(f"line {number}: the row has more than 1 MB")
            yield line


def _column(parameter: Parameter, cells: list[str], line: int) -> Column:
    kind = parameter.dtype.kind
    try:
        if kind == "f":
            with np.errstate(over="ignore"):
                return reals(cells).astype(parameter.dtype)
        if kind == "i":
            return integers(cells, _NULL)
        if kind == "b":
            return objects([_LOGICALS[cell.strip().lower()] for cell in cells])
    except (NotANumber, KeyError) as err:
        raise BadTable(
            f"column {excerpt(parameter.name)}, before line {line + 1}: a cell is no "
            f"{parameter.dtype.name}"
        ) from err
    return objects(cells)
