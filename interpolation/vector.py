"""A vector field on a grid, as lines and particles are led by it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from interpolation.body import Sphere, inside_body, refuse_images
from interpolation.gather import gather
from interpolation.layout import Group, Values, Variables, prepare
from interpolation.locate import locate
from interpolation.rectilinear import Floats, Grid


@dataclass(frozen=True, slots=True, eq=False)
class GridVector:
    """Components on one grid, trilinear between its nodes; NaN outside, and inside the body.

    Called with points (n, 3) it gives the vectors (n, C), C components: three of one vector,
    or six of two. Compiled kernels follow it much faster than a function.
    """

    grid: Grid
    components: Variables
    body: Sphere | None = None

    def __post_init__(self) -> None:
        refuse_images(self.body, self.grid.periodic)

    @classmethod
    def of(
        cls, grid: Grid, values: Sequence[Values] | Variables, body: Sphere | None = None
    ) -> "GridVector":
        """Make the field from arrays of the grid's shape; raises ValueError as `sample` does."""
        return cls(grid, prepare(grid, values), body)

    def __call__(self, points: Floats) -> Floats:
        """Give the vectors (n, C) at points (n, 3)."""
        vectors = gather(locate(self.grid, points), self.components).T
        if self.body is not None:
            vectors[inside_body(points, self.body)] = np.nan
        return vectors

    def check(self, components: int) -> None:
        """Raise ValueError unless there are so many components."""
        found = len(self.components.values)
        if found != components:
            raise ValueError(f"the field has {found} components; {components} are wanted")

    @property
    def domain(self) -> tuple[Floats, Floats]:
        """Lower and upper corner of where the field is; without end along a periodic axis."""
        periodic = np.array(self.grid.periodic)
        return (
            np.where(periodic, -np.inf, self.grid.lower),
            np.where(periodic, np.inf, self.grid.upper),
        )

    @property
    def sphere(self) -> tuple[float, float, float, float]:
        """Centre and radius of the body as compiled kernels take them; a radius of 0 for none."""
        return (0.0,) * 4 if self.body is None else (*self.body.centre, self.body.radius)

    @property
    def group(self) -> Group | None:
        """The components as compiled kernels read them; None where they cannot."""
        groups = self.components.groups
        alike = len(groups) == 1 and len(groups[0].rows) == len(self.components.values)
        return groups[0] if alike else None
