"""BINARY and BINARY2 out: blocks of columns as rows of bytes, and those as base64."""

import binascii
from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from vo_server.model.parameter import Parameter
from vo_server.model.table import Column, Table
from vo_server.model.time import print_times
from votable.binary import CHARACTERS, element

_LINE = 49_152  # bytes of one line of base64, a multiple of 3

Fixed = NDArray[np.generic]  # cells of one size (n, ...), as they lie in the file
Variable = list[bytes]  # cells that begin with their length


class Base64:
    """Takes bytes in pieces and gives their base64 text, which is that of all of them joined."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> str:
        """Give the text of the bytes that make whole groups of three."""
        data = self._rest + data if self._rest else data
        usable = len(data) // 3 * 3
        self._rest = data[usable:]
        lines = [data[i : min(i + _LINE, usable)] for i in range(0, usable, _LINE)]
        return "".join([binascii.b2a_base64(line).decode("ascii") for line in lines])

    def finish(self) -> str:
        """Give the text of the last bytes."""
        return binascii.b2a_base64(self._rest).decode("ascii") if self._rest else ""


def encode(table: Table, datatypes: Sequence[str], *, masked: bool) -> bytes:
    """Give the rows of a block; masked: each begins with its null flags (BINARY2)."""
    pairs = list(zip(table.header.parameters, table.columns, strict=True))
    columns: list[Fixed | Variable] = [
        _cells(parameter, column, datatype)
        for (parameter, column), datatype in zip(pairs, datatypes, strict=True)
    ]
    if masked:
        nulls = [missing(parameter, column) for parameter, column in pairs]
        columns.insert(0, np.packbits(np.column_stack(nulls), axis=1))
    pieces: list[Variable] = []
    for varies, members in groupby(columns, key=lambda cells: isinstance(cells, list)):
        if varies:
            pieces += members  # type: ignore[arg-type]
            continue
        records = _records(list(members), len(table))
        if records.dtype.itemsize and len(pieces) == 0 and _all_fixed(columns):
            return records.tobytes()
        pieces.append(records.view(f"V{records.dtype.itemsize}").tolist())
    return b"".join([cell for row in zip(*pieces, strict=True) for cell in row])


def missing(parameter: Parameter, column: Column) -> NDArray[np.bool_]:
    """Tell for each row (n,) whether its cell is null; NaN is a number."""
    if isinstance(column, np.ma.MaskedArray):
        nulls = np.ma.getmaskarray(column)
    elif parameter.dtype.kind in "iu" and parameter.null is not None and _is_fixed(parameter):
        nulls = np.asarray(column) == parameter.null
    elif parameter.dtype.kind == "M":
        nulls = np.isnat(column)
    elif column.dtype == object:
        flat = column.reshape(-1).tolist()
        nulls = np.array([cell is None for cell in flat], bool).reshape(column.shape)
    else:
        return np.zeros(len(column), bool)
    return np.asarray(nulls.reshape(len(column), -1).all(axis=1))


def _all_fixed(columns: Iterable[Fixed | Variable]) -> bool:
    return not any(isinstance(cells, list) for cells in columns)


def _is_fixed(parameter: Parameter) -> bool:
    return all(size >= 0 for size in parameter.shape)


def _records(columns: Sequence[Fixed | Variable], count: int) -> NDArray[np.void]:
    """Lay cells of one size side by side."""
    arrays = [cells for cells in columns if not isinstance(cells, list)]
    names = [f"f{i}" for i in range(len(arrays))]
    members = [(n, a.dtype, a.shape[1:]) for n, a in zip(names, arrays, strict=True)]
    records: NDArray[np.void] = np.empty(count, np.dtype(members))
    for name, array in zip(names, arrays, strict=True):
        records[name] = array
    return records


def _cells(parameter: Parameter, column: Column, datatype: str) -> Fixed | Variable:
    kind = parameter.dtype.kind
    if datatype in CHARACTERS:
        size, encoding = CHARACTERS[datatype]
        texts = print_times(column) if kind == "M" else _texts(column)
        raw = [text.encode("ascii" if size == 1 else encoding, "replace") for text in texts]
        return [(len(cell) // size).to_bytes(4, "big") + cell for cell in raw]
    dtype = element(datatype)
    if not _is_fixed(parameter):
        arrays = [np.asarray([] if cell is None else cell, dtype) for cell in column]
        return [cell.size.to_bytes(4, "big") + cell.tobytes() for cell in arrays]
    if kind == "b":
        flat = column.reshape(-1).tolist()
        codes = [63 if cell is None else 84 if cell else 70 for cell in flat]  # ? T F
        return np.array(codes, np.uint8).reshape(column.shape)
    if kind in "fc":
        column = nan_for_null(column, parameter.dtype)
    elif isinstance(column, np.ma.MaskedArray):
        column = column.filled(parameter.null or 0)
    return np.asarray(column, parameter.dtype).astype(dtype)


def nan_for_null(column: Column, dtype: np.dtype[np.generic]) -> Column:
    """Give a column of floats or complex numbers with NaN where it is masked."""
    if not isinstance(column, np.ma.MaskedArray) or dtype.kind not in "fc":
        return column
    filled: Column = column.filled(complex(np.nan, np.nan) if dtype.kind == "c" else np.nan)
    return filled


def _texts(column: Column) -> list[str]:
    return ["" if cell is None else str(cell) for cell in np.ma.getdata(column).tolist()]
