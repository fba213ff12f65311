"""Snapshots: an output that changes in time, at one of its times or along those of positions."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from interpolation.snapshots import Moments
from vo_server.errors import BadArgument, UnknownResource
from vo_server.model.request import Join
from vo_server.model.resource import Resource
from vo_server.model.time import Times, print_time
from vo_server.ports import Field, FieldSource

Sampled = tuple[NDArray[np.float64], NDArray[np.uint8]]
Rows = slice | NDArray[np.intp]
# Samples a field at some rows of the positions: values (variables, m) and status (m,).
Ask = Callable[[Field, Rows], Sampled]

# How far from a time that is asked for a snapshot may be: FMI's service went as far.
_NEAR = np.timedelta64(180, "s")
_SECOND = np.timedelta64(1, "s")


class Opened(Protocol):
    """An output that is open for sampling along positions."""

    def sample(self, rows: slice, ask: Ask) -> Sampled:
        """Give what `ask` gives, of each snapshot its part where the output changes."""
        ...


@dataclass(frozen=True, slots=True)
class _Still:
    """An output of one time."""

    field: Field

    def sample(self, rows: slice, ask: Ask) -> Sampled:
        return ask(self.field, rows)


@dataclass(frozen=True, slots=True)
class _Changing:
    """An output of many times, opened one after the other; when: (n,) in s since the first."""

    source: FieldSource
    resource: Resource
    names: Sequence[str]
    moments: Moments
    when: NDArray[np.float64]
    join: Join

    def sample(self, rows: slice, ask: Ask) -> Sampled:
        when = self.when[rows]

        def snapshot(i: int, chosen: NDArray[np.intp]) -> Sampled:
            with self.source.field(self.resource.snapshots[i], self.names) as field:
                return ask(field, chosen + rows.start)

        return self.moments.sample(when, len(self.names), snapshot, self.join)


@contextmanager
def open_along(
    source: FieldSource,
    resource: Resource,
    names: Sequence[str],
    times: Times | None,
    join: Join,
    *,
    argument: str,
) -> Iterator[Opened]:
    """Open an output for positions with times (n,); one that does not change needs none.

    names: of as many variables as will be sampled. Of an output that changes one snapshot is open
    at a time. Raises BadArgument where it changes and there are no times, and what the provider
    raises.
    """
    if not resource.snapshots:
        with source.field(resource, names) as field:
            yield _Still(field)
        return
    if times is None:
        raise _unsettled(resource, argument)
    known = np.array([snapshot.time for snapshot in resource.snapshots], "datetime64[ns]")
    when = [(moments - known[0]) / _SECOND for moments in (known, times)]
    yield _Changing(source, resource, names, Moments(when[0]), when[1], join)


def refuse_changing(resource: Resource, *, argument: str) -> None:
    """Raise BadArgument for an output that changes, of which one snapshot has to be named."""
    if resource.snapshots:
        raise _unsettled(resource, argument)


def _unsettled(resource: Resource, argument: str) -> BadArgument:
    return BadArgument(
        f"{resource.id} changes in time: ask for one of its {_told(resource)}, such as "
        f"{resource.snapshots[0].id}, or along positions that have times",
        argument=argument,
    )


def snapshot_at(resource: Resource, time: np.datetime64, *, argument: str) -> Resource:
    """Give the snapshot of an output nearest to a time, the later of two as near.

    Raises UnknownResource where none is within three minutes, or the output does not change.
    """
    if not resource.snapshots:
        raise UnknownResource(
            f"{resource.id} does not change in time; leave out the time in {argument}",
            argument=argument,
        )
    nearest = nearest_snapshot(resource, time)
    assert nearest.time is not None
    if abs(nearest.time - time) > _NEAR:
        raise UnknownResource(
            f"{resource.id} has no snapshot within three minutes of {print_time(time)}; it has "
            f"{_told(resource)}",
            argument=argument,
        )
    return nearest


def nearest_snapshot(resource: Resource, time: np.datetime64) -> Resource:
    """Give the snapshot of a changing output nearest to a time, however far.

    Fractions of seconds, which ids do not tell, do not count.
    """
    known = np.array([s.time for s in resource.snapshots], "datetime64[s]")
    apart = np.abs(known - time.astype("datetime64[s]"))
    return resource.snapshots[len(apart) - 1 - int(np.argmin(apart[::-1]))]


def named_at(resource: Resource, time: np.datetime64 | None) -> str:
    """Give the id of a resource at a time: of its nearest snapshot where it has any."""
    if time is None:
        return resource.id
    return nearest_snapshot(resource, time).id if resource.snapshots else resource.id


def describe_times(resource: Resource, join: Join) -> list[str]:
    """Say how snapshots are joined, in a `Key: value` line; nothing of what does not change."""
    return [f"In time: {join} between {_told(resource)}"] if resource.snapshots else []


def _told(resource: Resource) -> str:
    span = resource.span
    assert span is not None
    last = resource.snapshots[-1].time
    assert last is not None
    return (
        f"{len(resource.snapshots)} snapshots from {print_time(span.start)} to {print_time(last)}"
    )
