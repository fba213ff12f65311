"""Columns of a time series: those of its files, as `dataset.toml` wants them published."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_server.errors import BadFile, excerpt
from vo_server.formats.scalars import real_header, real_table
from vo_server.model.dataset import Column, DatasetFile
from vo_server.model.parameter import REAL, TEXT, Parameter
from vo_server.model.table import Header, Table
from vo_server.model.time import Times
from vo_server.roles import times

_INTEGER = np.dtype(np.int64)
_KINDS: dict[str, np.dtype[Any]] = {"double": REAL, "integer": _INTEGER, "string": TEXT}
_TIME = "Time"
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class _Made:
    """A published column and the files' columns that it is made of."""

    parameter: Parameter
    sources: tuple[str, ...]
    missing: tuple[float, ...] = ()


class Columns:
    """How the columns of a dataset come out of a file's block; the first is the time."""

    def __init__(self, dataset: DatasetFile, sample: Table) -> None:
        self._dataset = dataset
        header = real_header(sample.header)
        self._time = _time_column(dataset, sample)
        told = {column.name: column for column in dataset.parameters}
        taken = {source for column in told.values() for source in column.sources}
        known = {p.name: p for p in header.parameters}
        made: list[_Made] = []
        for name, parameter in known.items():
            if name == self._time or name in dataset.drop or name in taken - set(told):
                continue
            if name in told and told[name].sources:
                continue
            made.append(self._made(told.get(name) or Column(name=name), [parameter]))
        for column in dataset.parameters:
            if column.sources:
                made.append(self._made(column, self._sources(column, known)))
            elif column.name not in known:
                raise BadFile(f"the files have no column {column.name}")
        self._columns = made
        self._check()
        time = Parameter(_TIME, np.dtype("datetime64[ns]"), description="time of the record")
        self.header = Header((time, *(item.parameter for item in made)), dataset.title)

    @property
    def time(self) -> str:
        """Name of the files' column of times."""
        return self._time

    def publish(self, block: Table) -> Table:
        """Give a file's block as it is published; raises BadFile where columns are missing."""
        block = real_table(block, real_header(block.header))
        moments = _moments(block, self._time)
        return Table(self.header, (moments, *(self._column(item, block) for item in self._columns)))

    def _sources(self, column: Column, known: dict[str, Parameter]) -> list[Parameter]:
        for source in column.sources:
            if source not in known:
                raise BadFile(f"the files have no column {source[:40]} for {column.name}")
        return [known[source] for source in column.sources]

    def _made(self, column: Column, found: Sequence[Parameter]) -> _Made:
        """Publish a column as the files and the dataset file say together."""
        first = found[0]
        shape = first.shape if len(found) == 1 else (len(found), *first.shape)
        if any(p.shape != first.shape for p in found):
            raise BadFile(f"the columns of {column.name} have different shapes")
        dtype = first.dtype if len(found) == 1 else np.result_type(*(p.dtype for p in found))
        if column.kind is not None:
            dtype = _KINDS[column.kind]
        elif column.missing and dtype.kind in "iu":
            dtype = REAL
        units = {p.unit for p in found}
        unit = column.unit or (units.pop() if len(units) == 1 else None)
        size = int(np.prod(shape))
        for what, given in (("units", column.units), ("labels", column.labels)):
            if given and len(given) != size:
                raise BadFile(f"{column.name}: {len(given)} {what} for {size} elements")
        if column.bins and len(column.bins) != len(shape):
            raise BadFile(f"{column.name}: {len(column.bins)} bins for {len(shape)} dimensions")
        parameter = replace(
            first,
            name=column.name,
            dtype=dtype,
            shape=shape,
            unit=unit,
            units=column.units,
            ucd=column.ucd or first.ucd,
            description=column.description or first.description,
            label=column.label or first.label,
            labels=column.labels,
            fill=column.fill if column.fill is not None else first.fill,
            length=column.length or first.length,
            frame=column.frame or first.frame,
            components=column.components or first.components,
            bins=tuple(d.bins() for d in column.bins) or first.bins,
            media_type=column.media_type,
            null=first.null if dtype.kind in "iu" else None,
        )
        return _Made(parameter, tuple(p.name for p in found), column.missing)

    def _check(self) -> None:
        """Raise BadFile where names clash, or bins refer to what is not there."""
        for item in self._columns:
            name = item.parameter.name
            if not name or not name.isprintable() or "," in name or len(name) > _LONGEST_NAME:
                raise BadFile(f"{excerpt(name)} is no name of a parameter: give it another one")
        names = [_TIME.lower(), *(item.parameter.name.lower() for item in self._columns)]
        if doubled := {name for name in names if names.count(name) > 1}:
            raise BadFile(f"two columns are called {', '.join(sorted(doubled))}")
        for item in self._columns:
            for bins in item.parameter.bins:
                for told in (bins.centers, bins.ranges):
                    if isinstance(told, str) and told.lower() not in names:
                        raise BadFile(f"the bins of {item.parameter.name} name no column {told}")

    def _column(self, item: _Made, block: Table) -> NDArray[Any]:
        columns = []
        for source in item.sources:
            index = block.header.index(source)
            if index is None:
                raise BadFile(f"a file has no column {source[:40]}")
            columns.append(_values(item, block.header.parameters[index], block.columns[index]))
        column = columns[0] if len(columns) == 1 else np.stack(columns, axis=1)
        if column.shape[1:] != item.parameter.shape:
            raise BadFile(f"{item.parameter.name} has another shape in one of the files")
        return column


def _values(item: _Made, parameter: Parameter, column: NDArray[Any]) -> NDArray[Any]:
    """Give a file's column in the published type, NaN or the null where there is no value."""
    wanted = item.parameter.dtype
    kind = column.dtype.kind
    if wanted.kind == "M" or wanted.kind == kind == "O":
        return column
    if wanted.kind == "O":
        return np.array([str(cell) for cell in column.tolist()], object)
    if kind not in "iufb":
        raise BadFile(f"{item.parameter.name} is not of numbers in one of the files")
    if wanted.kind in "iu":
        return _integers(item, parameter, column)
    values = np.array(column, np.float64) if wanted == REAL else column
    missing = np.isin(column, item.missing) if item.missing else np.zeros(column.shape, bool)
    if parameter.null is not None and kind in "iu":
        missing |= column == parameter.null
    if missing.any():
        values = np.where(missing, np.nan, values)
    return values


def _integers(item: _Made, parameter: Parameter, column: NDArray[Any]) -> NDArray[Any]:
    """Give integers; where a file has others than the first one, they must be whole."""
    null = item.parameter.null if item.parameter.null is not None else parameter.null
    if column.dtype.kind == "f":
        known = np.isfinite(column)
        if (np.rint(column[known]) != column[known]).any() or (null is None and not known.all()):
            raise BadFile(f"{item.parameter.name} is not whole in one of the files")
        return np.where(known, column, null or 0).astype(np.int64)
    if parameter.null not in (None, item.parameter.null):
        if item.parameter.null is None:
            if (column == parameter.null).any():
                raise BadFile(f"{item.parameter.name} has gaps in some files: give it a fill")
            return column
        return np.where(column == parameter.null, item.parameter.null, column)
    return column


def _time_column(dataset: DatasetFile, sample: Table) -> str:
    """Find the column of times."""
    header = sample.header
    if dataset.time is not None:
        if header.index(dataset.time) is None:
            raise BadFile(f"the files have no column {dataset.time[:40]}")
        _moments(sample, dataset.time)
        return dataset.time
    kinds = [p.name for p in header.parameters if p.dtype.kind == "M"]
    if len(kinds) == 1:
        return kinds[0]
    names = [p.name for p in header.parameters if p.name.lower() in ("time", "epoch", "date")]
    for name in (*names, *(p.name for p in header.parameters)):
        index = header.index(name)
        assert index is not None
        one = Table(Header((header.parameters[index],)), (sample.columns[index],))
        if header.parameters[index].dtype.kind in "OM" and _read_times(one, name) is not None:
            return name
    raise BadFile("no column of ISO 8601 times is found; name it as `time`")


def _read_times(one: Table, name: str) -> Times | None:
    parameter = replace(one.header.parameters[0], name="time")
    return times(Table(Header((parameter,)), one.columns), argument=name)


def _moments(block: Table, name: str) -> Times:
    """Give the times of a block."""
    index = block.header.index(name)
    if index is None:
        raise BadFile(f"a file has no column {name[:40]}")
    one = Table(Header((block.header.parameters[index],)), (block.columns[index],))
    found = _read_times(one, name)
    if found is None:
        raise BadFile(f"column {name[:40]} is not of ISO 8601 times")
    if np.isnat(found).any():
        raise BadFile(f"column {name[:40]} has a record without a time")
    return found
