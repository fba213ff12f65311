"""The kernel that pushes particles; `interpolation.particles` is its reference."""

from typing import Any

import numpy as np
from numba import types

from interpolation.kernels.compile import GRID, array, called, inlined, kernel
from interpolation.kernels.stencil import mixed, stencil
from interpolation.kernels.walls import (
    BAD_SEED,
    LEFT_DOMAIN,
    LEFT_REGION,
    MASKED,
    REACHED_BODY,
    WALLS,
    beyond,
    distance,
    met,
)
from interpolation.march import GOING, LANDINGS, NEAR, PARTS

_F8 = types.float64
_I8 = types.int64
# The square of the speed of light, in m2/s2.
_LIGHT2 = 299_792_458.0 * 299_792_458.0


@inlined
def _square(a: Any) -> float:
    return a[0] * a[0] + a[1] * a[1] + a[2] * a[2]


@inlined
def _cross(a: Any, b: Any) -> Any:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@inlined
def _sum(a: Any, b: Any) -> Any:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@inlined
def _times(factor: float, a: Any) -> Any:
    return factor * a[0], factor * a[1], factor * a[2]


@inlined
def _velocity(momentum: Any) -> Any:
    gamma = np.sqrt(1.0 + _square(momentum) / _LIGHT2)
    return momentum[0] / gamma, momentum[1] / gamma, momentum[2] / gamma


@inlined
def _kinetic(momentum: Any, mass: float) -> float:
    square = _square(momentum)
    return mass * square / (1.0 + np.sqrt(1.0 + square / _LIGHT2))


@inlined
def _forces(point: Any, fields: Any) -> Any:
    """Give magnetic and electric field, and whether there are any."""
    addresses, like, line, grid, sphere, (flow, magnetic_factor, other_factor) = fields
    places, weights, within = stencil(point, grid, sphere, line)
    magnetic, electric = (np.nan, np.nan, np.nan), (np.nan, np.nan, np.nan)
    if within:
        magnetic = (
            mixed(addresses[0], like, places, weights) * magnetic_factor,
            mixed(addresses[1], like, places, weights) * magnetic_factor,
            mixed(addresses[2], like, places, weights) * magnetic_factor,
        )
        electric = (
            mixed(addresses[3], like, places, weights) * other_factor,
            mixed(addresses[4], like, places, weights) * other_factor,
            mixed(addresses[5], like, places, weights) * other_factor,
        )
        if flow:
            electric = _cross(magnetic, electric)
    known = True
    for axis in range(3):
        known &= np.isfinite(magnetic[axis]) and np.isfinite(electric[axis])
    return magnetic, electric, known


@called
def _step(
    place: Any, momentum: Any, step: float, mass: float, charge: float, fields: Any, walls: Any
) -> Any:
    """Give place, momentum and work after a step, and what forbids it."""
    half = step * 0.5
    velocity = _velocity(momentum)
    middle = (
        place[0] + velocity[0] * half, place[1] + velocity[1] * half, place[2] + velocity[2] * half
    )  # fmt: skip
    magnetic, electric, known = _forces(middle, fields)
    wall = met(place, middle, walls, 0.0)
    if wall != GOING or not known:
        return place, momentum, 0.0, MASKED if wall == GOING else wall
    pull = charge / mass * half
    kick = _times(pull, electric)
    before = _sum(momentum, kick)
    gamma = np.sqrt(1.0 + _square(before) / _LIGHT2)
    turn = _times(pull / gamma, magnetic)
    size = 1.0 + _square(turn)
    twice = (2.0 * turn[0] / size, 2.0 * turn[1] / size, 2.0 * turn[2] / size)
    after = _sum(before, _cross(_sum(before, _cross(before, turn)), twice))
    ended = _sum(after, kick)
    velocity = _velocity(ended)
    end = (
        middle[0] + velocity[0] * half,
        middle[1] + velocity[1] * half,
        middle[2] + velocity[2] * half,
    )
    work = charge * (
        (end[0] - place[0]) * electric[0] + (end[1] - place[1]) * electric[1]
        + (end[2] - place[2]) * electric[2]
    )  # fmt: skip
    return end, ended, work, met(middle, end, walls, 0.0)


@called
def _land(track: Any, step: float, mass: float, charge: float, fields: Any, walls: Any) -> Any:
    """Follow a particle to the wall that its next step would cross.

    track: place, momentum, time and work; gives them at the wall, and whether it moved.
    """
    place, momentum, time, done = track
    moved = False
    sign = 1.0 if step > 0.0 else -1.0
    for _ in range(LANDINGS):
        reach = min(distance(place, _times(sign, _velocity(momentum)), walls), abs(step))
        if not reach > NEAR * abs(step):
            break
        landed = False
        for part in PARTS:
            length = part * (reach * sign)
            end, ended, work, stop = _step(place, momentum, length, mass, charge, fields, walls)
            if stop == GOING:
                place, momentum, moved, landed = end, ended, True, True
                time += length
                done += work
                break
        if not landed:
            break
    return (place, momentum, time, done), moved


@kernel(
    [
        _I8(
            types.Tuple((array(_F8, 2),) * 2 + (array(_F8, 1),) * 3),
            GRID,
            types.UniTuple(_F8, 4),
            types.UniTuple(types.uint64, 6),
            number,
            types.UniTuple(_I8, 5),
            WALLS,
            types.Tuple((types.boolean, _F8, _F8)),
            types.UniTuple(_I8, 3),
            types.Tuple(
                (
                    array(_I8, 1, writeable=True),
                    array(_F8, 1, writeable=True),
                    array(_F8, 2, writeable=True),
                    array(_I8, 1, writeable=True),
                    array(types.uint8, 1, writeable=True),
                    array(_F8, 1, writeable=True),
                )
            ),
        )
        for number in (types.float32, types.float64)
    ]
)
def push(
    particles: Any,
    grid: Any,
    body: Any,
    addresses: Any,
    like: Any,
    line: Any,
    walls: Any,
    mixing: Any,
    bounds: Any,
    records: Any,
) -> int:
    """Push particles until there is no room, patience or particle left; gives the points recorded.

    particles: positions, momenta per mass, masses, charges and steps; mixing: whether the second
    vector is a flow, and the factors of both; bounds: the most steps of a particle, every which
    point is recorded, and the most steps of this call; records: particle and steps taken, state
    of the particle, room for points, and of each particle points, end reason and drift. Steps
    taken of -1 say that the particle has not begun.
    """
    fields = (addresses, like, line, grid, body, mixing)
    positions, momenta, masses, charges, steps = particles
    max_steps, stride, patience = bounds
    at, state, room, counts, reasons, drift = records
    number, taken = at[0], at[1]
    place = (state[0], state[1], state[2])
    momentum = (state[3], state[4], state[5])
    time, done = state[6], state[7]
    filled = 0
    while number < len(positions) and filled + 2 < len(room) and patience > 0:
        stop, shown, over = GOING, True, False
        if taken < 0:
            place = (positions[number, 0], positions[number, 1], positions[number, 2])
            momentum = (momenta[number, 0], momenta[number, 1], momenta[number, 2])
            time, done, taken = 0.0, 0.0, 0
            known = _forces(place, fields)[2]
            if beyond(place, walls) != GOING or not known:
                stop, over = BAD_SEED, True
        else:
            patience -= 1
            step, mass, charge = steps[number], masses[number], charges[number]
            end, ended, work, stop = _step(place, momentum, step, mass, charge, fields, walls)
            if stop == GOING:
                place, momentum = end, ended
                time += step
                done += work
                taken += 1
                over = taken == max_steps
                shown = over or taken % stride == 0
            else:
                over = True
                # A point that was passed over is the last one after all.
                shown = taken % stride != 0
                if stop in (LEFT_DOMAIN, LEFT_REGION, REACHED_BODY):
                    track, moved = _land(
                        (place, momentum, time, done), step, mass, charge, fields, walls
                    )
                    place, momentum, time, done = track
                    shown |= moved
        if shown:
            room[filled, 0], room[filled, 1], room[filled, 2] = place
            room[filled, 3], room[filled, 4], room[filled, 5] = _velocity(momentum)
            room[filled, 6] = time
            filled += 1
            counts[number] += 1
        if over:
            reasons[number] = stop
            start = (momenta[number, 0], momenta[number, 1], momenta[number, 2])
            first, last = _kinetic(start, masses[number]), _kinetic(momentum, masses[number])
            largest = max(first, last)
            drift[number] = (last - first - done) / (largest if largest > 0.0 else 1.0)
            number += 1
            taken = -1
    at[0], at[1] = number, taken
    state[0], state[1], state[2] = place
    state[3], state[4], state[5] = momentum
    state[6], state[7] = time, done
    return filled
