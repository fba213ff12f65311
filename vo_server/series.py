"""Series: the records of a time series in an interval, exactly, in order, each time once.

What a source gives is cut into chunks of a fixed number of records first, so that the outcome
does not depend on how the source split it.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from vo_server.budget import Budget
from vo_server.errors import BadFile
from vo_server.model.parameter import Parameter
from vo_server.model.request import SeriesRequest
from vo_server.model.table import Header, Table, concatenate
from vo_server.ports import SeriesSource

# Records of a chunk; records may come late by as many and still find their place.
ROWS = 2048


def read(
    request: SeriesRequest, source: SeriesSource, budget: Budget
) -> Generator[Table, None, None]:
    """Give the records whose times lie in [start, stop), strictly increasing in time.

    Columns are those named, in that order. Of records with the same time the first is kept.
    Raises BadFile where a time lies further back than a chunk of records can mend, or is no time.
    """
    yield from _ordered(_chunks(_chosen(source.read(request), request, budget), ROWS))


def _chosen(blocks: Iterable[Table], request: SeriesRequest, budget: Budget) -> Iterator[Table]:
    """Give the wanted columns of the records in the interval."""
    interval, header = request.interval, None
    for block in blocks:
        budget.spend()
        if header is None:
            header = _header(block.header, request.names)
        columns = tuple(block.column(name) for name in request.names)
        times = columns[0]
        if np.isnat(times).any():
            raise BadFile(f"a record of {request.resource.id} has no time")
        inside = interval.holds(times)
        if not inside.all():
            first, last = _run(inside)
            chosen = slice(first, last) if inside[first:last].all() else inside
            columns = tuple(column[chosen] for column in columns)
        if len(columns[0]):
            yield Table(header, columns)


def _run(inside: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> tuple[int, int]:
    """Give the bounds of the part in which all true values lie."""
    found = np.flatnonzero(inside)
    return (int(found[0]), int(found[-1]) + 1) if len(found) else (0, 0)


def _header(header: Header, names: Sequence[str]) -> Header:
    parameters: dict[str, Parameter] = {p.name: p for p in header.parameters}
    return replace(header, parameters=tuple(parameters[name] for name in names))


def _chunks(blocks: Iterable[Table], rows: int) -> Iterator[Table]:
    """Give the same records in blocks of exactly `rows`, but for the last."""
    waiting: list[Table] = []
    count = 0
    for block in blocks:
        start = 0
        while count + len(block) - start >= rows:
            end = start + rows - count
            waiting.append(_slice(block, start, end))
            yield concatenate(waiting)
            waiting, count, start = [], 0, end
        if start < len(block):
            waiting.append(_slice(block, start, len(block)))
            count += len(block) - start
    if waiting:
        yield concatenate(waiting)


def _slice(block: Table, start: int, end: int) -> Table:
    return Table(block.header, tuple(column[start:end] for column in block.columns))


def _ordered(chunks: Iterable[Table]) -> Iterator[Table]:
    """Give records in the order of their times, without those that repeat a time."""
    held: Table | None = None
    last: np.datetime64 | None = None
    for chunk in chunks:
        if held is not None and _increases(chunk.columns[0], held.columns[0][-1]):
            ready, held = held, chunk
        else:
            merged = _sorted(chunk if held is None else concatenate([held, chunk]))
            keep = max(len(merged) - ROWS, 0)
            ready, held = _slice(merged, 0, keep), _slice(merged, keep, len(merged))
        if len(ready):
            _check(ready, last)
            last = ready.columns[0][-1]
            yield ready
    if held is not None:
        _check(held, last)
        yield held


def _increases(times: "np.ndarray[tuple[int], np.dtype[np.datetime64]]", last: object) -> bool:
    return bool(times[0] > last and (times[1:] > times[:-1]).all())


def _sorted(table: Table) -> Table:
    """Give the records in order, of those with the same time the first."""
    times = table.columns[0]
    if (times[1:] > times[:-1]).all():
        return table
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    order = order[np.concatenate([[True], ordered[1:] > ordered[:-1]])]
    return Table(table.header, tuple(column[order] for column in table.columns))


def _check(table: Table, last: np.datetime64 | None) -> None:
    """Raise BadFile where records come later than could be mended."""
    if last is not None and table.columns[0][0] <= last:
        raise BadFile(
            f"records of {table.header.name or 'the series'} are out of order by more than {ROWS}"
        )
