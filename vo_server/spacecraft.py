"""Spacecraft: orbits by name, and positions of them at the times that are asked for."""

import re

import numpy as np

from vo_server.budget import Budget
from vo_server.errors import BadArgument, UnknownResource, excerpt
from vo_server.model.resource import Kind, Resource
from vo_server.model.time import Times, print_time
from vo_server.model.trajectory import Trajectory
from vo_server.orbit import between, timed
from vo_server.ports import Ephemeris, OrbitSource
from vo_server.registry import Entry, Registry

# Names of one spacecraft, as services and archives spell them; letters and digits alone count.
_ALIASES = (
    ("MEX", "Mars Express", "MarsExpress"),
    ("VEX", "Venus Express", "VenusExpress"),
    ("MGS", "Mars Global Surveyor"),
    ("MAVEN", "MVN"),
    ("MESSENGER", "MES"),
    ("PVO", "Pioneer Venus Orbiter", "Pioneer Venus"),
    ("MPO", "Mercury Planetary Orbiter", "BepiColombo-MPO"),
    ("MMO", "Mio", "Mercury Magnetospheric Orbiter", "BepiColombo-MMO"),
    ("Cassini", "Cassini_Public"),
    ("Galileo", "GLL"),
    ("Juno",),
    ("JUICE", "JUpiter ICy moons Explorer"),
    ("Rosetta", "ROS"),
    ("Voyager_1", "VOYAGER1", "VG1"),
    ("Voyager_2", "VOYAGER2", "VG2"),
    ("Pioneer_10", "PIONEER10", "P10"),
    ("Pioneer_11", "PIONEER11", "P11"),
    ("Ulysses", "ULY"),
    ("Stereo-A", "STEREO_AHEAD", "STA"),
    ("Stereo-B", "STEREO_BEHIND", "STB"),
    ("WIND",),
    ("ACE", "Advanced Composition Explorer"),
    ("IMP-8", "IMP8"),
    ("GEOTAIL", "GTL"),
    ("POLAR", "PLR"),
    ("INTERBALL-Tail", "INTERBALL-1"),
    ("DoubleStar1", "Double Star 1", "TC1"),
    *((f"CLUSTER{i}", f"Cluster-{i}", f"C{i}") for i in range(1, 5)),
    *((f"THEMIS-{letter}", f"TH{letter}") for letter in "ABCDE"),
    *((f"MMS{i}", f"MMS-{i}") for i in range(1, 5)),
    *((f"ISEE-{i}", f"ISEE{i}") for i in (1, 2)),
)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


_SPACECRAFT = {_plain(name): names[0] for names in _ALIASES for name in names}


def same_spacecraft(one: str, other: str) -> bool:
    """Tell whether two names are of one spacecraft."""
    first, second = (_SPACECRAFT.get(_plain(name), _plain(name)) for name in (one, other))
    return first == second


def find_orbit(registry: Registry, spacecraft: str, body: str | None, *, argument: str) -> Entry:
    """Give the orbit of a spacecraft; of more than one that around the body.

    Raises UnknownResource naming the spacecraft whose orbits are served.
    """
    orbits = [r for r in registry.all(Kind.ORBIT) if r.spacecraft is not None]
    found = [r for r in orbits if r.spacecraft and same_spacecraft(r.spacecraft, spacecraft)]
    if len(found) > 1 and body is not None:
        near = [r for r in found if around(r) == body.casefold()]
        found = near or found
    if len(found) > 1:
        named = ", ".join(resource.id for resource in found)
        raise UnknownResource(
            f"{argument} {excerpt(spacecraft)} has more than one orbit here: {named}",
            argument=argument,
        )
    if found:
        entry = registry.get(found[0].id, argument=argument)
        if isinstance(entry.provider, OrbitSource | Ephemeris):
            return entry
    names = ", ".join(sorted({r.spacecraft for r in orbits if r.spacecraft})) or "none"
    raise UnknownResource(
        f"{argument} {excerpt(spacecraft)} has no orbit here; there are orbits of: {names}",
        argument=argument,
    )


def around(orbit: Resource) -> str:
    """Name the body of an orbit, in lower case."""
    name = orbit.body.name if orbit.body else orbit.around
    return (name or "").casefold()


def sampling_times(
    start: np.datetime64, stop: np.datetime64, step: np.timedelta64, budget: Budget
) -> Times:
    """Give start, start + step, ... up to and with stop.

    Raises BadArgument for an interval that is reversed or empty, or a step that is not positive;
    TooMuch, before anything is made, for more times than the budget allows.
    """
    nanoseconds = int(step.astype("timedelta64[ns]").astype(int))
    if nanoseconds <= 0:
        raise BadArgument("Sampling must be more than zero", argument="Sampling")
    if not start < stop:
        raise BadArgument(
            f"StartTime {print_time(start)} must lie before StopTime {print_time(stop)}",
            argument="StartTime",
        )
    # Two times may lie further apart than 64 bits count nanoseconds.
    first, last = (int(time.astype("datetime64[ns]").astype(int)) for time in (start, stop))
    length = last - first
    count = length // nanoseconds + 1
    budget.allow("points", count, argument="Sampling")
    return start + np.arange(count) * np.timedelta64(nanoseconds, "ns")


def orbit_at(orbit: Entry, times: Times, budget: Budget, *, argument: str) -> Trajectory:
    """Give the positions of an orbit at times, with the columns Time, X, Y, Z.

    Where the source knows them at any time they are its own, else `positions_at` makes them.
    Raises BadArgument where there is none at any of the times, and what the source raises.
    """
    resource, source = orbit.resource, orbit.provider
    if not isinstance(source, Ephemeris):
        assert isinstance(source, OrbitSource)
        return positions_at(source.orbit(resource, None), times, argument=argument)
    positions = source.positions(resource, times, budget)
    if not np.isfinite(positions).any():
        raise BadArgument(
            f"the orbit of {argument} is not known at any time that is asked for",
            argument="StartTime",
        )
    return timed(times, positions, resource.frame)


def positions_at(orbit: Trajectory, times: Times, *, argument: str) -> Trajectory:
    """Give the positions of an orbit at times, with the columns Time, X, Y, Z.

    Between positions the cubic through the nearest four is taken; before the first, behind the
    last and across a gap they are NaN. Raises BadArgument where the orbit has no times, or none
    of those asked for lies in it.
    """
    if orbit.times is None or not len(orbit.times):
        raise BadArgument(f"the orbit of {argument} has no times", argument=argument)
    order = np.argsort(orbit.times, kind="stable")
    known = orbit.times[order]
    positions = between(known, orbit.positions[order], times)
    positions[(times < known[0]) | (times > known[-1])] = np.nan
    if not np.isfinite(positions).any():
        raise BadArgument(
            f"the orbit of {argument} is known from {print_time(known[0])} to "
            f"{print_time(known[-1])}; no time asked for lies in it",
            argument="StartTime",
        )
    return timed(times, positions, orbit.frame)
