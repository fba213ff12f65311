"""Requests: what to compute, once the wire words are gone; lengths in metres."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vo_server.model.resource import Resource
from vo_server.model.space import Box
from vo_server.model.time import TimeInterval
from vo_server.model.trajectory import Trajectory

Method = Literal["linear", "nearest", "cubic", "nearest-cell", "corner-averaged"]
Corner = tuple[float, float, float]
# How values between two snapshots of an output that changes are made.
Join = Literal["linear", "nearest"]
Direction = Literal["forward", "backward", "both"]


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """Sample the named parameters of an output along a trajectory.

    status, error: add the column `Status`, and an estimate of the error of each parameter; join:
    between snapshots of an output that changes, None for what is like the method.
    """

    resource: Resource
    names: tuple[str, ...]
    trajectory: Trajectory
    method: Method = "linear"
    status: bool = False
    error: bool = False
    join: Join | None = None

    @property
    def in_time(self) -> Join:
        """How snapshots are joined."""
        return self.join or in_time(self.method)


def in_time(method: Method) -> Join:
    """Give how snapshots are joined where values in space are made by a method."""
    return "nearest" if method in ("nearest", "nearest-cell") else "linear"


@dataclass(frozen=True, slots=True)
class SeriesRequest:
    """Read the named columns of a time series in an interval; the first name is its time."""

    resource: Resource
    interval: TimeInterval
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LineRequest:
    """Trace lines of a vector parameter from seeds.

    quantity: the vector's name without component, such as 'B'; step: None for half the smallest
    cell; radius: lines end below it, None for the run's inner boundary; region: lines end
    outside it, None for the whole domain; tolerance: steps of at most `step` are chosen so that
    the error of each is below it, None for steps of one length.
    """

    resource: Resource
    quantity: str
    seeds: Trajectory
    direction: Direction = "both"
    step: float | None = None
    max_steps: int = 1000
    radius: float | None = None
    region: Box | None = None
    tolerance: float | None = None


@dataclass(frozen=True, slots=True)
class CutRequest:
    """Sample the named parameters of an output on a plane.

    point, normal: of the plane, in the run's frame; resolution: metres between the points, None
    for the smallest step of the grid.
    """

    resource: Resource
    names: tuple[str, ...]
    point: Corner
    normal: Corner
    resolution: float | None = None
    method: Method = "linear"


@dataclass(frozen=True, slots=True)
class SpectraRequest:
    """Sample the energy spectra of an output along a trajectory.

    channels: Ch0, Ch1, ... of the bins wanted, all where none is named.
    """

    resource: Resource
    trajectory: Trajectory
    channels: tuple[str, ...] = ()
    method: Method = "nearest"


@dataclass(frozen=True, slots=True, eq=False)
class TrackRequest:
    """Follow charged particles through the fields of an output.

    starts: where from; velocities (n, 3) in m/s, mass (n,) in kg and charge (n,) in C of each;
    step: metres that a particle goes in a step at its first speed, None for a step that resolves
    its gyration and the grid; radius, region: as in `LineRequest`.
    """

    resource: Resource
    starts: Trajectory
    velocities: NDArray[np.float64]
    mass: NDArray[np.float64]
    charge: NDArray[np.float64]
    direction: Direction = "forward"
    step: float | None = None
    max_steps: int = 1000
    radius: float | None = None
    region: Box | None = None
    method: Method = "linear"
