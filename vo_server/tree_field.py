"""Field on refined cells: named arrays of one tree, sampled by the interpolation core."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from interpolation.blocks import METHODS, CellTree, sample_tree
from vo_server.block_cache import BlockCache
from vo_server.errors import BadArgument
from vo_server.field import Variable, in_si, obstacle
from vo_server.model.parameter import Parameter
from vo_server.model.request import Method
from vo_server.model.space import Body, Box, Frame, Points


@dataclass(frozen=True, slots=True)
class Grown:
    """The cells of a file: their tree, and the number in the file (n,) of each."""

    tree: CellTree
    order: NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        """Bytes of both."""
        return self.tree.nbytes + self.order.nbytes


@dataclass(frozen=True, slots=True, eq=False)
class KeptTree:
    """The cells of a file behind a cache: grown when they are wanted, and again when they went.

    grow: makes them; domain, step, cells: of the tree.
    """

    grow: Callable[[], Grown] = field(repr=False)
    cache: BlockCache = field(repr=False)
    domain: Box
    step: float
    cells: int

    @classmethod
    def of(cls, grow: Callable[[], Grown], cache: BlockCache) -> "KeptTree":
        """Grow the cells once, and keep them; raises what `grow` raises."""
        grown = grow()
        tree = grown.tree
        domain = Box.between(tree.lower, tree.upper)
        kept = cls(grow, cache, domain, tree.step, len(tree.levels))
        cache.get(kept, lambda: grown)
        return kept

    def load(self) -> Grown:
        """Give the cells."""
        return self.cache.get(self, self.grow)


@dataclass(frozen=True, slots=True)
class TreeField:
    """A `vo_server.ports.Field` over the centres of refined cells in metres.

    The values of a variable are those of the tree's cells, shape (cells, 1, 1).
    """

    tree: KeptTree
    variables: Mapping[str, Variable]
    frame: Frame
    body: Body

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Everything that can be sampled."""
        return tuple(variable.parameter for variable in self.variables.values())

    @property
    def domain(self) -> Box:
        """Bounds of the outermost base cells' centres."""
        return self.tree.domain

    @property
    def step(self) -> float:
        """The spacing of the finest cells."""
        return self.tree.step

    def sample(
        self, points: Points, names: Sequence[str], method: Method
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Give values (len(names), n) in SI units and status (n,); see `vo_server.ports.Field`.

        Raises BadArgument for a method that needs a plain grid.
        """
        if method not in METHODS:
            raise BadArgument(
                f"a refined grid has no {method} interpolation; it has {', '.join(METHODS)}"
            )
        chosen = [self.variables[name] for name in names]
        cells = [variable.load().reshape(-1) for variable in chosen]
        values, status = sample_tree(
            self.tree.load().tree, cells, points, method=method, body=obstacle(self.body)
        )
        return in_si(values, chosen), status


@dataclass(frozen=True, slots=True)
class TreeSpectra(TreeField):
    """Spectra on refined cells; see `vo_server.ports.SpectraField`.

    energies: lower and upper end of each bin (bins, 2) in J.
    """

    energies: NDArray[np.float64]

    def spectra(
        self, points: Points, method: Method
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Give spectra (n, bins) in the parameters' unit and status (n,)."""
        values, status = self.sample(points, list(self.variables), method)
        return values.T, status
