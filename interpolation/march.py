"""Marching along a vector field by NumPy: the reference that the compiled kernel equals.

Every operation is written so that a line comes out the same bit by bit, whether alone or among
others, and in whichever engine.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interpolation import nulls
from interpolation.ends import EndReason, Reasons
from interpolation.rectilinear import Floats
from interpolation.walls import Walls

Indices = npt.NDArray[np.intp]

# The classical method of Runge and Kutta: the weight of each slope, and how much of a step
# along it the next slope is taken.
RK4 = ((1.0, 0.5), (2.0, 0.5), (2.0, 1.0), (1.0, 0.0))

# Dormand & Prince (1980), J. Comput. Appl. Math. 6, 19, table 2: where each slope is taken, the
# last at the end of the step; and the end by the fourth order less that by the fifth.
DORMAND_PRINCE = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
DIFFERENCE = (
    35 / 384 - 5179 / 57600,
    0.0,
    500 / 1113 - 7571 / 16695,
    125 / 192 - 393 / 640,
    -2187 / 6784 + 92097 / 339200,
    11 / 84 - 187 / 2100,
    -1 / 40,
)
# How steps of a chosen accuracy change, and the shortest in parts of the longest.
SAFETY, LEAST, MOST, SHORTEST = 0.9, 0.2, 5.0, 1e-4
# A step that meets a hole or a wall is halved until it is this part of the longest.
HALVED_TO = 0.1

# Landing on a wall: parts of the distance to it that are tried, the longest first, how often,
# how near, in steps, is near enough, and how near it is taken for where the line grazes it.
PARTS = (1.0 - 1e-9, 1.0 - 1e-6, 1.0 - 1e-4, 0.99, 0.9, 0.5, 0.25, 0.1, 0.01)
LANDINGS = 24
NEAR, GRAZING = 1e-9, 1e-3

# Vectors beyond these are scaled before they are squared.
SMALL, LARGE, GROW, SHRINK = 2.0**-400, 2.0**400, 2.0**600, 2.0**-600

# What stands for no reason to end: the reason left when all steps are taken.
GOING = int(EndReason.MAX_STEPS)
AT_WALL = np.isin(
    np.arange(256), (EndReason.LEFT_DOMAIN, EndReason.LEFT_REGION, EndReason.REACHED_BODY)
)


def bulge(straight: Floats) -> Floats:
    """Give how far steps leave the straight way, in their lengths: as arcs, an eighth of the turn.

    straight: the cosine of how far they turn.
    """
    return np.asarray(np.sqrt(np.maximum(2.0 - 2.0 * straight, 0.0)) * 0.125)


# Points for which the record makes room at a time.
_CHUNK = 16_384


@dataclass(slots=True)
class _State:
    """Lines that go on: which, where they are, the next step, the steps taken."""

    line: Indices
    place: Floats
    length: Floats
    taken: Indices

    def keep(self, these: npt.NDArray[np.bool_]) -> None:
        """Drop the other lines."""
        self.line, self.place = self.line[these], self.place[these]
        self.length, self.taken = self.length[these], self.taken[these]


def _joined(states: list[_State]) -> _State:
    parts = [(s.line, s.place, s.length, s.taken) for s in states]
    line, place, length, taken = (np.concatenate(part) for part in zip(*parts, strict=True))
    return _State(line, place, length, taken)


@dataclass(frozen=True, slots=True)
class March:
    """Steps along a vector, in the direction 1 or against it -1; see `streamline.TraceLimits`."""

    vector: Callable[[Floats], Floats]
    direction: int
    step: float
    max_steps: int
    tolerance: float | None
    closure: float
    walls: Walls

    def run(self, seeds: Floats, record: "Record", spend: Callable[[int], None] | None) -> Reasons:
        """Follow the lines of seeds (n, 3) into the record, giving why they end (n,)."""
        everyone = np.arange(len(seeds))
        record.add(everyone, seeds)
        first, reasons = self._start(seeds)
        going = reasons == GOING
        state = _State(
            everyone[going],
            seeds[going],
            np.full(np.count_nonzero(going), self.step),
            np.zeros(np.count_nonzero(going), dtype=np.intp),
        )
        while len(state.line):
            landing = []
            while len(state.line):
                if spend is not None:
                    spend(len(record))
                landing.append(self._advance(state, seeds, first, record, reasons))
            state = self._land(_joined(landing), record, reasons)
        return reasons

    def _start(self, seeds: Floats) -> tuple[Floats, Reasons]:
        """Give the ways at the seeds, and why lines do not even begin."""
        reasons = self.walls.beyond(seeds)
        reasons[~np.isfinite(seeds).all(axis=1)] = EndReason.BAD_SEED
        good = reasons == GOING
        first = np.zeros_like(seeds)
        first[good], reasons[good] = self.slope(seeds[good])
        bad = (reasons != GOING) & (reasons != EndReason.NULL_FIELD)
        reasons[bad] = EndReason.BAD_SEED
        return first, reasons

    def _advance(
        self, state: _State, seeds: Floats, first: Floats, record: "Record", reasons: Reasons
    ) -> _State:
        """Try one step on every line, and drop the lines that end; gives those at a wall."""
        ends, error, stop, straight = self._attempt(state.place, state.length)
        clear = stop == GOING
        shortest = SHORTEST * self.step
        taken = clear & ((error <= 1.0) | (state.length <= shortest))
        ended = self._closes(state, ends, taken, seeds, first)
        stop[ended] = EndReason.CLOSED_LOOP
        turned = taken & (straight < 0.0) & ~ended
        null = self._nulls(state, ends, turned | (stop == EndReason.NULL_FIELD))
        stop[null] = EndReason.NULL_FIELD
        taken |= null
        ended |= null
        record.add(state.line[taken], ends[taken])
        state.taken[taken] += 1
        over = np.where(taken & ~ended, state.taken == self.max_steps, ended)
        length = state.length
        if self.tolerance is None:
            over |= ~clear
        else:
            with np.errstate(divide="ignore"):
                change = np.clip(SAFETY / np.sqrt(np.sqrt(error)), LEAST, MOST)
            retried = ~clear & (length > HALVED_TO * self.step)
            retried &= ~null
            over |= ~clear & ~retried
            chosen = np.clip(length * change, shortest, self.step)
            length = np.where(retried, length * 0.5, np.where(clear, chosen, length))
        landing = over & AT_WALL[stop]
        landed = _State(
            state.line[landing], state.place[landing], length[landing], state.taken[landing]
        )
        reasons[state.line[over]] = stop[over]
        state.place = np.where(taken[:, None], ends, state.place)
        state.length = length
        state.keep(~over)
        return landed

    def slope(self, points: Floats) -> tuple[Floats, Reasons]:
        """Give the unit vectors along which lines run, and why there is none (then 0)."""
        vectors = self.vector(points) * self.direction
        largest = np.abs(vectors).max(axis=1, initial=0.0)
        missing = ~np.isfinite(largest)
        null = largest == 0
        reasons = np.zeros(len(points), dtype=np.uint8)
        reasons[null] = EndReason.NULL_FIELD
        if missing.any():
            walls = self.walls.beyond(points[missing])
            walls[walls == GOING] = EndReason.MASKED
            reasons[missing] = walls
        # Powers of two change no digit, and neither 1e-200 nor 1e200 is lost when squared.
        scale = np.where(largest < SMALL, GROW, np.where(largest > LARGE, SHRINK, 1.0))
        unit = vectors * scale[:, None]
        unit[null | missing] = (1.0, 0.0, 0.0)
        # Written out: a sum over an axis may round otherwise for one line than for many.
        x, y, z = unit.T
        unit *= (1.0 / np.sqrt(x * x + y * y + z * z))[:, None]
        unit[null | missing] = 0.0
        return unit, reasons

    def _attempt(self, places: Floats, lengths: Floats) -> tuple[Floats, Floats, Reasons, Floats]:
        """Try a step from each place.

        Gives where it ends, its error in tolerances, what forbids it, and how straight it is.
        """
        if self.tolerance is None:
            ends, stop, straight = self.rk4(places, lengths)
            return ends, np.zeros(len(ends)), stop, straight
        reasons = np.zeros(len(places), dtype=np.uint8)
        slopes = []
        at = places
        for row in DORMAND_PRINCE:
            slope, stop = self.slope(at)
            reasons = np.where(reasons == GOING, stop, reasons)
            slopes.append(slope)
            at = places + lengths[:, None] * _combined(row, slopes)
        slope, stop = self.slope(at)
        reasons = np.where(reasons == GOING, stop, reasons)
        slopes.append(slope)
        error = np.abs(lengths[:, None] * _combined(DIFFERENCE, slopes)).max(axis=1, initial=0.0)
        straight = _straight(slopes)
        met = self.walls.met(places, at, bulge(straight))
        reasons = np.where(reasons == GOING, met, reasons)
        return at, error / self.tolerance, reasons, straight

    def rk4(self, places: Floats, lengths: Floats) -> tuple[Floats, Reasons, Floats]:
        """Give where a step by the classical method ends, what forbids it, how straight it is."""
        reasons = np.zeros(len(places), dtype=np.uint8)
        total = np.zeros_like(places)
        slopes = []
        at = places
        for weight, reach in RK4:
            slope, stop = self.slope(at)
            reasons = np.where(reasons == GOING, stop, reasons)
            slopes.append(slope)
            total += weight * slope
            at = places + (reach * lengths)[:, None] * slope
        ends = places + (lengths / 6.0)[:, None] * total
        straight = _straight(slopes)
        met = self.walls.met(places, ends, bulge(straight))
        reasons = np.where(reasons == GOING, met, reasons)
        return ends, reasons, straight

    def _nulls(
        self, state: _State, ends: Floats, which: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Say which steps run into a null of the vector; their ends are moved there."""
        null = np.zeros(len(ends), dtype=np.bool_)
        asked = np.flatnonzero(which)
        if asked.size:
            place, length = state.place[asked], state.length[asked]
            points, found = nulls.find(self.vector, place, length, self.step)
            found &= self.walls.met(place, points) == GOING
            null[asked[found]] = True
            ends[asked[found]] = points[found]
        return null

    def _closes(
        self,
        state: _State,
        ends: Floats,
        taken: npt.NDArray[np.bool_],
        seeds: Floats,
        first: Floats,
    ) -> npt.NDArray[np.bool_]:
        """Say which steps come round to the seed; their ends are moved beside it."""
        closed = np.zeros(len(ends), dtype=np.bool_)
        if self.closure == 0.0:
            return closed
        seed, way = seeds[state.line], first[state.line]
        before, after = _along(state.place - seed, way), _along(ends - seed, way)
        crossing = np.flatnonzero(taken & (before < 0.0) & (after >= 0.0))
        if crossing.size:
            part = before[crossing] / (before[crossing] - after[crossing])
            place, stop, _ = self.rk4(state.place[crossing], part * state.length[crossing])
            x, y, z = (place - seed[crossing]).T
            reach = self.closure * state.length[crossing]
            if self.tolerance is not None:
                reach = np.minimum(reach, (state.taken[crossing] + 1) * self.tolerance)
            near = (stop == GOING) & (x * x + y * y + z * z <= reach * reach)
            closed[crossing[near]] = True
            ends[crossing[near]] = place[near]
        return closed

    def _land(self, landing: _State, record: "Record", reasons: Reasons) -> _State:
        """Follow lines to the wall that their next step would cross.

        Gives those that pass beside it after all.
        """
        places, left = landing.place.copy(), landing.length.copy()
        moved = np.zeros(len(places), dtype=np.bool_)
        flying = np.arange(len(places))
        for _ in range(LANDINGS):
            slope, stop = self.slope(places[flying])
            reach = np.minimum(self.walls.distance(places[flying], slope), left[flying])
            on = (stop == GOING) & (reach > NEAR * self.step)
            flying, reach = flying[on], reach[on]
            waiting = np.arange(len(flying))
            for part in PARTS:
                ends, stop, _ = self.rk4(places[flying[waiting]], part * reach[waiting])
                clear = stop == GOING
                these = flying[waiting[clear]]
                places[these] = ends[clear]
                left[these] -= part * reach[waiting[clear]]
                moved[these] = True
                waiting = waiting[~clear]
                if not waiting.size:
                    break
            flying = np.delete(flying, waiting)
            if not flying.size:
                break
        record.add(landing.line[moved], places[moved])
        slope, stop = self.slope(places)
        beside = moved & (stop == GOING)
        beside &= self.walls.distance(places, slope) > GRAZING * self.step
        reasons[landing.line[beside]] = GOING
        state = _State(landing.line, places, landing.length, landing.taken + moved)
        state.keep(beside & (state.taken < self.max_steps))
        return state


class Record:
    """Points in the order in which they come, in chunks: as much memory as there are points."""

    def __init__(self, lines: int) -> None:
        self._lines = lines
        self._points: list[Floats] = []
        self._owners: list[Indices] = []
        self._filled = _CHUNK

    def __len__(self) -> int:
        return len(self._owners) * _CHUNK - (_CHUNK - self._filled)

    def add(self, owners: Indices, points: Floats) -> None:
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

    def sorted(self) -> tuple[Floats, Indices]:
        """Put the points of each line together, giving them and where each line begins."""
        owners = np.concatenate([np.empty(0, dtype=np.intp), *self._owners])[: len(self)]
        order = np.argsort(owners, kind="stable")
        points = np.concatenate([np.empty((0, 3)), *self._points])[order]
        offsets = np.zeros(self._lines + 1, dtype=np.intp)
        np.cumsum(np.bincount(owners, minlength=self._lines), out=offsets[1:])
        return points, offsets


def _combined(factors: tuple[float, ...], slopes: list[Floats]) -> Floats:
    total = np.zeros_like(slopes[0])
    for factor, slope in zip(factors, slopes, strict=True):
        total += factor * slope
    return total


def _straight(slopes: list[Floats]) -> Floats:
    """Give the least cosine between the first slope and another: below 0 where one turns back."""
    straight = np.ones(len(slopes[0]))
    for slope in slopes[1:]:
        straight = np.minimum(straight, _along(slopes[0], slope))
    return straight


def _along(offsets: Floats, ways: Floats) -> Floats:
    products = offsets * ways
    return np.asarray(products[:, 0] + products[:, 1] + products[:, 2])
