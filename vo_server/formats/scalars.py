"""Scalar real columns for formats that know no others: arrays and complex numbers taken apart."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from vo_server.errors import BadTable, excerpt
from vo_server.model.parameter import Parameter
from vo_server.model.table import Column, Header, Table


def real_header(header: Header) -> Header:
    """Give a header in which a complex column NAME is two, NAME_re and NAME_im."""
    return replace(header, parameters=tuple(_real(header)))


def real_table(table: Table, header: Header) -> Table:
    """Give a block of the columns of `real_header`."""
    return Table(header, tuple(_real_columns(table)), table.notes)


def flat_header(header: Header) -> Header:
    """Give a header of scalars: an array column NAME of k elements is NAME_1 to NAME_k.

    Raises BadTable for arrays of differing length.
    """
    no_arrays_of_differing_length(header)
    return replace(header, parameters=tuple(_flat(real_header(header))))


def flat_table(table: Table, header: Header) -> Table:
    """Give a block of the columns of `flat_header`."""
    columns: list[Column] = []
    for parameter, column in zip(_real(table.header), _real_columns(table), strict=True):
        if parameter.shape:
            columns += list(column.reshape(len(column), int(np.prod(parameter.shape))).T)
        else:
            columns.append(column)
    return Table(header, tuple(columns), table.notes)


def no_arrays_of_differing_length(header: Header) -> None:
    """Raise BadTable where a column has arrays of differing length."""
    for parameter in header.parameters:
        if any(size < 0 for size in parameter.shape):
            raise BadTable(
                f"column {excerpt(parameter.name)} has arrays of differing length, which this "
                "format cannot hold; ask for VOTable or Parquet"
            )


def _real(header: Header) -> Iterator[Parameter]:
    for parameter in header.parameters:
        if parameter.dtype.kind != "c":
            yield parameter
            continue
        dtype = np.zeros(0, parameter.dtype).real.dtype
        yield replace(parameter, name=f"{parameter.name}_re", dtype=dtype)
        yield replace(parameter, name=f"{parameter.name}_im", dtype=dtype)


def _real_columns(table: Table) -> Iterator[Column]:
    for parameter, column in zip(table.header.parameters, table.columns, strict=True):
        if parameter.dtype.kind == "c":
            values = np.asarray(column, parameter.dtype)
            yield values.real
            yield values.imag
        else:
            yield column


def _flat(header: Header) -> Iterator[Parameter]:
    for parameter in header.parameters:
        if not parameter.shape:
            yield parameter
            continue
        for number in range(1, int(np.prod(parameter.shape)) + 1):
            yield replace(parameter, name=f"{parameter.name}_{number}", shape=())
