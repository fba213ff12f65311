"""Availability: for a time series another one that tells where it has records.

A record is a stretch without gaps, cut at round times, so that it is the same whatever interval
is asked for: `Time` is its first record, `Stop` the end of its last one.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from interpolation.status import Status
from vo_server.model.parameter import Parameter
from vo_server.model.request import SeriesRequest
from vo_server.model.resource import Kind, Resource
from vo_server.model.series import Series
from vo_server.model.table import Header, Table
from vo_server.model.time import TimeInterval, Times
from vo_server.ports import SeriesSource
from vo_server.sampling import STATUS

# Lengths at whose multiples stretches are cut; the longest that cuts a series into some parts.
_CUTS = tuple(
    np.timedelta64(seconds, "s") for seconds in (2_592_000, 86_400, 21_600, 3_600, 600, 60, 10, 1)
)
_PARTS = 20
_GAP = 1.5  # cadences from which on a distance is a gap
_MOMENT = np.dtype("datetime64[ns]")
_EPOCH = np.datetime64(0, "ns")
_HAS_VALUES = (Status.OK, Status.TOUCHES_BODY)


class _Stretches(NamedTuple):
    """First times (n,), last times and numbers of records of stretches."""

    first: Times
    last: Times
    counts: NDArray[np.int_]

    def part(self, chosen: slice) -> "_Stretches":
        """Give some of them."""
        return _Stretches(self.first[chosen], self.last[chosen], self.counts[chosen])


class Availability:
    """Where a series has records; of a virtual spacecraft those that have values."""

    def __init__(self, of: Resource, source: SeriesSource, name: str) -> None:
        assert of.series is not None
        self._of = of
        self._source = source
        series = of.series
        length = series.coverage.stop - series.coverage.start
        self._cut = next((cut for cut in _CUTS if length >= _PARTS * cut), _CUTS[-1])
        self._step = series.cadence or np.timedelta64(10 ** (9 - series.digits), "ns")
        self._gap = None if series.cadence is None else series.cadence * _GAP
        names = [of.parameters[0].name]
        if any(parameter.name == STATUS.name for parameter in of.parameters[1:]):
            names.append(STATUS.name)
        self._names = tuple(names)
        self.resource = replace(
            of,
            id=f"{of.id}/Availability",
            kind=Kind.SERIES,
            title=f"Availability: {of.title}",
            parameters=_columns(of),
            series=self._series(series, name),
        )

    def read(self, request: SeriesRequest) -> Iterator[Table]:
        """Give the stretches that begin in the interval, and some around it."""
        start = request.interval.start - (request.interval.start - _EPOCH) % self._cut
        stop = request.interval.stop + self._cut
        coverage = TimeInterval(start, stop)
        header = Header(self.resource.parameters, self.resource.title)
        held: _Stretches | None = None
        for block in self._source.read(SeriesRequest(self._of, coverage, self._names)):
            times = self._kept(block)
            inside = np.sort(times[coverage.holds(times)])
            if not len(inside):
                continue
            found = self._stretches(inside)
            if held is not None:
                found = self._joined(held, found)
            if len(found.first) > 1:
                yield self._table(header, found.part(slice(None, -1)))
            held = found.part(slice(-1, None))
        if held is not None:
            yield self._table(header, held)

    def _kept(self, block: Table) -> Times:
        times: Times = block.column(self._names[0])
        if STATUS.name in self._names:
            return times[np.isin(block.column(STATUS.name), _HAS_VALUES)]
        return times

    def _stretches(self, times: Times) -> "_Stretches":
        """Give first and last time and number of records of each stretch."""
        begins = np.concatenate([[True], self._breaks(times[:-1], times[1:])])
        first = np.flatnonzero(begins)
        counts = np.diff(first, append=len(times))
        return _Stretches(times[first], times[first + counts - 1], counts)

    def _breaks(self, before: Times, after: Times) -> NDArray[np.bool_]:
        """Tell whether between two records a stretch ends."""
        cut = (before - _EPOCH) // self._cut != (after - _EPOCH) // self._cut
        return np.asarray(cut if self._gap is None else cut | (after - before > self._gap))

    def _joined(self, held: "_Stretches", found: "_Stretches") -> "_Stretches":
        """Put the open stretch of the block before in front."""
        if self._breaks(held.last, found.first[:1])[0]:
            return _Stretches(
                np.concatenate([held.first, found.first]),
                np.concatenate([held.last, found.last]),
                np.concatenate([held.counts, found.counts]),
            )
        first, counts = found.first.copy(), found.counts.copy()
        first[0] = held.first[0]
        counts[0] += held.counts[0]
        return _Stretches(first, found.last, counts)

    def _table(self, header: Header, stretches: "_Stretches") -> Table:
        stop = stretches.last + self._step
        return Table(header, (stretches.first, stop, stretches.counts.astype(np.int32)))

    def _series(self, series: Series, name: str) -> Series:
        return replace(
            series,
            name=name,
            cadence=self._cut,
            sample=series.coverage,
            records=None,
            stamp="begin",
            description=f"Where {series.name} has records: stretches without gaps, cut at round "
            "times.",
            location=(),
            metadata=(),
            resource_id="",
            resource_url="",
            of=self._of.id,
        )


def _columns(of: Resource) -> tuple[Parameter, ...]:
    name = of.series.name if of.series else ""
    return (
        Parameter("Time", _MOMENT, description="first record of a stretch without gaps"),
        Parameter("Stop", _MOMENT, description="end of its last record"),
        Parameter("Records", np.dtype(np.int32), description=f"records of {name} in it"),
    )
