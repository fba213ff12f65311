"""Frames: positions and vectors of one coordinate frame in another, or a refusal of both names."""

from collections.abc import Callable

import numpy as np

from vo_server.errors import WrongFrame
from vo_server.model.space import Frame, Points
from vo_server.model.time import Times
from vo_server.rotations import FIRST, GEOCENTRIC, HELIOCENTRIC, LAST, Sky

_BLOCK = 65_536


def transform(
    points: Points, given: Frame | None, wanted: Frame, *, argument: str, times: Times | None = None
) -> Points:
    """Give points (n, 3) in metres in the frame `wanted`.

    given: None means that the source states no frame; its positions are then taken in the
    wanted one, as the published service contract has it. times: of the points (n,), UTC, which
    frames that turn need. Raises WrongFrame naming both frames where no exact transformation is
    known, or the times for it are missing.
    """
    if given is None or given == wanted:
        return points
    told = f"positions of {argument} are in frame {given}, the run is in {wanted}"
    moments = _moments(given, wanted, times, told=told, argument=argument)
    return _blockwise(points, moments, given, wanted, moved=True)


def turn(
    vectors: Points, given: Frame, wanted: Frame, *, argument: str, times: Times | None
) -> Points:
    """Give vectors (n, 3) along the axes of the frame `wanted`; they are not moved to its origin.

    Raises WrongFrame as `transform` does.
    """
    if given == wanted:
        return vectors
    told = f"vectors along {argument} are in frame {given}, wanted in {wanted}"
    moments = _moments(given, wanted, times, told=told, argument=argument)
    return _blockwise(vectors, moments, given, wanted, moved=False)


def _moments(
    given: Frame, wanted: Frame, times: Times | None, *, told: str, argument: str
) -> Times:
    """Give the times at which two frames can be turned into each other, or refuse both."""
    known = {**GEOCENTRIC, **HELIOCENTRIC}
    if given.name not in known or wanted.name not in known:
        raise WrongFrame(
            f"{told}; no exact transformation between them is available here", argument=argument
        )
    if times is None:
        raise WrongFrame(
            f"{told}; between these it takes the time of each, and there are none",
            argument=argument,
        )
    good = ~np.isnat(times) & (times >= FIRST) & (times < LAST)
    if not good.all():
        raise WrongFrame(
            f"{told}; between these it takes times from {str(FIRST)[:4]} to {str(LAST)[:4]}",
            argument=argument,
        )
    return times


def _blockwise(
    vectors: Points, times: Times, given: Frame, wanted: Frame, *, moved: bool
) -> Points:
    blocks = [
        _turned(vectors[block], times[block], given, wanted, moved=moved)
        for block in (slice(i, i + _BLOCK) for i in range(0, len(vectors), _BLOCK))
    ]
    return np.concatenate(blocks) if blocks else vectors


def _turned(points: Points, times: Times, given: Frame, wanted: Frame, *, moved: bool) -> Points:
    """Turn points out of one frame into another; many of one time are turned alike."""
    moments, places = np.unique(times, return_inverse=True)
    sky, which = Sky(moments), places.reshape(-1)
    celestial = np.einsum("nij,ni->nj", _frame(given, sky)[which], points)
    if moved and (given.name in GEOCENTRIC) != (wanted.name in GEOCENTRIC):
        earth = sky.earth[which]
        celestial = celestial + earth if given.name in GEOCENTRIC else celestial - earth
    return np.asarray(np.einsum("nij,nj->ni", _frame(wanted, sky)[which], celestial))


def _frame(frame: Frame, sky: Sky) -> Points:
    axes: Callable[[Sky], Points] = {**GEOCENTRIC, **HELIOCENTRIC}[frame.name]
    return axes(sky)
