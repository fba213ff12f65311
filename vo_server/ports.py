"""Ports: what the kernel asks of providers, formats and fronts; capability is asked by type."""

import glob
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from interpolation.streamline import Vector
from vo_server.budget import Budget
from vo_server.errors import BadArgument, Refusal
from vo_server.model.parameter import Parameter
from vo_server.model.request import Method, SeriesRequest
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.model.space import Box, Frame, Points
from vo_server.model.table import Table
from vo_server.model.time import TimeInterval, Times
from vo_server.model.trajectory import Trajectory


@runtime_checkable
class Field(Protocol):
    """Numbers in space: a cube, a tree of blocks or a formula look the same."""

    parameters: tuple[Parameter, ...]
    frame: Frame
    domain: Box

    def sample(
        self, points: Points, names: Sequence[str], method: Method
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Give values (len(names), n) in the parameters' units and status (n,).

        points: (n, 3) metres in `frame`. Status numbers are `interpolation.status.Status`.
        """
        ...


@runtime_checkable
class VectorField(Protocol):
    """A field whose vectors lines and particles can follow faster than by sampling it."""

    def vector(self, names: Sequence[str]) -> tuple[Vector, tuple[float, ...]] | None:
        """Give what can be followed for the components of one vector or of two, if anything.

        It is what `sample` gives by the method `linear`, but for the factor of each vector, more
        than zero, that makes it so.
        """
        ...


@runtime_checkable
class ErrorSource(Protocol):
    """A field that can tell how far off its interpolated values may be.

    estimated: the methods whose values have an estimate.
    """

    estimated: tuple[Method, ...]

    def error(self, points: Points, names: Sequence[str], method: Method) -> NDArray[np.float64]:
        """Estimate the error (len(names), n) of a method's values in the parameters' units.

        The method is one of `estimated`. NaN where there is no value.
        """
        ...


@runtime_checkable
class SpectraField(Protocol):
    """A field of particle spectra, also to be sampled bin by bin as its parameters.

    energies: lower and upper end of each bin (bins, 2) in J.
    """

    energies: NDArray[np.float64]

    def spectra(
        self, points: Points, method: Method
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Give spectra (n, bins) in the parameters' unit and status (n,)."""
        ...


@dataclass(frozen=True, slots=True)
class Site:
    """Where a provider works: the node's naming authority and the folder of its node file."""

    authority: str
    folder: Path

    def unmatched(self, pattern: str) -> Refused:
        """Say that no file matches a pattern."""
        return Refused(pattern, f"no file matches this pattern below {self.folder}")

    def orbit_id(self, spacecraft: str, given: str | None) -> str:
        """Give the id of an orbit, made where none is given; raises BadArgument for another's."""
        own = f"spase://{self.authority}/"
        id = given or f"{own}NumericalData/{spacecraft}/Orbit"
        if not id.startswith(own):
            raise BadArgument(f"id must start with {own}", argument="id")
        return id

    def match(self, pattern: str) -> list[Path]:
        """Give the files that match a pattern relative to the folder, sorted."""
        found = glob.glob(pattern, root_dir=self.folder, recursive=True)  # noqa: PTH207  # absolute
        return [path for name in sorted(found) if (path := self.folder / name).is_file()]


@dataclass(frozen=True, slots=True)
class Look:
    """What a file tells of itself, in its own words; None and '' where it does not.

    kind: output or series; frame, body: by name; radius: metres; axes: name, unit, first and last
    node along x, y, z; parameters: with the file's names and units; taken: how the file is read,
    where that could be doubted; time: name of a series' column of times; grid_open: whether values
    may lie at the nodes or amid the cells of the axes.
    """

    kind: Kind
    parameters: tuple[Parameter, ...]
    frame: str | None = None
    body: str | None = None
    radius: float | None = None
    axes: tuple[tuple[str, str | None, float, float], ...] = ()
    taken: str = ""
    time: str | None = None
    grid_open: bool = False


@runtime_checkable
class Looker(Protocol):
    """A provider's class that tells of a file that nobody has described yet."""

    def look(self, path: Path) -> Look:
        """Tell what a file holds; raises BadFile where it is none of the provider's."""
        ...


@runtime_checkable
class Provider(Protocol):
    """A source of resources; constructed with its validated `Options` and the `Site`."""

    def resources(self) -> Sequence[Resource]:
        """Give everything served now; cheap when nothing changed, asked again and again."""
        ...

    def refused(self) -> Sequence[Refused]:
        """Give the files that cannot be served, as of the last `resources()`."""
        ...


@runtime_checkable
class FieldSource(Protocol):
    """A provider whose outputs can be sampled."""

    def field(self, resource: Resource, names: Sequence[str]) -> AbstractContextManager[Field]:
        """Open the field of a resource for the named parameters."""
        ...


@runtime_checkable
class OrbitSource(Protocol):
    """A provider of spacecraft positions."""

    def orbit(self, resource: Resource, interval: TimeInterval | None) -> Trajectory:
        """Give the trajectory of an orbit resource, in the interval where one is given."""
        ...


@runtime_checkable
class Ephemeris(Protocol):
    """A provider of spacecraft positions at any time, be it an `OrbitSource` as well or not."""

    def positions(self, resource: Resource, times: Times, budget: Budget) -> Points:
        """Give positions (n, 3) in m in the orbit's frame at times (n,); NaN where not known.

        What takes long is done within the budget of the request.
        """
        ...


@runtime_checkable
class SeriesSource(Protocol):
    """A provider of time series."""

    def read(self, request: SeriesRequest) -> Iterator[Table]:
        """Give blocks that hold every record of the interval, in about the order of their times.

        Columns other than those named, and records outside the interval, may be among them:
        `vo_server.series` trims, orders and selects. A block has some thousand records.
        """
        ...


@runtime_checkable
class Format(Protocol):
    """A table format: bytes to blocks and back."""

    name: str
    extensions: tuple[str, ...]
    media_type: str

    def write(self, tables: Iterable[Table]) -> Iterator[bytes]:
        """Write a stream of blocks; the first block's header is the table's."""
        ...

    def read(self, stream: BinaryIO, budget: Budget) -> Iterator[Table]:
        """Read a client's bytes within the budget; raises BadTable, never trusts a count."""
        ...


@runtime_checkable
class AddressedFormat(Protocol):
    """A format that a service gives only under a certain form of its URLs."""

    def address(self, url: str) -> str:
        """Give the URL to fetch in place of one; those of other services as they are."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """One service of a front, for people and registries: what it is and where.

    description_url: of its machine-readable description; example: a call, for people to copy.
    """

    title: str
    url: str
    description_url: str | None = None
    example: str = ""


@runtime_checkable
class ServiceSource(Protocol):
    """A front that tells which services it offers."""

    def services(self, context: Any) -> Sequence[Service]:
        """Give the services under their public URLs."""
        ...


@dataclass(frozen=True, slots=True)
class Link:
    """Something that a front does with one resource.

    role: whether `url` is a service that is asked for it, a file that holds it, or a record that
    describes it; style: of a service, in the words of SPASE; key: what the service calls the
    resource; formats: of what it gives, in the words of SPASE; media_type: of a file or record.
    """

    title: str
    url: str
    role: Literal["service", "file", "record"] = "service"
    style: str = ""
    key: str = ""
    formats: tuple[str, ...] = ()
    media_type: str = ""


@runtime_checkable
class LinkSource(Protocol):
    """A front that tells what it can do with a resource."""

    def links(self, context: Any, resource: Resource) -> Sequence[Link]:
        """Give links under their public URLs; nothing for what it does not serve."""
        ...


class Front(Protocol):
    """A protocol: routes of a Starlette application below `prefix`."""

    prefix: str

    def routes(self, context: Any) -> list[Any]:
        """Give the Starlette routes; `context` is the node's `vo_server.context.Context`."""
        ...

    def refuse(self, request: Any, refusal: Refusal) -> Any:
        """Give the protocol's own answer to a refusal."""
        ...
