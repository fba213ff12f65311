"""Provider `spice`: a spacecraft's orbit from SPICE kernels, at any time that they cover.

Positions are geometric, without light time. Around a body that goes round the Sun the frames MSO,
VSO, JSO, KSO and CSO have x towards the Sun and z along the pole of the body's orbit (Vignes et al.
2000, Geophys. Res. Lett. 27, 49; the same for other bodies). Earth's and the Sun's are those of
`vo_server.rotations`; any other is taken from the kernels where `kernel_frame` names one.
"""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from vo_server.budget import Budget
from vo_server.errors import BadFile, Refusal, TooMuch, WrongFrame
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.model.run import BodyName, Duration, Identifier, Length, Name, Time
from vo_server.model.space import Body, Frame, Points
from vo_server.model.time import TimeInterval, Times, parse_time
from vo_server.model.trajectory import Trajectory
from vo_server.orbit import timed
from vo_server.ports import Site
from vo_server.providers.spice_kernels import INERTIAL, Floats, Kernels
from vo_server.rotations import FIRST, GEOCENTRIC, HELIOCENTRIC, LAST, Sky
from vo_server.units import quantity

# Frames of a body's orbit around the Sun, by the bodies that they are told of; CSO of any other.
_ORBITAL = {
    "MSO": ("MARS", "MERCURY"),
    "VSO": ("VENUS",),
    "JSO": ("JUPITER",),
    "KSO": ("SATURN",),
}
_COMETS = "CSO"
_AROUND = {"EARTH": GEOCENTRIC, "SUN": HELIOCENTRIC}
_MOST = 2_000_000  # positions of an orbit
_BLOCK = 4_096
_PATIENT = Budget(seconds=float("inf"))
_FAR = np.datetime64("2200-01-01", "ns")
_SECOND = np.timedelta64(10**9, "ns")


class SpiceOptions(BaseModel):
    """Options of `spice`.

    kernels: patterns of the files, relative to the node file, loaded in this order: leap seconds,
    the spacecraft's and the planets' orbits, and what a frame needs; spacecraft: published name;
    target, center: what SPICE calls it and the body, where otherwise; kernel_frame: what SPICE
    calls the frame, where the kernels define it; step: between the positions of the whole orbit;
    start, stop: what is served of it; body_radius, id: as in `orbit-files`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    kernels: tuple[str, ...] = Field(min_length=1)
    spacecraft: str = Field(pattern=r"^[A-Za-z0-9_.+-]+$")
    target: str | None = Field(None, pattern=r"^[A-Za-z0-9_ .+-]{1,36}$")
    body: BodyName
    center: str | None = Field(None, pattern=r"^[A-Za-z0-9_ .+-]{1,36}$")
    frame: Name
    kernel_frame: str | None = Field(None, pattern=r"^[A-Za-z0-9_.-]{1,32}$")
    step: Duration = "60 s"
    start: Time | None = None
    stop: Time | None = None
    body_radius: Length | None = None
    id: Identifier | None = None


class SpiceOrbits:
    """Serves one spacecraft's orbit around a body."""

    Options = SpiceOptions

    def __init__(self, options: SpiceOptions, site: Site) -> None:
        self._options = options
        self._site = site
        self._id = site.orbit_id(options.spacecraft, options.id)
        self._target = options.target or options.spacecraft
        self._center = options.center or options.body
        self._frame = Frame(options.frame)
        nanoseconds = round(quantity(options.step, "s", argument="step") * 1e9)
        self._step = np.timedelta64(nanoseconds, "ns")
        self._kernels: Kernels | None = None
        self._windows: list[TimeInterval] = []
        self._resource: Resource | None = None
        self._refused: tuple[Refused, ...] = ()

    def resources(self) -> Sequence[Resource]:
        """Give the orbit; the kernels are looked at again only when one of them changed."""
        files = [path for pattern in self._options.kernels for path in self._site.match(pattern)]
        try:
            kernels = Kernels.of(files)
            if kernels != self._kernels:
                self._kernels, self._resource = kernels, None
                self._refused = ()
                self._resource = self._look(kernels)
        except Refusal as err:
            self._refused = (Refused(", ".join(self._options.kernels), err.message),)
        return [] if self._resource is None else [self._resource]

    def refused(self) -> Sequence[Refused]:
        """Say why the orbit is not served, as of the last `resources()`."""
        return self._refused

    def orbit(self, resource: Resource, interval: TimeInterval | None) -> Trajectory:
        """Give positions at every step of the times that are covered."""
        kept = [self._steps(window, interval) for window in self._windows]
        times = np.concatenate(kept) if kept else np.empty(0, "datetime64[ns]")
        return timed(times, self.positions(resource, times, _PATIENT), self._frame)

    def positions(self, resource: Resource, times: Times, budget: Budget) -> Points:
        """Give positions (n, 3) in m at times; see `vo_server.ports.Ephemeris`."""
        kernels = self._kernels
        if kernels is None or resource.version != kernels.version:
            raise BadFile(f"the kernels of {resource.id} were replaced just now; ask again")
        covered = np.zeros(len(times), bool)
        for window in self._windows:
            covered |= window.holds(times)
        points = np.full((len(times), 3), np.nan)
        rows = np.flatnonzero(covered)
        for start in range(0, len(rows), _BLOCK):
            budget.spend()
            block = rows[start : start + _BLOCK]
            points[block] = self._at(kernels, times[block])
        return points

    def _steps(self, window: TimeInterval, interval: TimeInterval | None) -> Times:
        """Give the times of a window that are whole steps after its start, in an interval."""
        start, stop = window.start, window.stop
        if interval is not None:
            late = max(interval.start - start, np.timedelta64(0, "ns"))
            start, stop = start + -(-late // self._step) * self._step, min(stop, interval.stop)
        return np.arange(start, max(start, stop), self._step, dtype="datetime64[ns]")

    def _at(self, kernels: Kernels, times: Times) -> Points:
        when = kernels.seconds(times)
        celestial = kernels.states(self._target, self._center, when)[:, :3]
        return np.asarray(np.einsum("nij,nj->ni", self._axes(kernels, times, when), celestial))

    def _axes(self, kernels: Kernels, times: Times, when: Floats) -> Floats:
        """Give the frame's axes (n, 3, 3) as vectors of J2000."""
        name = self._frame.name
        if self._options.kernel_frame is not None:
            return kernels.axes(self._options.kernel_frame, when)
        if name == INERTIAL:
            return np.broadcast_to(np.eye(3), (len(when), 3, 3))
        if self._turning:
            return _AROUND[self._body][name](Sky(times))
        return _orbital(kernels.states("SUN", self._center, when))

    @property
    def _body(self) -> str:
        return self._center.strip().upper()

    @property
    def _turning(self) -> bool:
        """Whether the frame is one of `vo_server.rotations`."""
        named = self._frame.name in _AROUND.get(self._body, {})
        return named and self._options.kernel_frame is None

    def _refuse_frame(self) -> None:
        """Raise WrongFrame where nothing tells how the frame lies around the body."""
        name, body = self._frame.name, self._options.body.strip().upper()
        known = [INERTIAL, *_AROUND.get(self._body, {})]
        known += [frame for frame, bodies in _ORBITAL.items() if body in bodies]
        if not any(body in bodies for bodies in _ORBITAL.values()) and self._body not in _AROUND:
            known.append(_COMETS)
        if self._options.kernel_frame is None and name not in known:
            raise WrongFrame(
                f"SPICE gives positions of {self._target} in frame {INERTIAL}; none is known from "
                f"it to {name} around {self._options.body}, only to {', '.join(known)}: name what "
                "the kernels call it by kernel_frame"
            )

    def _look(self, kernels: Kernels) -> Resource:
        """Find out what the kernels cover; raises Refusal where they cannot serve the orbit."""
        if not kernels.files:
            raise BadFile(f"no file matches below {self._site.folder}")
        self._refuse_frame()
        windows = kernels.coverage(kernels.number(self._target))
        self._windows = [
            found for window in windows if (found := self._interval(kernels, window)) is not None
        ]
        if not self._windows:
            raise BadFile(f"the kernels hold no position of {self._target} in the times served")
        count = sum((w.stop - w.start) // self._step + 1 for w in self._windows)
        if count > _MOST:
            raise TooMuch(
                f"the orbit has {count} positions at this step, and {_MOST} are served at most; "
                "give a longer step, or start and stop"
            )
        edges = [time for w in self._windows for time in (w.start, w.stop - _SECOND)]
        if not np.isfinite(self._at(kernels, np.array(edges))).all():
            raise BadFile(f"the kernels give positions of {self._target} that are no numbers")
        options = self._options
        radius = options.body_radius
        metres = None if radius is None else quantity(radius, "m", argument="body_radius")
        return Resource(
            id=self._id,
            kind=Kind.ORBIT,
            title=f"{options.spacecraft} around {options.body}",
            parameters=timed(np.empty(0, "datetime64[ns]"), np.empty((0, 3)), self._frame)
            .table.header.parameters,
            frame=self._frame,
            body=None if metres is None else Body(options.body, metres),
            around=options.body,
            version=kernels.version,
            source=", ".join(path.name for path in kernels.files)[:300],
            spacecraft=options.spacecraft,
        )  # fmt: skip

    def _interval(self, kernels: Kernels, window: tuple[float, float]) -> TimeInterval | None:
        """Give what is served of a covered window, whole seconds of UTC within it."""
        start: np.datetime64 = FIRST
        stop: np.datetime64 = LAST if self._turning else _FAR
        if self._options.start is not None:
            start = max(start, parse_time(self._options.start))
        if self._options.stop is not None:
            stop = min(stop, parse_time(self._options.stop))
        first, last = (_utc(kernels, seconds) for seconds in window)
        # Rounded inwards, so that no rounding of a time leads out.
        first = first.astype("datetime64[s]").astype("datetime64[ns]") + _SECOND
        last = last.astype("datetime64[s]").astype("datetime64[ns]")
        start, stop = max(start, first), min(stop, last)
        return TimeInterval(start, stop) if start < stop else None


def _utc(kernels: Kernels, seconds: float) -> np.datetime64:
    with kernels.asked() as library:
        text = str(library.et2utc(seconds, "ISOC", 3))
    return parse_time(text)


def _orbital(sun: Floats) -> Floats:
    """Give axes (n, 3, 3) out of where the Sun is and moves (n, 6), seen from a body.

    x points to the Sun, z along the pole of the body's orbit.
    """
    towards, motion = sun[:, :3], sun[:, 3:]
    x = towards / np.linalg.norm(towards, axis=1, keepdims=True)
    pole = np.cross(towards, motion)
    z = pole / np.linalg.norm(pole, axis=1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], axis=1)
