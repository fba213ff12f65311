"""SPICE kernels: files that are loaded together, and what is asked of the library that reads them.

The library has one pool of kernels a process and is no friend of threads: a set of kernels is
asked under one lock, and takes the place of any other set that is loaded.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vo_server.clock import to_tt2000
from vo_server.errors import BadArgument, BadFile
from vo_server.model.time import Times
from vo_server.providers.stamp import stamp

Floats = NDArray[np.float64]

INERTIAL = "J2000"
_LONGEST = 250  # characters of a path that the library takes
_META = (".tm", ".mk", ".furnsh")


def spice() -> Any:
    """Give the library; raises BadArgument where it is not installed."""
    try:
        import spiceypy
    except ImportError as err:
        raise BadArgument(
            "the provider spice needs spiceypy: pip install 'vo-server[spice]'", argument="use"
        ) from err
    return spiceypy


@dataclass(frozen=True, slots=True)
class Kernels:
    """A set of kernel files, the later ones before the earlier; version: their stamp."""

    files: tuple[Path, ...]
    version: str

    _lock: ClassVar[threading.Lock] = threading.Lock()
    _loaded: ClassVar["list[Kernels]"] = []

    @classmethod
    def of(cls, files: Sequence[Path]) -> "Kernels":
        """Give the set; raises BadFile for a meta-kernel, whose paths mean nothing here."""
        for path in files:
            if path.suffix.lower() in _META:
                raise BadFile(f"{path.name} is a meta-kernel; list the kernels that it names")
            if len(str(path)) > _LONGEST:
                raise BadFile(f"the path of {path.name} is longer than the library takes")
        return cls(tuple(files), stamp(*files))

    @contextmanager
    def asked(self) -> Iterator[Any]:
        """Give the library with these kernels loaded and nobody else in it.

        What it refuses is raised as BadFile.
        """
        library = spice()
        with self._lock:
            try:
                if self._loaded != [self]:
                    self._loaded.clear()
                    library.kclear()
                    for path in self.files:
                        library.furnsh(str(path))
                    self._loaded.append(self)
                yield library
            except library.utils.exceptions.SpiceyError as err:
                raise BadFile(f"SPICE: {_told(err)}") from err

    def coverage(self, target: int) -> list[tuple[float, float]]:
        """Give the intervals (TDB, seconds since J2000) in which a body's positions are known."""
        with self.asked() as library:
            window = library.utils.support_types.SPICEDOUBLE_CELL(20_000)
            for path in self.files:
                if library.getfat(str(path))[1] == "SPK":
                    library.spkcov(str(path), target, window)
            count = library.wncard(window)
            return [library.wnfetd(window, i) for i in range(count)]

    def number(self, name: str) -> int:
        """Give the number of a body by name or number; raises BadArgument for an unknown one."""
        with self.asked() as library:
            try:
                return int(library.bods2c(name))
            except library.utils.exceptions.NotFoundError as err:
                raise BadArgument(f"SPICE knows no body {name}", argument="target") from err

    def seconds(self, times: Times) -> Floats:
        """Give times (n,) in UTC as TDB, seconds since J2000; NaN for those before 1972 and NaT."""
        known = ~np.isnat(times) & (times >= np.datetime64("1972-01-01", "ns"))
        result = np.full(len(times), np.nan)
        terrestrial = to_tt2000(times[known]) / 1e9
        with self.asked() as library:
            result[known] = [library.unitim(t, "TDT", "TDB") for t in terrestrial.tolist()]
        return result

    def states(self, target: str, center: str, when: Floats) -> Floats:
        """Give geometric position and velocity (n, 6) in m and m/s, in the frame J2000."""
        return self._each(
            lambda library, t: library.spkezr(target, t, INERTIAL, "NONE", center)[0], when, (6,)
        ) * 1e3  # fmt: skip

    def axes(self, frame: str, when: Floats) -> Floats:
        """Give the axes (n, 3, 3) of a frame that the kernels define, as vectors of J2000."""
        return self._each(lambda library, t: library.pxform(INERTIAL, frame, t), when, (3, 3))

    def _each(
        self, ask: Callable[[Any, float], Any], when: Floats, shape: tuple[int, ...]
    ) -> Floats:
        result = np.empty((len(when), *shape))
        with self.asked() as library:
            for i, t in enumerate(when.tolist()):
                result[i] = ask(library, t)
        return result


def _told(error: Any) -> str:
    """Say what the library refuses, in one line without its traceback."""
    text = f"{getattr(error, 'short', '')} {getattr(error, 'long', '') or error}"
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]
