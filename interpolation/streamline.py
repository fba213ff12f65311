"""Field lines and stream lines: fixed-step Runge-Kutta of fourth order, many at a time."""

import enum
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interpolation.body import Sphere, inside_body
from interpolation.locate import points_array
from interpolation.rectilinear import Floats

Box = tuple[Floats, Floats]
Corner = tuple[float, float, float]
Reasons = npt.NDArray[np.uint8]
Vector = Callable[[Floats], Floats]

# The classical scheme: the weight of each slope, and how much of a step along it the next
# slope is taken.
_STAGES = ((1.0, 0.5), (2.0, 0.5), (2.0, 1.0), (1.0, 0.0))

# Points for which the record makes room at a time.
_CHUNK = 16_384


class EndReason(enum.IntEnum):
    """Why a line ends where it does."""

    MAX_STEPS = 0
    LEFT_DOMAIN = 1
    LEFT_REGION = 2
    REACHED_BODY = 3
    NULL_FIELD = 4
    MASKED = 5
    BAD_SEED = 6

    @property
    def label(self) -> str:
        """The reason in words."""
        return _LABELS[self]


_LABELS = {
    EndReason.MAX_STEPS: "all steps taken",
    EndReason.LEFT_DOMAIN: "left the domain",
    EndReason.LEFT_REGION: "left the region",
    EndReason.REACHED_BODY: "reached the body",
    EndReason.NULL_FIELD: "null field",
    EndReason.MASKED: "masked cell",
    EndReason.BAD_SEED: "bad seed",
}

# What stands for no reason to end: the reason left when all steps are taken.
_GOING = int(EndReason.MAX_STEPS)


@dataclass(frozen=True, slots=True)
class TraceLimits:
    """Step length and what ends a line; lengths in the unit of the seeds (metres).

    A line ends before it comes nearer than `radius` to `centre`, before it leaves the box
    `region` (lower corner, upper corner), and after `max_steps` steps. Raises ValueError,
    naming the limit, if one makes no sense.
    """

    step: float
    max_steps: int
    radius: float | None = None
    centre: Corner = (0.0, 0.0, 0.0)
    region: tuple[Corner, Corner] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.step < np.inf:
            raise ValueError(f"step is {self.step}; it must be positive and finite")
        if self.max_steps < 1:
            raise ValueError(f"max_steps is {self.max_steps}; it must be at least 1")
        if self.radius is not None:
            Sphere(self.centre, self.radius)
        if self.region is not None:
            _box("region", self.region)


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
    spend: Callable[[], None] | None = None,
) -> Lines:
    """Follow a vector from each seed, (n, 3), along it (direction 1) or against it (-1).

    `vector` gives the vectors (m, 3) at points (m, 3), NaN where there is none; only their
    direction counts. `domain` is the lower and upper corner of the box in which it is
    defined. `spend` is called before every step and may stop the work by raising.

    A step is not taken if it would end outside the domain or the region or inside the body,
    or if one of its four slopes is missing or null. A slope missing outside the domain ends
    the line as LEFT_DOMAIN, likewise for region and body, and elsewhere as MASKED. The line
    of a BAD_SEED is the seed alone. Raises ValueError for another direction or for seeds or
    a domain of another shape.
    """
    if direction not in (1, -1):
        raise ValueError(f"direction is {direction}; it must be 1 or -1")
    start = points_array(seeds)
    walls = _Walls(
        domain=_box("domain", domain),
        region=None if limits.region is None else _box("region", limits.region),
        body=None if limits.radius is None else Sphere(limits.centre, limits.radius),
    )
    flow = _Flow(vector, direction, limits.step, walls)
    record = _Record(len(start))
    record.add(np.arange(len(start)), start)
    reasons = flow.refuse(start)
    active = np.flatnonzero(reasons == _GOING)
    position = start[active]
    for _ in range(limits.max_steps):
        if not active.size:
            break
        if spend is not None:
            spend()
        position, stop = flow.step(position)
        going = stop == _GOING
        reasons[active] = stop
        active, position = active[going], position[going]
        record.add(active, position)
    return record.lines(reasons)


@dataclass(frozen=True, slots=True)
class _Walls:
    """The places where lines end."""

    domain: Box
    region: Box | None
    body: Sphere | None

    def beyond(self, points: Floats) -> Reasons:
        """Say which points lie beyond a wall, and which wall."""
        reasons = np.zeros(len(points), dtype=np.uint8)
        if self.region is not None:
            reasons[_outside(points, self.region)] = EndReason.LEFT_REGION
        if self.body is not None:
            reasons[inside_body(points, self.body)] = EndReason.REACHED_BODY
        reasons[_outside(points, self.domain)] = EndReason.LEFT_DOMAIN
        return reasons


@dataclass(frozen=True, slots=True)
class _Flow:
    """The directions of a vector, and steps along them."""

    vector: Vector
    direction: int
    step_length: float
    walls: _Walls

    def refuse(self, seeds: Floats) -> Reasons:
        """Say which seeds are bad, and which lie where the vector is null."""
        reasons = self.walls.beyond(seeds)
        reasons[~np.isfinite(seeds).all(axis=1)] = EndReason.BAD_SEED
        good = reasons == _GOING
        _, reasons[good] = self.slope(seeds[good])
        bad = (reasons != _GOING) & (reasons != EndReason.NULL_FIELD)
        reasons[bad] = EndReason.BAD_SEED
        return reasons

    def slope(self, points: Floats) -> tuple[Floats, Reasons]:
        """Give the unit vectors along which lines run, and why there is none (then 0)."""
        vectors = self.vector(points) * self.direction
        largest = np.abs(vectors).max(axis=1)
        missing = ~np.isfinite(largest)
        null = largest == 0
        reasons = np.zeros(len(points), dtype=np.uint8)
        reasons[null] = EndReason.NULL_FIELD
        if missing.any():
            walls = self.walls.beyond(points[missing])
            walls[walls == _GOING] = EndReason.MASKED
            reasons[missing] = walls
        # Scaled before it is squared, so that neither 1e-200 nor 1e200 loses its direction.
        largest[null | missing] = 1.0
        unit = vectors / largest[:, None]
        unit[null | missing] = (1.0, 0.0, 0.0)
        # Written out: a sum over an axis may round otherwise for one line than for many.
        x, y, z = unit.T
        unit /= np.sqrt(x * x + y * y + z * z)[:, None]
        unit[null | missing] = 0.0
        return unit, reasons

    def step(self, points: Floats) -> tuple[Floats, Reasons]:
        """Give where a step from each point ends, and why it is not to be taken."""
        reasons = np.zeros(len(points), dtype=np.uint8)
        total = np.zeros_like(points)
        place = points
        for weight, reach in _STAGES:
            slope, stop = self.slope(place)
            reasons = np.where(reasons == _GOING, stop, reasons)
            total += weight * slope
            place = points + reach * self.step_length * slope
        ends = points + self.step_length / 6.0 * total
        return ends, np.where(reasons == _GOING, self.walls.beyond(ends), reasons)


class _Record:
    """Points in the order in which they come, in chunks: as much memory as there are points."""

    def __init__(self, lines: int) -> None:
        self._lines = lines
        self._points: list[Floats] = []
        self._owners: list[npt.NDArray[np.intp]] = []
        self._filled = _CHUNK

    def add(self, owners: npt.NDArray[np.intp], points: Floats) -> None:
        """Add the next point of each of some lines."""
        done = 0
        while done < len(owners):
            if self._filled == _CHUNK:
                self._points.append(np.empty((_CHUNK, 3)))
                self._owners.append(np.empty(_CHUNK, dtype=np.intp))
                self._filled = 0
            many = min(len(owners) - done, _CHUNK - self._filled)
            room = slice(self._filled, self._filled + many)
            self._points[-1][room] = points[done : done + many]
            self._owners[-1][room] = owners[done : done + many]
            self._filled += many
            done += many

    def lines(self, reasons: Reasons) -> Lines:
        """Put the points of each line together."""
        total = len(self._owners) * _CHUNK - (_CHUNK - self._filled)
        owners = np.concatenate([np.empty(0, dtype=np.intp), *self._owners])[:total]
        order = np.argsort(owners, kind="stable")
        points = np.concatenate([np.empty((0, 3)), *self._points])[order]
        offsets = np.zeros(self._lines + 1, dtype=np.intp)
        np.cumsum(np.bincount(owners, minlength=self._lines), out=offsets[1:])
        return Lines(points, offsets, reasons)


def _outside(points: Floats, box: Box) -> npt.NDArray[np.bool_]:
    lower, upper = box
    inside: npt.NDArray[np.bool_] = np.all((lower <= points) & (points <= upper), axis=1)
    return ~inside


def _box(name: str, corners: tuple[npt.ArrayLike, npt.ArrayLike]) -> Box:
    lower, upper = (np.asarray(corner, dtype=np.float64) for corner in corners)
    if lower.shape != (3,) or upper.shape != (3,):
        raise ValueError(f"{name} is {corners}; two corners of three numbers are wanted")
    if not (lower < upper).all():
        raise ValueError(f"{name} is {corners}; its lower corner must lie below its upper one")
    return lower, upper
