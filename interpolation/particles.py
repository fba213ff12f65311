"""Test particles in the fields of a run: the pusher of Boris, relativistic, many at a time.

Boris (1970), Proc. Fourth Conf. Num. Sim. Plasmas, 3; here between two half steps of drift, so
that position and velocity are of the same time (Zenitani & Umeda 2018, Phys. Plasmas 25,
112110, call it drift-kick-drift). In a uniform magnetic field the speed stays as it is; the
error of the gyration's phase falls with the square of the step.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interpolation import engine
from interpolation.body import Sphere, refuse_images
from interpolation.counts import check_count
from interpolation.ends import EndReason, Reasons
from interpolation.layout import Group
from interpolation.locate import points_array
from interpolation.march import AT_WALL, GOING, LANDINGS, NEAR, PARTS
from interpolation.rectilinear import Floats, real_numbers
from interpolation.vector import GridVector
from interpolation.walls import Corner, Walls, box

# Metres in a second; exact by the definition of the metre.
LIGHT = 299_792_458.0

# Steps that a compiled kernel takes, and points for which it is given room, at a time.
_WORK, _ROOM = 400_000, 65_536
_COLUMNS = 7
# Of two vectors.
_COMPONENTS = 6

Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Forces:
    """Fields (n, 6) at points (n, 3): magnetic field first, then another vector.

    The second vector is the electric field, or with `flow` the velocity U of the plasma: then
    the electric field is -U x B. factors: what makes teslas, and volts per metre or metres per
    second, of the two. A `GridVector` of six components is followed by compiled kernels.
    """

    fields: Callable[[Floats], Floats]
    flow: bool = True
    factors: tuple[float, float] = (1.0, 1.0)

    def __call__(self, points: Floats) -> tuple[Floats, Floats]:
        """Give magnetic and electric field, each (n, 3), in T and V/m; NaN where there is none."""
        found = self.fields(points)
        if found.shape != (len(points), _COMPONENTS):
            raise ValueError(f"fields have shape {found.shape}; (n, {_COMPONENTS}) is wanted")
        magnetic, other = found[:, :3] * self.factors[0], found[:, 3:] * self.factors[1]
        return magnetic, _cross(magnetic, other) if self.flow else other


@dataclass(frozen=True, slots=True)
class PushLimits:
    """What ends a track; lengths in metres.

    A track ends on the sphere of `radius` round `centre`, on the faces of the box `region`, and
    after `max_steps` steps. Every `stride`-th point is recorded, and always the last. Raises
    ValueError, naming the limit, if one makes no sense.
    """

    max_steps: int
    stride: int = 1
    radius: float | None = None
    centre: Corner = (0.0, 0.0, 0.0)
    region: tuple[Corner, Corner] | None = None

    def __post_init__(self) -> None:
        check_count("max_steps", self.max_steps)
        check_count("stride", self.stride)
        if self.radius is not None:
            Sphere(self.centre, self.radius)
        if self.region is not None:
            box("region", self.region)


@dataclass(frozen=True, slots=True, eq=False)
class Particles:
    """n particles: positions (n, 3) in m, velocities (n, 3) in m/s, and of each, or of all, mass
    in kg, charge in C and time step in s; a negative step goes back in time.

    Raises ValueError for other shapes, a mass that is not positive, a step of zero, numbers that
    are not finite, and speeds that are not below that of light. A position may be anything.
    """

    positions: Floats
    velocities: Floats
    mass: Floats
    charge: Floats
    step: Floats

    @classmethod
    def of(
        cls,
        positions: npt.ArrayLike,
        velocities: npt.ArrayLike,
        mass: npt.ArrayLike,
        charge: npt.ArrayLike,
        step: npt.ArrayLike,
    ) -> "Particles":
        """Make particles, a single mass, charge or step being that of all."""
        places, speeds = points_array(positions), points_array(velocities)
        if places.shape != speeds.shape:
            raise ValueError(f"{len(places)} positions, but {len(speeds)} velocities")
        each = [_each(n, v, len(places)) for n, v in (("mass", mass), ("charge", charge))]
        steps = _each("step", step, len(places))
        if not (each[0] > 0).all():
            raise ValueError("every mass must be more than zero")
        if (steps == 0).any():
            raise ValueError("no step may be zero")
        with np.errstate(over="ignore"):
            if not (_square(speeds) < LIGHT * LIGHT).all():
                raise ValueError("every velocity must be finite and below that of light")
        return cls(places, speeds, each[0], each[1], steps)


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Tracks of n particles: rows offsets[i]:offsets[i + 1] are those of particle i.

    points, velocities: (N, 3), in m and m/s; times: (N,), seconds since the start; reasons:
    (n,), see EndReason; drift: (n,), by how much the kinetic energy has changed beyond the
    work of the electric field, in parts of the larger of the first and the last one.
    """

    points: Floats
    velocities: Floats
    times: Floats
    offsets: Indices
    reasons: Reasons
    drift: Floats


def push(
    forces: Forces,
    particles: Particles,
    limits: PushLimits,
    *,
    domain: tuple[npt.ArrayLike, npt.ArrayLike],
    spend: Callable[[int], None] | None = None,
) -> Tracks:
    """Follow particles through fields.

    The last step before a wall is shortened so that the track ends on it, at the right time. A
    step whose middle has no fields is not taken: the track ends as MASKED. A particle that
    starts beyond a wall or where there are no fields is a BAD_SEED, its track one point.
    `spend` is called now and then with the number of points so far and may stop the work by
    raising. Raises ValueError for fields that have not six components.
    """
    walls = Walls(
        domain=box("domain", domain),
        region=None if limits.region is None else box("region", limits.region),
        body=None if limits.radius is None else Sphere(limits.centre, limits.radius),
    )
    pusher = _Pusher(forces, particles, limits, walls)
    fields = forces.fields
    if isinstance(fields, GridVector):
        fields.check(_COMPONENTS)
        refuse_images(walls.body, fields.grid.periodic)
    if engine.kernels() is not None and isinstance(fields, GridVector):
        group = fields.group
        if group is not None:
            return _compiled(pusher, fields, group, spend)
    return pusher.run(spend)


def motion(particles: Particles) -> Floats:
    """Give the momenta per mass (n, 3), in m/s."""
    speed = _square(particles.velocities)
    return np.asarray(particles.velocities / np.sqrt(1.0 - speed / (LIGHT * LIGHT))[:, None])


@dataclass(slots=True)
class _Pusher:
    """Pushing by NumPy: the reference that the compiled kernel equals to the bit."""

    forces: Forces
    particles: Particles
    limits: PushLimits
    walls: Walls

    def run(self, spend: Callable[[int], None] | None) -> Tracks:
        given = self.particles
        count = len(given.positions)
        place, momentum = given.positions.copy(), motion(given)
        start = momentum.copy()
        time, work = np.zeros(count), np.zeros(count)
        reasons = self._refused(place)
        rows = [_rows(np.arange(count), place, momentum, time)]
        total = count
        active = np.flatnonzero(reasons == GOING)
        for taken in range(1, self.limits.max_steps + 1):
            if not active.size:
                break
            if spend is not None:
                spend(total)
            step = given.step[active]
            moved, stop = self._step(active, place[active], momentum[active], step)
            clear = stop == GOING
            going, ending = active[clear], active[~clear]
            place[going], momentum[going] = moved[0][clear], moved[1][clear]
            time[going] += step[clear]
            work[going] += moved[2][clear]
            reasons[ending] = stop[~clear]
            landed = self._land(ending[AT_WALL[stop[~clear]]], place, momentum, time, work)
            # A point that was passed over is the last one after all.
            last = np.union1d(landed, ending) if (taken - 1) % self.limits.stride else landed
            due = taken % self.limits.stride == 0 or taken == self.limits.max_steps
            shown = np.concatenate([going, last]) if due else last
            rows.append(_rows(shown, place[shown], momentum[shown], time[shown]))
            total += len(shown)
            active = going
        drift = _drift(start, momentum, work, given.mass)
        return _tracks(np.concatenate(rows), count, reasons, drift)

    def _refused(self, place: Floats) -> Reasons:
        reasons = self.walls.beyond(place)
        fields = np.concatenate(self.forces(place), axis=1)
        reasons[~np.isfinite(fields).all(axis=1)] = EndReason.BAD_SEED
        reasons[reasons != GOING] = EndReason.BAD_SEED
        return reasons

    def _step(
        self, which: Indices, place: Floats, momentum: Floats, step: Floats
    ) -> tuple[tuple[Floats, Floats, Floats], Reasons]:
        """Give places, momenta and work after a step, and what forbids it."""
        half = (step * 0.5)[:, None]
        middle = place + _velocity(momentum) * half
        magnetic, electric = self.forces(middle)
        missing = ~np.isfinite(magnetic).all(axis=1) | ~np.isfinite(electric).all(axis=1)
        reasons = self.walls.met(place, middle)
        reasons[missing & (reasons == GOING)] = EndReason.MASKED
        pull = self.particles.charge[which] / self.particles.mass[which] * (step * 0.5)
        kick = pull[:, None] * electric
        before = momentum + kick
        gamma = np.sqrt(1.0 + _square(before) / (LIGHT * LIGHT))
        turn = (pull / gamma)[:, None] * magnetic
        twice = 2.0 * turn / (1.0 + _square(turn))[:, None]
        after = before + _cross(before + _cross(before, turn), twice)
        ended = after + kick
        end = middle + _velocity(ended) * half
        gone = (end - place) * electric
        work = self.particles.charge[which] * (gone[:, 0] + gone[:, 1] + gone[:, 2])
        reasons = np.where(reasons == GOING, self.walls.met(middle, end), reasons)
        return (end, ended, work), reasons

    def _land(
        self, which: Indices, place: Floats, momentum: Floats, time: Floats, work: Floats
    ) -> Indices:
        """Follow particles to the wall that their next step would cross; say which moved."""
        moved = np.zeros(len(place), dtype=np.bool_)
        flying = which
        for _ in range(LANDINGS):
            full = self.particles.step[flying]
            way = _velocity(momentum[flying]) * np.sign(full)[:, None]
            reach = np.minimum(self.walls.distance(place[flying], way), np.abs(full))
            on = reach > NEAR * np.abs(full)
            flying, reach = flying[on], reach[on] * np.sign(full[on])
            waiting = np.arange(len(flying))
            for part in PARTS:
                chosen = flying[waiting]
                length = part * reach[waiting]
                ended, stop = self._step(chosen, place[chosen], momentum[chosen], length)
                clear = stop == GOING
                good = chosen[clear]
                place[good], momentum[good] = ended[0][clear], ended[1][clear]
                time[good] += length[clear]
                work[good] += ended[2][clear]
                moved[good] = True
                waiting = waiting[~clear]
                if not waiting.size:
                    break
            flying = np.delete(flying, waiting)
            if not flying.size:
                break
        return which[moved[which]]


def _compiled(
    pusher: _Pusher, fields: GridVector, group: Group, spend: Callable[[int], None] | None
) -> Tracks:
    """Push by a compiled kernel, as many steps at a time as there is room and patience for."""
    forces, particles, limits = pusher.forces, pusher.particles, pusher.limits
    kernels = engine.kernels()
    assert kernels is not None
    count = len(particles.positions)
    momenta = motion(particles)
    reasons, drift = np.zeros(count, dtype=np.uint8), np.zeros(count)
    counts = np.zeros(count, dtype=np.intp)
    parts: list[Floats] = [np.empty((0, _COLUMNS))]
    # The particle in work and the steps it has taken; place, momentum, time and work of it.
    at, state = np.array([0, -1], dtype=np.int64), np.empty(8)
    total = 0
    while at[0] < count:
        room = np.empty((_ROOM, _COLUMNS))
        filled = kernels.particles.push(
            (particles.positions, momenta, particles.mass, particles.charge, particles.step),
            fields.grid.numbers,
            fields.sphere,
            tuple(group.addresses),
            group.like,
            group.line,
            pusher.walls.numbers,
            (forces.flow, *forces.factors),
            (limits.max_steps, limits.stride, _WORK),
            (at, state, room, counts, reasons, drift),
        )
        parts.append(room[:filled].copy())
        total += filled
        if spend is not None:
            spend(total)
    rows = np.concatenate(parts)
    offsets = np.zeros(count + 1, dtype=np.intp)
    np.cumsum(counts, out=offsets[1:])
    return Tracks(rows[:, :3], rows[:, 3:6], rows[:, 6], offsets, reasons, drift)


def _tracks(rows: Floats, count: int, reasons: Reasons, drift: Floats) -> Tracks:
    """Put rows of particle, place, velocity and time together, particle by particle."""
    owners = rows[:, 0].astype(np.intp)
    rows = rows[np.argsort(owners, kind="stable"), 1:]
    offsets = np.zeros(count + 1, dtype=np.intp)
    np.cumsum(np.bincount(owners, minlength=count), out=offsets[1:])
    return Tracks(rows[:, :3], rows[:, 3:6], rows[:, 6], offsets, reasons, drift)


def _rows(which: Indices, place: Floats, momentum: Floats, time: Floats) -> Floats:
    return np.column_stack([which, place, _velocity(momentum), time])


def _drift(start: Floats, end: Floats, work: Floats, mass: Floats) -> Floats:
    first, last = _kinetic(start, mass), _kinetic(end, mass)
    largest = np.maximum(first, last)
    return np.asarray((last - first - work) / np.where(largest > 0.0, largest, 1.0))


def _kinetic(momentum: Floats, mass: Floats) -> Floats:
    square = _square(momentum)
    return np.asarray(mass * square / (1.0 + np.sqrt(1.0 + square / (LIGHT * LIGHT))))


def _velocity(momentum: Floats) -> Floats:
    return np.asarray(momentum / np.sqrt(1.0 + _square(momentum) / (LIGHT * LIGHT))[:, None])


def _square(vectors: Floats) -> Floats:
    x, y, z = vectors.T
    return np.asarray(x * x + y * y + z * z)


def _cross(a: Floats, b: Floats) -> Floats:
    (u, v, w), (x, y, z) = a.T, b.T
    return np.stack([v * z - w * y, w * x - u * z, u * y - v * x], axis=1)


def _each(name: str, numbers: npt.ArrayLike, count: int) -> Floats:
    array = np.asarray(real_numbers(name, numbers), dtype=np.float64)
    if array.shape not in ((), (1,), (count,)) or not np.isfinite(array).all():
        raise ValueError(f"{name} wants one finite number, or one for each of {count} particles")
    return np.array(np.broadcast_to(array, (count,)))
