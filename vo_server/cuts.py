"""Cuts: an output sampled on a plane, as a stream of table blocks."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from interpolation.cut import plane
from vo_server.budget import Budget
from vo_server.errors import BadArgument, TooMuch
from vo_server.model.parameter import Parameter
from vo_server.model.request import Corner, CutRequest, SampleRequest
from vo_server.model.space import Box, Points
from vo_server.model.table import Header, Table
from vo_server.model.trajectory import Trajectory
from vo_server.ports import FieldSource
from vo_server.sampling import describe_resource, fly

Sampler = Callable[[SampleRequest, FieldSource, Budget], Iterator[Table]]

_POSITION = tuple(
    Parameter(name.upper(), unit="m", ucd=f"pos.cartesian.{name}") for name in ("x", "y", "z")
)


def cut(
    request: CutRequest, source: FieldSource, budget: Budget, sample: Sampler = fly
) -> Iterator[Table]:
    """Sample on a plane: X, Y, Z in metres, then the parameters in SI.

    On a plane across an axis the points start at the domain's lower corner, the first of the two
    other axes outermost; on any other plane they start from its point. `sample` samples along
    them. Raises BadArgument, TooMuch and what `sample` raises, before the first block.
    """
    points = grid(request, budget)
    flight = along(request, points)
    sampled = SampleRequest(request.resource, request.names, flight, request.method)
    header: Header | None = None
    for table in sample(sampled, source, budget):
        if header is None:
            description = "\n".join(
                [
                    *describe_resource(request.resource),
                    f"Vectors in: {request.resource.frame}",
                    f"Interpolation: {request.method}",
                    f"Plane through: {_told(request.point)} m",
                    f"Plane across: {_told(request.normal)}",
                ]
            )
            header = replace(table.header, description=description)
        yield Table(header, table.columns, table.notes)


def grid(request: CutRequest, budget: Budget) -> Points:
    """Give the points (n, 3) of a plane within the output's domain."""
    resource = request.resource
    if resource.domain is None:
        raise BadArgument(f"{resource.id} has no domain to cut", argument="point")
    resolution = request.resolution if request.resolution is not None else resource.step
    if resolution is None:
        raise BadArgument(
            f"{resource.id} has no grid to take a resolution from; give one", argument="resolution"
        )
    if not 0.0 < resolution < np.inf:
        raise BadArgument("the resolution must be more than zero metres", argument="resolution")
    point, normal = np.asarray(request.point, float), np.asarray(request.normal, float)
    largest = np.abs(normal).max()
    if not 0.0 < largest < np.inf:
        raise BadArgument("the normal of the plane has no length", argument="normal")
    normal = normal / largest  # so that neither the longest nor the shortest normal overflows
    _refuse_apart(point, normal, resource.domain)
    across = np.flatnonzero(normal)
    if len(across) == 1:
        axis = int(across[0])
        point = np.where(np.arange(3) == axis, point, resource.domain.lower)
        # The sign with which the second direction of the plane points along its axis.
        normal = np.eye(3)[axis] * (-1.0 if axis == 1 else 1.0)
    corners = (resource.domain.lower, resource.domain.upper)
    try:
        with np.errstate(over="ignore"):
            return plane(point, normal, resolution, corners, most=budget.points).points
    except ValueError as err:  # all else was ruled out above
        raise TooMuch(
            f"a plane with points {resolution:g} m apart has more than {budget.points} points, "
            "this node's limit a request",
            argument="resolution",
        ) from err


def along(request: CutRequest, points: Points) -> Trajectory:
    """Give points of the output's frame as a trajectory."""
    table = Table(
        Header(_POSITION, name=request.resource.id.rpartition("/")[2]), tuple(points.T.copy())
    )
    return Trajectory(points, request.resource.frame, table, (0, 1, 2))


def _refuse_apart(point: Points, normal: Points, domain: Box) -> None:
    """Refuse a plane that misses the domain."""
    corners = np.array(list(product(*zip(domain.lower, domain.upper, strict=True))))
    heights = (corners - point) @ normal
    if not (np.isfinite(heights).all() and heights.min() <= 0.0 <= heights.max()):
        raise BadArgument("the plane does not meet the simulated domain", argument="point")


def _told(numbers: Corner) -> str:
    return " ".join(f"{number:.15g}" for number in numbers)
