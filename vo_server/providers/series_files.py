"""Files of a time series: found by a pattern with times, and read as blocks of columns."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vo_server import plugins
from vo_server.budget import Budget
from vo_server.errors import BadFile, Refusal
from vo_server.formats import cf
from vo_server.formats.cells import objects
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Column, Header, Table
from vo_server.providers.netcdf_file import attribute, opened
from vo_server.providers.stamp import stamp

# One file is read whole where its format is read that way.
_FILE_BYTES = 4 * 2**30
_FILE_POINTS = 200_000_000
_SLAB = 65_536  # rows of a netCDF-4 file that are read at a time
_FIELDS = {"%Y": r"\d{4}", "%m": r"\d{2}", "%d": r"\d{2}", "%j": r"\d{3}", "%H": r"\d{2}",
           "%M": r"\d{2}", "%S": r"\d{2}"}  # fmt: skip
_HDF = b"\x89HDF"


class Pattern:
    """Names of files in a folder, such as `%Y/mag_%Y%m%d_v*.csv`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.timed = "%Y" in text
        parts = re.split(r"(%[YmdjHMS]|\*)", text)
        wild = "".join("*" if part in (*_FIELDS, "*") else part for part in parts)
        self._glob = re.sub(r"\*+", "*", wild)
        named: set[str] = set()
        self._match = re.compile("".join(_expression(part, named) for part in parts))

    def files(self, folder: Path) -> list[tuple[np.datetime64 | None, Path]]:
        """Give the files that match, in the order of their times, else names, with the time.

        Raises BadFile for a name whose numbers are no time of the calendar.
        """
        found: list[tuple[np.datetime64 | None, Path]] = []
        for path in sorted(folder.glob(self._glob)):
            match = self._match.fullmatch(path.relative_to(folder).as_posix())
            if match is not None and path.is_file():
                found.append((self._time(match.groupdict(), path), path))
        if self.timed:
            found.sort(key=lambda item: (item[0], item[1].name))
        return found

    def _time(self, fields: dict[str, str], path: Path) -> np.datetime64 | None:
        if not self.timed:
            return None
        year, clock = fields["Y"], "T{H}:{M}:{S}"
        try:
            day = np.datetime64(f"{year}-{fields.get('m', '01')}-{fields.get('d', '01')}")
            if "j" in fields:
                day = np.datetime64(f"{year}-01-01") + np.timedelta64(int(fields["j"]) - 1, "D")
            hours = clock.format(**{key: fields.get(key, "00") for key in "HMS"})
            return np.datetime64(f"{day}{hours}", "ns")
        except ValueError as err:
            raise BadFile(f"the name of {path.name} tells no time of the calendar") from err


def _expression(part: str, named: set[str]) -> str:
    """Give the expression that a part of a pattern stands for; a field is named once."""
    if part == "*":
        return r"[^/]*"
    if part not in _FIELDS:
        return re.escape(part)
    field = part[1]
    if field in named:
        return f"(?P={field})"
    named.add(field)
    return f"(?P<{field}>{_FIELDS[part]})"


def read_file(path: Path, form: str | None) -> Iterator[Table]:
    """Read the columns of a file in blocks; raises BadFile, also where it changes meanwhile."""
    before = stamp(path)
    try:
        with path.open("rb") as stream:
            if form is None and stream.read(4) == _HDF:
                blocks = _netcdf4(path)
            else:
                stream.seek(0)
                reader = plugins.format_named(form or path.suffix)
                blocks = reader.read(stream, Budget(_FILE_POINTS, bytes=_FILE_BYTES, seconds=3600))
            for block in blocks:
                yield from _cut(block)
    except OSError as err:
        raise BadFile(f"{path.name} cannot be read: {err.strerror}") from err
    except BadFile:
        raise
    except Refusal as err:
        raise BadFile(f"{path.name}: {err.message}") from err
    if stamp(path) != before:
        raise BadFile(f"{path.name} changed while it was read")


def _cut(block: Table) -> Iterator[Table]:
    """Give a large block in pieces."""
    for start in range(0, len(block), _SLAB):
        yield Table(block.header, tuple(c[start : start + _SLAB] for c in block.columns))


def _netcdf4(path: Path) -> Iterator[Table]:
    """Read a netCDF-4 file slab by slab; it is closed between them, as its lock is everybody's."""
    before = stamp(path)
    start, total = 0, 1
    while start < total:
        with opened(path) as dataset:
            rows = _rows(dataset, path)
            total = len(dataset.dimensions[rows])
            chosen = [
                variable
                for variable in dataset.variables.values()
                if variable.dimensions[:1] == (rows,) and rows not in variable.dimensions[1:]
            ]
            pairs = [_decoded(v, slice(start, start + _SLAB)) for v in chosen]
            name = attribute(dataset, "title") or ""
        if stamp(path) != before:
            raise BadFile(f"{path.name} changed while it was read")
        header = Header(tuple(parameter for parameter, _ in pairs), name)
        yield Table(header, tuple(column for _, column in pairs))
        start += _SLAB


def _rows(dataset: Any, path: Path) -> str:
    """Give the dimension of the records: that of the one variable of times, else the unlimited."""
    timed = {
        variable.dimensions[0]
        for variable in dataset.variables.values()
        if len(variable.dimensions) == 1 and " since " in str(getattr(variable, "units", ""))
    }
    unlimited = {name for name, size in dataset.dimensions.items() if size.isunlimited()}
    for names in (timed, unlimited):
        if len(names) == 1:
            return str(names.pop())
    raise BadFile(f"{path.name} has no variable of times along one dimension")


def _decoded(variable: Any, rows: slice) -> tuple[Parameter, Column]:
    """Give some rows of a variable as a column."""
    variable.set_auto_maskandscale(False)
    variable.set_auto_chartostring(False)
    data = np.asarray(variable[rows])
    unit = attribute(variable, "units")
    told = attribute(variable, "long_name") or ""
    parameter = Parameter(variable.name, TEXT, unit, attribute(variable, "ucd"), description=told)
    if data.dtype.kind == "S":
        width = data.shape[-1] if data.ndim > 1 else 1
        cells = np.ascontiguousarray(data).reshape(-1).view(f"S{width}").tolist()
        return parameter, objects([cell.decode(errors="replace") for cell in cells])
    if data.dtype.kind in "OU":
        return parameter, objects(data.tolist())
    attributes = {
        key: np.atleast_1d(value)
        for key in ("_FillValue", "missing_value", "scale_factor", "add_offset")
        if not isinstance(value := getattr(variable, key, ""), str)
    }
    values, null = cf.unpacked(np.array(data), attributes)
    moments = cf.times(values, unit, attribute(variable, "calendar")) if unit else None
    if moments is not None and moments.ndim == 1:
        dtype: np.dtype[np.generic] = moments.dtype
        return replace(parameter, dtype=dtype, unit=None, xtype="timestamp"), moments
    return replace(parameter, dtype=values.dtype, shape=values.shape[1:], null=null), values


def first_block(blocks: Iterable[Table], path: Path) -> Table:
    """Give the first block of a file that has records; raises BadFile where none has."""
    for block in blocks:
        if len(block):
            return block
    raise BadFile(f"{path.name} has no records")


def names_of(parameters: Sequence[Parameter]) -> str:
    """Name columns for a message."""
    return ", ".join(parameter.name[:40] for parameter in parameters[:20])
