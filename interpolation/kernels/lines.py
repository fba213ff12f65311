"""The kernel that follows lines of a vector on a grid; `interpolation.march` is its reference."""

from typing import Any

import numpy as np
from numba import types

from interpolation.kernels.compile import GRID, array, called, inlined, keep, kernel, recall
from interpolation.kernels.nulls import find
from interpolation.kernels.steps import (
    STAGES,
    dormand_prince,
    first_stage,
    last_stage,
    next_stage,
    rk4,
    slope,
)
from interpolation.kernels.walls import (
    BAD_SEED,
    CLOSED_LOOP,
    LEFT_DOMAIN,
    LEFT_REGION,
    NULL_FIELD,
    REACHED_BODY,
    WALLS,
    beyond,
    distance,
    met,
)
from interpolation.march import (
    GOING,
    GRAZING,
    HALVED_TO,
    LANDINGS,
    LEAST,
    MOST,
    NEAR,
    PARTS,
    SAFETY,
    SHORTEST,
)

# Lines followed in turns: while one waits for what its next slope needs, the others go on.
SLOTS = 2
# Numbers, of eight bytes at most, that are remembered of a line, and of its step.
_LINE, _STEP = 12, 11
MEMORY = SLOTS * (_LINE + _STEP)

_F8 = types.float64
_I8 = types.int64


@called
def _land(
    point: Any,
    length: float,
    step: float,
    field: Any,
    walls: Any,
) -> Any:
    """Follow a line to the wall that its next step would cross.

    Says whether it moved, and whether it passes beside the wall after all.
    """
    moved, left = False, length
    for _ in range(LANDINGS):
        way, stop = slope(point, field, walls)
        reach = min(distance(point, way, walls), left)
        if stop != GOING or not reach > NEAR * step:
            break
        landed = False
        for tried in PARTS:
            end, stop, _ = rk4(point, tried * reach, field, walls)
            if stop == GOING:
                point, moved, landed = end, True, True
                left -= tried * reach
                break
        if not landed:
            break
    way, stop = slope(point, field, walls)
    beside = stop == GOING and distance(point, way, walls) > GRAZING * step
    return point, moved, moved and beside


@inlined
def _along(point: Any, seed: Any, way: Any) -> float:
    return (
        (point[0] - seed[0]) * way[0] + (point[1] - seed[1]) * way[1]
        + (point[2] - seed[2]) * way[2]
    )  # fmt: skip


@inlined
def _judged(line: Any, attempt: Any, limits: Any, field: Any, walls: Any) -> Any:
    """Give a line after an attempt at its next step, why it ends, and whether it moved, is over.

    line: number, steps taken, seed, way at the seed, place and next step; attempt: where the step
    ends, its error in tolerances, what forbids it and how straight it is.
    """
    number, taken, seed, way, point, length = line
    end, error, stop, straight = attempt
    step, tolerance, closure, max_steps = limits
    clear = stop == GOING
    used = length
    over = not clear
    if tolerance > 0.0:
        if clear:
            change = min(max(SAFETY / np.sqrt(np.sqrt(error)), LEAST), MOST)
            length = min(max(length * change, SHORTEST * step), step)
        elif length > HALVED_TO * step:
            length *= 0.5
            over = False
    ended = False
    good = clear and (error <= 1.0 or used <= SHORTEST * step)
    if good:
        before, after = _along(point, seed, way), _along(end, seed, way)
        if closure > 0.0 and before < 0.0 and after >= 0.0:
            part = before / (before - after) * used
            back, halt, _ = rk4(point, part, field, walls)
            x, y, z = back[0] - seed[0], back[1] - seed[1], back[2] - seed[2]
            reach = closure * used
            if tolerance > 0.0:
                reach = min(reach, (taken + 1) * tolerance)
            if halt == GOING and x * x + y * y + z * z <= reach * reach:
                end, stop, ended = back, CLOSED_LOOP, True
    if (good and straight < 0.0 and not ended) or stop == NULL_FIELD:
        null, found = find(point, used, step, field)
        if found and met(point, null, walls, 0.0) == GOING:
            end, stop, ended = null, NULL_FIELD, True
    moved = good or ended
    if moved:
        point = end
        over = ended or taken + 1 == max_steps
    elif over and stop in (LEFT_DOMAIN, LEFT_REGION, REACHED_BODY):
        point, moved, beside = _land(point, length, step, field, walls)
        if beside:
            stop, over = GOING, taken + 1 == max_steps
    return (number, taken + np.int64(moved), seed, way, point, length), stop, moved, over


@kernel(
    [
        types.int64(
            array(_F8, 2),
            GRID,
            types.UniTuple(_F8, 4),
            types.UniTuple(types.uint64, 3),
            number,
            types.UniTuple(_I8, 5),
            WALLS,
            types.UniTuple(_F8, 4),
            types.UniTuple(_I8, 2),
            types.Tuple(
                (
                    array(_I8, 1, writeable=True),
                    array(_F8, 1, writeable=True),
                    array(_F8, 2, writeable=True),
                    array(_I8, 2, writeable=True),
                    array(_I8, 1, writeable=True),
                    array(types.uint8, 1, writeable=True),
                )
            ),
        )
        for number in (types.float32, types.float64)
    ]
)
def trace(
    seeds: Any,
    grid: Any,
    body: Any,
    addresses: Any,
    like: Any,
    line: Any,
    walls: Any,
    numbers: Any,
    bounds: Any,
    records: Any,
) -> int:
    """Follow lines until there is no room, patience or line left; gives the points recorded.

    numbers: direction, step, tolerance (0 for steps of one length) and closure; bounds: the most
    steps of a line, and of this call; records: how many lines have begun and how many of them
    go on, memory of those, room for points, the line of each point and its place in it, points
    and end reason of each line.
    """
    direction, step, tolerance, closure = numbers
    field = (addresses, like, line, direction, grid, body)
    max_steps, patience = bounds
    limits = (step, tolerance, closure, max_steps)
    at, memory, room, owners, counts, reasons = records
    begun, going = at[0], at[1]
    filled = 0
    nowhere = (0.0, 0.0, 0.0)
    a_line, a_step = (0, 0, nowhere, nowhere, nowhere, 0.0), first_stage(nowhere)
    lines = np.uint64(memory.ctypes.data)
    steps = lines + np.uint64(8 * SLOTS * _LINE)
    while (going > 0 or begun < len(seeds)) and filled < len(room) and patience > 0:
        while going < SLOTS and begun < len(seeds) and filled < len(room):
            seed = (seeds[begun, 0], seeds[begun, 1], seeds[begun, 2])
            way, stop = nowhere, beyond(seed, walls)
            if stop == GOING:
                way, stop = slope(seed, field, walls)
            if stop == GOING:
                keep(lines, going, (begun, 0, seed, way, seed, step))
                going += 1
            else:
                reasons[begun] = NULL_FIELD if stop == NULL_FIELD else BAD_SEED
            room[filled, 0], room[filled, 1], room[filled, 2] = seed
            owners[filled, 0], owners[filled, 1] = begun, 0
            filled += 1
            counts[begun] = 1
            begun += 1
        # A step adds one point at most.
        many = min(going, patience, len(room) - filled)
        patience -= many
        for stage in range(STAGES if tolerance == 0.0 else 0):
            for slot in range(many):
                _, _, _, _, point, length = recall(lines, slot, a_line)
                ahead = recall(steps, slot, a_step) if stage > 0 else first_stage(point)
                keep(steps, slot, next_stage(ahead, stage, point, length, field, walls))
        # Downwards: the last line takes the slot of one that is over.
        for slot in range(many - 1, -1, -1):
            track = recall(lines, slot, a_line)
            number, _, _, _, point, length = track
            if tolerance == 0.0:
                ahead = last_stage(recall(steps, slot, a_step), point, length, walls)
                attempt = ahead[0], 0.0, ahead[1], ahead[2]
            else:
                end, error, stop, straight = dormand_prince(point, length, field, walls)
                attempt = end, error / tolerance, stop, straight
            track, stop, moved, over = _judged(track, attempt, limits, field, walls)
            if moved:
                room[filled, 0], room[filled, 1], room[filled, 2] = track[4]
                owners[filled, 0], owners[filled, 1] = number, counts[number]
                filled += 1
                counts[number] += 1
            if over:
                reasons[number] = stop
                going -= 1
                track = recall(lines, going, a_line)
            keep(lines, slot, track)
    at[0], at[1] = begun, going
    return filled


@kernel([types.void(array(_F8, 2), array(_I8, 2), array(_I8, 1), array(_F8, 2, writeable=True))])
def arrange(found: Any, owners: Any, offsets: Any, points: Any) -> None:
    """Put points, of each of which the line and its place in it are known, where they belong."""
    for i in range(len(found)):
        to = offsets[owners[i, 0]] + owners[i, 1]
        points[to, 0], points[to, 1], points[to, 2] = found[i, 0], found[i, 1], found[i, 2]
