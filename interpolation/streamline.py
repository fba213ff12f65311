"""Field lines and stream lines: many at a time, with steps of one length or of an accuracy."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from interpolation import engine
from interpolation.body import Sphere, refuse_images
from interpolation.counts import check_count
from interpolation.ends import Reasons
from interpolation.layout import Group
from interpolation.locate import points_array
from interpolation.march import March, Record
from interpolation.rectilinear import Floats
from interpolation.vector import GridVector
from interpolation.walls import Corner, Walls, box

Vector = Callable[[Floats], Floats]
Spend = Callable[[int], None]

# Steps that a compiled kernel takes before the caller is asked whether to go on.
_WORK = 200_000
# Points for which a compiled kernel is given room at a time.
_ROOM = 65_536
# Lines for which one more thread is worth its beginning.
_LEAST = 64
# Of the vector that is followed.
_COMPONENTS = 3


@dataclass(frozen=True, slots=True)
class TraceLimits:
    """Step length and what ends a line; lengths in the unit of the seeds (metres).

    A line ends on the sphere of `radius` round `centre`, on the faces of the box `region` (lower
    corner, upper corner), and after `max_steps` steps. With a `tolerance` steps are chosen by
    the method of Dormand and Prince (1980) so that the error of each is at most that long,
    and `step` is the longest; without, all are `step` long, by the classical method of Runge
    and Kutta. `closure` is how near a line must come to its seed, in steps, to be a closed
    loop, and with a tolerance also within what the errors of its steps may add up to; 0 for
    lines that go round again. Raises ValueError, naming the limit, if one makes no sense.
    """

    step: float
    max_steps: int
    radius: float | None = None
    centre: Corner = (0.0, 0.0, 0.0)
    region: tuple[Corner, Corner] | None = None
    tolerance: float | None = None
    closure: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.step < np.inf:
            raise ValueError(f"step is {self.step}; it must be positive and finite")
        check_count("max_steps", self.max_steps)
        if self.tolerance is not None and not 0 < self.tolerance < np.inf:
            raise ValueError(f"tolerance is {self.tolerance}; it must be positive and finite")
        if not 0 <= self.closure < 1:
            raise ValueError(f"closure is {self.closure}; it must be at least 0 and below 1")
        if self.radius is not None:
            Sphere(self.centre, self.radius)
        if self.region is not None:
            box("region", self.region)


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """The lines of n seeds: points[offsets[i]:offsets[i + 1]] is line i, from its seed on.

    points: (N, 3) float64. offsets: (n + 1,) intp. reasons: (n,) uint8, see EndReason.
    """

    points: Floats
    offsets: npt.NDArray[np.intp]
    reasons: Reasons


def trace(
    vector: Vector,
    seeds: npt.ArrayLike,
    limits: TraceLimits,
    direction: int,
    *,
    domain: tuple[npt.ArrayLike, npt.ArrayLike],
    spend: Spend | None = None,
) -> Lines:
    """Follow a vector from each seed, (n, 3), along it (direction 1) or against it (-1).

    `vector` gives the vectors (m, 3) at points (m, 3), NaN where there is none; only their
    direction counts. A `GridVector` is followed by compiled kernels where there are any, many
    seeds on all processors, with the same numbers. `domain` is the lower and upper corner of the
    box in which the vector is defined. `spend` is called now and then, by one thread at a time,
    with the number of points so far and may stop the work by raising.

    A step that would end beyond a wall, or find no vector there, is shortened until the line
    ends on the wall, to 1e-9 of a step, or to a thousandth where it grazes the body; so is one
    that would pass through the body deeper than its turn explains. A line that passes beside the
    wall after all goes on. A step
    that turns back beside a null of the vector ends the line there, as NULL_FIELD. A step that
    finds no vector elsewhere is not taken: the line ends as MASKED, or as NULL_FIELD where the
    vector is zero. The line of a BAD_SEED is the seed alone. Raises ValueError for another
    direction, for seeds or a domain of another shape, for a vector that has not three components,
    or for a radius on a periodic grid.
    """
    if direction not in (1, -1):
        raise ValueError(f"direction is {direction}; it must be 1 or -1")
    start = points_array(seeds)
    if isinstance(vector, GridVector):
        vector.check(_COMPONENTS)
    walls = Walls(
        domain=box("domain", domain),
        region=None if limits.region is None else box("region", limits.region),
        body=None if limits.radius is None else Sphere(limits.centre, limits.radius),
    )
    march = March(
        vector, direction, limits.step, limits.max_steps, limits.tolerance, limits.closure, walls
    )
    if isinstance(vector, GridVector):
        refuse_images(walls.body, vector.grid.periodic)
    if engine.kernels() is not None and isinstance(vector, GridVector):
        group = vector.group
        if group is not None:
            return _compiled(vector, group, start, march, spend)
    record = Record(len(start))
    reasons = march.run(start, record, spend)
    return Lines(*record.sorted(), reasons)


@dataclass(slots=True)
class _Tally:
    """The points of all threads, told to `spend`; when it raises in one, all threads end."""

    spend: Spend | None
    total: int = 0
    failed: Exception | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, points: int) -> None:
        """Count the points that a thread has found; raises what `spend` raised."""
        with self.lock:
            if self.failed is not None:
                raise self.failed
            self.total += points
            try:
                if self.spend is not None:
                    self.spend(self.total)
            except Exception as err:
                self.failed = err
                raise


def _compiled(
    vector: GridVector, group: Group, seeds: Floats, march: March, spend: Spend | None
) -> Lines:
    """Trace by a compiled kernel, on as many threads as there are processors and work."""
    threads = max(1, min(os.cpu_count() or 1, len(seeds) // _LEAST))
    tally = _Tally(spend)

    def follow(part: Floats) -> Lines:
        return _follow(vector, group, part, march, tally)

    if threads == 1:
        return follow(seeds)
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(follow, np.array_split(seeds, threads)))
    counts = np.concatenate([np.diff(lines.offsets) for lines in found])
    return Lines(
        np.concatenate([lines.points for lines in found]),
        _offsets(counts),
        np.concatenate([lines.reasons for lines in found]),
    )


def _follow(vector: GridVector, group: Group, seeds: Floats, march: March, tally: _Tally) -> Lines:
    """Trace lines, as many points at a time as there is room and patience for."""
    kernels = engine.kernels()
    assert kernels is not None
    reasons = np.zeros(len(seeds), dtype=np.uint8)
    counts = np.zeros(len(seeds), dtype=np.intp)
    parts: list[tuple[Floats, npt.NDArray[np.int64]]] = []
    # How many lines have begun, how many of them go on, and what the kernel remembers of these.
    at, memory = np.zeros(2, dtype=np.int64), np.empty(kernels.lines.MEMORY)
    # Points, and of each its line and its place in it.
    room, owners = np.empty((_ROOM, 3)), np.empty((_ROOM, 2), dtype=np.int64)
    while at[0] < len(seeds) or at[1] > 0:
        filled = kernels.lines.trace(
            seeds,
            vector.grid.numbers,
            vector.sphere,
            tuple(group.addresses),
            group.like,
            group.line,
            march.walls.numbers,
            (float(march.direction), march.step, march.tolerance or 0.0, march.closure),
            (march.max_steps, _WORK),
            (at, memory, room, owners, counts, reasons),
        )
        parts.append((room[:filled].copy(), owners[:filled].copy()))
        tally.add(filled)
    offsets = _offsets(counts)
    points = np.empty((offsets[-1], 3))
    for part, owner in parts:
        kernels.lines.arrange(part, owner, offsets, points)
    return Lines(points, offsets, reasons)


def _offsets(counts: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    return np.concatenate([np.zeros(1, dtype=np.intp), np.cumsum(counts)])
