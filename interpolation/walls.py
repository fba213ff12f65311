"""The walls at which lines and particles end: the domain, a region, the surface of a body."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from interpolation.body import Sphere, inside_body
from interpolation.ends import EndReason, Reasons
from interpolation.rectilinear import Floats

Box = tuple[Floats, Floats]
Corner = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Walls:
    """Where a field is defined, and where lines are to end; the boxes as two corners (3,)."""

    domain: Box
    region: Box | None
    body: Sphere | None

    def beyond(self, points: Floats) -> Reasons:
        """Say which points (n, 3) lie beyond a wall, and which wall; 0 for those that do not."""
        reasons = np.zeros(len(points), dtype=np.uint8)
        if self.region is not None:
            reasons[_outside(points, self.region)] = EndReason.LEFT_REGION
        if self.body is not None:
            reasons[inside_body(points, self.body)] = EndReason.REACHED_BODY
        reasons[_outside(points, self.domain)] = EndReason.LEFT_DOMAIN
        return reasons

    def met(self, points: Floats, ends: Floats, bulge: Floats | float = 0.0) -> Reasons:
        """Say which wall a step from points (n, 3) to their ends meets; 0 for none.

        bulge: how far, in lengths of a step, it may leave the straight way: by so much that must
        go through the body, or the step may pass beside it.
        """
        reasons = self.beyond(ends)
        if self.body is not None:
            ahead = self._to_body(points, ends - points, bulge)
            reasons[(reasons == 0) & (ahead < 1.0)] = EndReason.REACHED_BODY
        return reasons

    def distance(self, points: Floats, ways: Floats) -> Floats:
        """Give how far each point is from the first wall ahead, in lengths of its way (n, 3)."""
        nearest = np.full(len(points), np.inf)
        for box in (self.domain, self.region):
            if box is None:
                continue
            for low, high, place, way in zip(*box, points.T, ways.T, strict=True):
                with np.errstate(divide="ignore", invalid="ignore"):
                    ahead = (np.where(way > 0.0, high, low) - place) / way
                nearest = np.where((way != 0.0) & (ahead < nearest), ahead, nearest)
        if self.body is not None:
            ahead = self._to_body(points, ways, 0.0)
            nearest = np.where(ahead < nearest, ahead, nearest)
        return np.asarray(np.maximum(nearest, 0.0))

    def _to_body(self, points: Floats, ways: Floats, bulge: Floats | float) -> Floats:
        """Give how far the body is ahead, in lengths of the way; infinite where it is not.

        Its radius is less by the bulge.
        """
        assert self.body is not None
        x, y, z = points.T - np.array(self.body.centre)[:, None]
        u, v, w = ways.T
        approach = x * u + y * v + z * w
        square = u * u + v * v + w * w
        radius = np.maximum(self.body.radius - bulge * np.sqrt(square), 0.0)
        beside = x * x + y * y + z * z - radius * radius
        root = approach * approach - square * beside
        with np.errstate(invalid="ignore", divide="ignore"):
            ahead = (-approach - np.sqrt(root)) / square
        return np.where((radius > 0.0) & (approach < 0.0) & (root >= 0.0), ahead, np.inf)

    @property
    def numbers(self) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
        """The walls as compiled kernels take them: domain, region and sphere.

        A box is its lower and its upper corner; that of the domain again for no region. A sphere
        is its centre and radius, a radius of 0 for none.
        """
        domain, region = (
            tuple(np.concatenate(corners).tolist())
            for corners in (self.domain, self.domain if self.region is None else self.region)
        )
        sphere = (0.0,) * 4 if self.body is None else (*self.body.centre, self.body.radius)
        return domain, region, sphere


def box(name: str, corners: tuple[npt.ArrayLike, npt.ArrayLike]) -> Box:
    """Give the two corners of a box as arrays; raises ValueError where they make no box."""
    lower, upper = (np.asarray(corner, dtype=np.float64) for corner in corners)
    if lower.shape != (3,) or upper.shape != (3,):
        raise ValueError(f"{name} is {corners}; two corners of three numbers are wanted")
    if not (lower < upper).all():
        raise ValueError(f"{name} is {corners}; its lower corner must lie below its upper one")
    return lower, upper


def _outside(points: Floats, corners: Box) -> npt.NDArray[np.bool_]:
    lower, upper = corners
    inside: npt.NDArray[np.bool_] = np.all((lower <= points) & (points <= upper), axis=1)
    return ~inside
