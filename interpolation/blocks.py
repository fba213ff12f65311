"""Refined grids: cells of a base lattice, some divided into eight, these again, and so on.

Between the centres of eight cells of one level values are trilinear. Where only some of the
eight exist at a level, the value u there is joined to that of the next coarser level, C:

    u = (1 - s) I(v) + s C,    v = the cells' own values, C at the centres that have none

with I the trilinear interpolation between the eight centres and s that of 1 at centres without
a cell, 0 at the others. So u is continuous across levels, takes the value of every cell at its
centre, never leaves the range of the cells it is made of, is what a plain grid gives wherever all
eight cells exist, and gives trilinear functions exactly (but within half a base cell of the
domain's faces where cells there are refined: no value lies beyond to be exact with).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from interpolation.body import Sphere, inside_body
from interpolation.layout import Indices, Values
from interpolation.locate import points_array
from interpolation.rectilinear import Floats
from interpolation.sample import Statuses
from interpolation.status import Status

_EIGHT = np.indices((2, 2, 2)).reshape(3, 8)
_DEEPEST = 20


@dataclass(frozen=True, eq=False)
class CellTree:
    """N cells, each of a level and with an index (3,) on the lattice of its level.

    shape: cells of the base lattice; centre: of its first cell; spacing: between its centres;
    levels (N,): 0 for the base, every one halving the spacing; indices (N, 3). A cell whose
    eight children are there is refined: its own value is never used. Raises ValueError where
    the cells are no such tree: a base cell missing, a cell twice, or some children of eight.
    """

    shape: tuple[int, int, int]
    centre: tuple[float, float, float]
    spacing: float
    levels: npt.NDArray[np.intp]
    indices: Indices

    def __post_init__(self) -> None:
        if min(self.shape) < 2 or not 0 < self.spacing < np.inf:
            raise ValueError("a base lattice wants two cells along each axis and a spacing")
        if self.indices.shape != (len(self.levels), 3):
            raise ValueError("every cell wants a level and an index of three numbers")
        if not len(self.levels) or self.levels.min() < 0 or self.levels.max() > _DEEPEST:
            raise ValueError(f"levels must lie between 0 and {_DEEPEST}")
        ends = np.array(self.shape) << self.levels[:, None]
        if ((self.indices < 0) | (self.indices >= ends)).any():
            raise ValueError("a cell lies outside the base lattice")
        if np.count_nonzero(self.levels == 0) != np.prod(self.shape):
            raise ValueError("cells of the base lattice are missing or there twice")
        for level, (keys, _) in enumerate(self._lookup):
            if (np.diff(keys) == 0).any():
                raise ValueError(f"a cell of level {level} is there twice")
        for level in range(1, len(self._lookup)):
            self._check_families(level)

    def _check_families(self, level: int) -> None:
        """Raise ValueError unless the cells of a level are eight each of a cell above."""
        own = self.indices[self.levels == level]
        parents, count = np.unique(self._keys(level - 1, own // 2), return_counts=True)
        if (count != 8).any():
            raise ValueError(f"a cell of level {level - 1} has only some of its eight children")
        if (self._find(level - 1, parents) < 0).any():
            raise ValueError(f"a cell of level {level} has no parent")

    @cached_property
    def _lookup(self) -> tuple[tuple[Indices, Indices], ...]:
        """Sorted keys of the cells of each level, and their numbers."""
        found = []
        for level in range(int(self.levels.max()) + 1):
            numbers = np.flatnonzero(self.levels == level)
            keys = self._keys(level, self.indices[numbers])
            order = np.argsort(keys)
            found.append((keys[order], numbers[order]))
        return tuple(found)

    def _keys(self, level: int, indices: Indices) -> Indices:
        _, ny, nz = (count << level for count in self.shape)
        return np.asarray((indices[..., 0] * ny + indices[..., 1]) * nz + indices[..., 2])

    def _find(self, level: int, keys: Indices) -> Indices:
        """Give the numbers of cells by their keys, -1 where there is no such cell."""
        known, numbers = self._lookup[level]
        if not len(known):
            return np.full(keys.shape, -1)
        place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        return np.where(known[place] == keys, numbers[place], -1)

    @property
    def nbytes(self) -> int:
        """Bytes of the cells with what is found from them: keys, families and centres."""
        beside = 16 + 9 + 24  # of each cell; of a family, of eight children, there are nine numbers
        return int(self.levels.nbytes + self.indices.nbytes + beside * len(self.levels))

    @cached_property
    def lower(self) -> Floats:
        """Lower corner of the domain: the centre of the first base cell."""
        return np.array(self.centre, dtype=np.float64)

    @cached_property
    def upper(self) -> Floats:
        """Upper corner of the domain: the centre of the last base cell."""
        return np.asarray(self.lower + self.spacing * (np.array(self.shape) - 1))

    @property
    def step(self) -> float:
        """The smallest spacing."""
        return float(self.spacing / 2 ** int(self.levels.max()))

    @cached_property
    def centres(self) -> Floats:
        """Centres of all cells, (N, 3)."""
        spacing = self.spacing / 2.0 ** self.levels[:, None]
        return np.asarray(self.lower - self.spacing / 2 + (self.indices + 0.5) * spacing)

    @cached_property
    def _family(self) -> tuple[tuple[Indices, Indices], ...]:
        """For each level but the finest, refined cells and their children (n, 8)."""
        found = []
        for level in range(len(self._lookup) - 1):
            numbers = self._lookup[level][1]
            first = self.indices[numbers] * 2
            children = self._find(level + 1, self._keys(level + 1, first[:, None] + _EIGHT.T[None]))
            refined = (children >= 0).all(axis=1)
            found.append((numbers[refined], children[refined]))
        return tuple(found)

    def filled(self, values: Values) -> Floats:
        """Give a variable (N,) with the mean of its children in every refined cell."""
        if values.shape != self.levels.shape or values.dtype.kind not in "biuf":
            raise ValueError(
                f"a variable has shape {values.shape} and type {values.dtype}; "
                f"{self.levels.shape} real numbers are wanted"
            )
        whole = values.astype(np.float64)
        for refined, children in reversed(self._family):
            whole[refined] = whole[children].mean(axis=1)
        return whole

    def locate(self, points: npt.ArrayLike, method: str = "linear") -> "TreePlan":
        """Find what every one of the points (n, 3) is made of, by a method of METHODS.

        Raises ValueError for another method or shape.
        """
        if method not in METHODS:
            raise ValueError(f"method is {method!r}; a refined grid has {', '.join(METHODS)}")
        positions = points_array(points)
        bad = np.asarray(~np.isfinite(positions).all(axis=1))
        inside = np.asarray(((self.lower <= positions) & (positions <= self.upper)).all(axis=1))
        weights = METHODS[method](self, positions[inside])
        return TreePlan(self, positions, inside, bad, weights)

    def _linear(self, points: Floats) -> sparse.csr_array:
        return self._weights(len(self._lookup) - 1, points)

    def _nearest(self, points: Floats) -> sparse.csr_array:
        leaves = self._leaves(points)
        return self._matrix(np.ones(len(points)), np.arange(len(points)), leaves, len(points))

    def _corner_averaged(self, points: Floats) -> sparse.csr_array:
        """Weigh the corners of the leaf that holds each point, of the leaves round each corner.

        These count by 1 / their size, as often as they hold an eighth of what is round the
        corner, as in `Tgrid::intpol` of the HYB code.
        """
        leaves = self._leaves(points)
        size = self.spacing / 2.0 ** self.levels[leaves, None]
        across = (points - self.centres[leaves]) / size + 0.5
        sides = np.stack([1.0 - across, across])
        ways = 2 * _EIGHT.T - 1
        rows, cells, weights = [], [], []
        for way in ways:
            corner = self.centres[leaves] + way * size / 2
            share = np.prod(
                [sides[(side + 1) // 2][:, axis] for axis, side in enumerate(way)], axis=0
            )
            round_it = np.stack([self._leaves(corner + by * self.step / 4) for by in ways])
            heavy = np.where(round_it >= 0, 2.0 ** self.levels[round_it], 0.0)
            heavy *= share / heavy.sum(axis=0)
            eighth, row = np.nonzero(round_it >= 0)
            rows.append(row)
            cells.append(round_it[eighth, row])
            weights.append(heavy[eighth, row])
        return self._matrix(
            np.concatenate(weights), np.concatenate(rows), np.concatenate(cells), len(points)
        )

    def _matrix(
        self, weights: Floats, rows: Indices, cells: Indices, count: int
    ) -> sparse.csr_array:
        return sparse.csr_array((weights, (rows, cells)), shape=(count, len(self.levels)))

    def _leaves(self, points: Floats) -> Indices:
        """Give the leaf cell that holds each point, -1 outside the base cells."""
        found = np.full(len(points), -1)
        for level in range(len(self._lookup)):
            scale = 2**level
            along = (points - (self.lower - self.spacing / 2)) / (self.spacing / scale)
            index = np.floor(along).astype(np.intp)
            within = ((index >= 0) & (index < np.array(self.shape) * scale)).all(axis=1)
            cells = self._find(level, self._keys(level, np.where(within[:, None], index, 0)))
            found = np.where(within & (cells >= 0), cells, found)
        return found

    def _weights(self, level: int, points: Floats) -> sparse.csr_array:
        """Give the weight of every cell in the value at each point, (n, N), up to a level."""
        count = len(points)
        scale = 2**level
        spacing = self.spacing / scale
        along = (points - (self.lower - self.spacing / 2 + spacing / 2)) / spacing
        last = np.array(self.shape) * scale - 2
        index = np.clip(np.floor(along), 0, last).astype(np.intp)
        # Centres beyond the domain take the value on its face.
        part = np.clip(along - index, 0.0, 1.0).T
        sides = np.stack([1 - part, part])
        weights = np.prod([sides[_EIGHT[axis], axis] for axis in range(3)], axis=0).T
        corners = index[:, None] + _EIGHT.T[None]
        cells = self._find(level, self._keys(level, corners))
        real = cells >= 0
        share = np.where(real, 0.0, weights).sum(axis=1)
        weights *= (1.0 - share)[:, None]
        rows = np.repeat(np.arange(count), 8).reshape(count, 8)
        own = self._matrix(weights[real], rows[real], cells[real], count)
        rest = np.flatnonzero(~real.all(axis=1))
        if level == 0 or not rest.size:
            return own
        # The next coarser level's value at the point, and at centres that have no cell.
        alone = ~real[rest].any(axis=1)
        row, corner = np.nonzero(~real & real.any(axis=1, keepdims=True))
        centres = self.lower - self.spacing / 2 + (corners[row, corner] + 0.5) * spacing
        coarse = self._weights(level - 1, np.concatenate([points[rest], centres]))
        factors = np.concatenate([np.where(alone, 1.0, share[rest]), weights[row, corner]])
        rows = np.concatenate([rest, row])
        join = sparse.csr_array((factors, (rows, np.arange(len(rows)))), shape=(count, len(rows)))
        return sparse.csr_array(own + join @ coarse)


METHODS: dict[str, Callable[[CellTree, Floats], sparse.csr_array]] = {
    "linear": CellTree._linear,
    "nearest": CellTree._nearest,
    "nearest-cell": CellTree._nearest,
    "corner-averaged": CellTree._corner_averaged,
}


@dataclass(frozen=True, slots=True, eq=False)
class TreePlan:
    """What n points on a tree are made of: found once, used for every variable and time step.

    inside, bad: (n,) bool as in `interpolation.locate.Plan`; weights: of the N cells in each of
    the points inside.
    """

    tree: CellTree
    points: Floats
    inside: npt.NDArray[np.bool_]
    bad: npt.NDArray[np.bool_]
    weights: sparse.csr_array

    def gather(self, values: Sequence[Floats]) -> Floats:
        """Interpolate V variables, as `CellTree.filled` gives them, to (V, n) float64.

        Points outside are NaN, and so is a point with a NaN cell in its stencil.
        """
        result = np.full((len(values), len(self.points)), np.nan)
        with np.errstate(invalid="ignore", over="ignore"):
            for variable, row in zip(values, result, strict=True):
                row[self.inside] = self.weights @ variable
        return result

    def touches(self, body: Sphere) -> npt.NDArray[np.bool_]:
        """Say whose stencil has the centre of a cell inside the body, as (n,) bool."""
        within = inside_body(self.tree.centres, body).astype(np.float64)
        pattern = self.weights.copy()
        pattern.data = (pattern.data != 0.0).astype(np.float64)
        touched = np.zeros(len(self.points), dtype=np.bool_)
        touched[self.inside] = pattern @ within > 0
        return touched


def sample_tree(
    tree: CellTree,
    values: Sequence[Floats],
    points: npt.ArrayLike,
    *,
    method: str = "linear",
    body: Sphere | None = None,
) -> tuple[Floats, Statuses]:
    """Sample V variables, as `CellTree.filled` gives them, at points (n, 3).

    Gives values (V, n) and status (n,) as `interpolation.sample.sample` does. The method is one
    of METHODS, of which 'nearest' and 'nearest-cell' are the same on cells. Raises ValueError for
    another.
    """
    plan = tree.locate(points, method)
    result = plan.gather(values)
    status = np.zeros(len(plan.points), dtype=np.uint8)
    if body is not None:
        status[plan.touches(body)] = Status.TOUCHES_BODY
    status[np.isnan(result).any(axis=0)] = Status.MASKED
    if body is not None:
        status[inside_body(plan.points, body)] = Status.INSIDE_BODY
    status[~plan.inside] = Status.OUTSIDE
    status[plan.bad] = Status.BAD_INPUT
    result[:, status >= Status.INSIDE_BODY] = np.nan
    return result, status
