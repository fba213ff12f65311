"""Parquet: one file of one row group a block; what a column is stands in its field's metadata.

Integers with `Parameter.null`, logicals and texts that are None, NaT and masked cells are null;
NaN is a number. Complex columns are two. The header's words are JSON in the schema's metadata.

Reading takes files that are not compressed or compressed with Snappy, which cannot make much out
of little; what the footer declares is held against the budget before a page is opened, and texts
stay in their dictionaries until their length is known.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from io import RawIOBase
from typing import Any, BinaryIO

import numpy as np

from vo_server.budget import Budget
from vo_server.errors import BadArgument, BadTable, TooMuch, excerpt
from vo_server.formats.cells import objects
from vo_server.formats.rows import begun, native
from vo_server.formats.scalars import real_header, real_table
from vo_server.formats.source import ROWS, check_columns, check_rows, check_size, whole
from vo_server.formats.statements import header_words, said_of, words_of
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Column, Header, Table

_KEY = b"vo-server"
_CODECS = ("UNCOMPRESSED", "SNAPPY")
_MAX_FOOTER = 16_777_216  # bytes


class ParquetFormat:
    """Apache Parquet; needs the extra `parquet`."""

    name = "parquet"
    extensions = ("parquet", "pq")
    media_type = "application/vnd.apache.parquet"

    def write(self, tables: Iterable[Table]) -> Iterator[bytes]:
        """Write a stream of blocks; raises ValueError where there is none."""
        library = _library()
        first, blocks = begun(tables)
        header = real_header(first)
        schema = _schema(library, header)
        sink = _Sink()
        with library.parquet.ParquetWriter(sink, schema, compression="snappy") as writer:
            for table in blocks:
                pairs = zip(header.parameters, real_table(table, header).columns, strict=True)
                arrays = [_array(library, parameter, column) for parameter, column in pairs]
                if len(table):
                    writer.write_table(library.Table.from_arrays(arrays, schema=schema))
                yield sink.take()
        yield sink.take()

    def read(self, stream: BinaryIO, budget: Budget) -> Iterator[Table]:
        """Read blocks of the columns; raises BadTable for what it does not know, TooMuch."""
        library = _library()
        data = whole(stream, budget)
        if data[:4] != b"PAR1" or data[-4:] != b"PAR1" or len(data) < 12:
            raise BadTable("this is no whole Parquet file")
        if not 0 < int.from_bytes(data[-8:-4], "little") <= min(len(data), _MAX_FOOTER):
            raise BadTable("the footer of the Parquet file is broken or huge")
        try:
            yield from _blocks(library, data, budget)
        except (library.ArrowException, OSError, OverflowError, ValueError) as err:
            raise BadTable("the Parquet file is broken") from err


def _library() -> Any:
    try:
        import pyarrow as library
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as err:
        raise BadArgument(
            "Parquet needs pyarrow; install vo-server with the extra [parquet]", argument="format"
        ) from err
    return library


class _Sink(RawIOBase):
    """Takes what the writer writes, to be handed on piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._place = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._place += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._place

    def take(self) -> bytes:
        """Give what came since the last call."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _schema(library: Any, header: Header) -> Any:
    fields = []
    for parameter in header.parameters:
        words = words_of(parameter)
        if parameter.null is not None:
            words["null"] = str(parameter.null)
        told = {key.encode(): word.encode() for key, word in words.items()}
        whole = parameter.dtype.kind in "iu" and parameter.null is None
        kind = _type(library, parameter)
        fields.append(library.field(parameter.name, kind, not whole, metadata=told))
    meta = {_KEY: json.dumps(header_words(header)).encode()}
    return library.schema(fields, metadata=meta)


def _type(library: Any, parameter: Parameter) -> Any:
    kind = parameter.dtype.kind
    if kind in "OUS":
        base = library.string()
    elif kind == "M":
        base = library.timestamp("ns", tz="UTC")
    elif kind == "b":
        base = library.bool_()
    else:
        base = library.from_numpy_dtype(native(parameter.dtype))
    for size in reversed(parameter.shape):
        base = library.list_(base) if size < 0 else library.list_(base, size)
    return base


def _array(library: Any, parameter: Parameter, column: Column) -> Any:
    kind = _type(library, parameter)
    if parameter.shape or parameter.dtype.kind in "bOUS":
        return library.array(np.ma.getdata(column).tolist(), type=kind)
    mask = None
    if isinstance(column, np.ma.MaskedArray):
        mask, column = np.ma.getmaskarray(column), np.ma.getdata(column)
    elif parameter.null is not None:
        mask = column == parameter.null
    if parameter.dtype.kind == "M":
        column, mask = column.astype("datetime64[ns]"), np.isnat(column)
    else:
        column = np.asarray(column, native(parameter.dtype))
    return library.array(column, type=kind, mask=mask)


def _blocks(library: Any, data: bytes, budget: Budget) -> Iterator[Table]:
    source = library.BufferReader(data)
    schema = library.parquet.read_schema(source)
    check_columns(len(schema))
    parameters = tuple(_parameter(library, field) for field in schema)
    texts = [p.name for p in parameters if p.dtype == TEXT and not p.shape]
    source = library.BufferReader(data)
    file = library.parquet.ParquetFile(source, read_dictionary=texts)
    _check(file.metadata, budget)
    header = said_of(_words(schema.metadata), parameters)
    done = 0
    for batch in file.iter_batches(ROWS, use_threads=False):
        budget.spend()
        done += batch.num_rows
        check_rows(done, budget)
        pairs = zip(parameters, batch.columns, strict=True)
        yield Table(header, tuple(_column(library, p, array, budget) for p, array in pairs))
    if not done:
        yield Table(header, tuple(_empty(parameter) for parameter in parameters))


def _check(metadata: Any, budget: Budget) -> None:
    """Hold what the footer declares against the budget."""
    check_rows(metadata.num_rows, budget)
    size = values = 0
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(index)
            if chunk.compression not in _CODECS:
                raise BadTable(
                    f"columns compressed with {chunk.compression} are not read; use Snappy or none"
                )
            size += chunk.total_uncompressed_size
            values += chunk.num_values
        budget.spend()
    check_size(max(values, 0), 8, budget)
    if size > budget.bytes:
        raise TooMuch(f"the values take more than this node's limit of {budget.bytes} bytes")


def _words(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    try:
        told = json.loads((metadata or {}).get(_KEY, b"{}"))
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _parameter(library: Any, field: Any) -> Parameter:
    words = {
        key.decode(errors="replace"): word.decode(errors="replace")
        for key, word in (field.metadata or {}).items()
    }
    kind, shape = field.type, []
    while library.types.is_list(kind) or library.types.is_fixed_size_list(kind):
        shape.append(kind.list_size if library.types.is_fixed_size_list(kind) else -1)
        kind = kind.value_type
    if shape[1:].count(-1) or len(shape) > 4:
        raise BadTable(f"column {excerpt(field.name)} has arrays within arrays, which are not read")
    dtype = _dtype(library, kind)
    if dtype is None or (shape and dtype.kind in "OM"):
        raise BadTable(f"column {excerpt(field.name)} is of {excerpt(str(kind))}, not read here")
    null = None
    if dtype.kind in "iu" and field.nullable and not shape:
        dtype, null = _nullable(dtype, words.get("null", ""))
    return Parameter(
        field.name,
        dtype,
        words.get("unit"),
        words.get("ucd"),
        words.get("utype"),
        words.get("xtype"),
        words.get("description", ""),
        tuple(shape),
        null,
    )


def _dtype(library: Any, kind: Any) -> np.dtype[np.generic] | None:
    types = library.types
    if types.is_string(kind) or types.is_large_string(kind):
        return TEXT
    if types.is_timestamp(kind):
        return np.dtype("datetime64[ns]")
    if types.is_boolean(kind):
        return np.dtype(np.bool_)
    if types.is_floating(kind) or types.is_integer(kind):
        return native(np.dtype(kind.to_pandas_dtype()))
    return None


def _nullable(dtype: np.dtype[np.generic], told: str) -> tuple[np.dtype[np.generic], int]:
    """Give a type with room for a null, and the null; the one told where there is one."""
    limits = np.iinfo(dtype.str)
    try:
        null = int(told[:40])
    except ValueError:
        null = limits.min - 1
    if limits.min <= null <= limits.max:
        return dtype, null
    if dtype.kind == "u":
        dtype = np.dtype(f"i{min(8, dtype.itemsize * 2)}")
    return dtype, int(np.iinfo(dtype.str).min)


def _empty(parameter: Parameter) -> Column:
    varies = parameter.shape[:1] == (-1,)
    dtype = TEXT if varies or parameter.dtype.kind == "b" else parameter.dtype
    return np.empty((0, *(() if varies else parameter.shape)), dtype)


def _column(library: Any, parameter: Parameter, array: Any, budget: Budget) -> Column:
    if parameter.dtype == TEXT:
        return objects([text or "" for text in _texts(library, array, budget)])
    if parameter.shape[:1] == (-1,):
        column = np.empty(len(array), TEXT)
        for index, cell in enumerate(array.to_pylist()):
            inner = parameter.shape[1:]
            column[index] = np.array(cell or [], parameter.dtype).reshape(-1, *inner)
        return column
    if parameter.dtype.kind == "b":
        flat = objects([]) if not len(array) else np.array(array.to_pylist(), TEXT)
        return flat.reshape(len(array), *parameter.shape)
    for _ in parameter.shape:
        array = array.flatten()
    if parameter.dtype.kind == "M":
        moments = array.cast(library.timestamp("ns", tz="UTC")).to_numpy(zero_copy_only=False)
        return np.asarray(moments, "datetime64[ns]")
    if parameter.null is not None:
        array = array.fill_null(parameter.null) if array.null_count else array
    elif array.null_count and parameter.dtype.kind in "iu":
        raise BadTable(f"column {excerpt(parameter.name)} has arrays with null")
    values = np.asarray(array.to_numpy(zero_copy_only=False), parameter.dtype)
    return values.reshape(-1, *parameter.shape)


def _texts(library: Any, array: Any, budget: Budget) -> list[str | None]:
    """Give texts, once it is known how long they are together."""
    if library.types.is_dictionary(array.type):
        lengths = library.compute.binary_length(array.dictionary).take(array.indices)
        total = library.compute.sum(lengths).as_py() or 0
        if total > budget.bytes:
            raise TooMuch(f"the texts take more than this node's limit of {budget.bytes} bytes")
    texts: list[str | None] = array.to_pylist()
    return texts
