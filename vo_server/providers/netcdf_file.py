"""netCDF files on disk: opened under one lock a process, missing values as NaN."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import NDArray

from vo_server.blocks import Blocks, Chunking, Formed, Shape, Window
from vo_server.errors import BadFile, BadTable
from vo_server.formats.classic_header import Placed, read_header
from vo_server.providers.disk_file import DiskFile
from vo_server.providers.hdf5_chunks import LOCK, ChunkTable, Place, opened_hdf5, storage
from vo_server.providers.strided import Strided
from vo_server.providers.unpacking import Unpacking, unpacking

_ERRORS = (OSError, RuntimeError, LookupError, AttributeError, ValueError, TypeError)
# Side of the cubes of nodes that the library is asked for where a file has no chunks.
_SIDE = 64
_PIECE = 65_536  # bytes of a header that are read at a time
_LIBRARY_CACHE = 2_097_152  # bytes of netCDF-C's own cache of chunks for each variable


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a netCDF file for reading, alone in this process; raises BadFile.

    Errors of the library while the file is open become BadFile too: a file that is damaged or
    replaced shows itself at the first read.
    """
    with LOCK:
        try:
            with netCDF4.Dataset(path) as dataset:
                if not _is_hdf5(dataset):
                    placed_in(DiskFile(path))
                yield dataset
        except _ERRORS as err:
            raise BadFile(f"{path.name} cannot be read as netCDF: {err}") from err


def placed_in(file: DiskFile) -> dict[str, Placed]:
    """Give the place of every variable of a classic file; raises BadFile where one lies beyond its
    end, which the library does not notice.
    """
    known = bytearray()

    def read(start: int, length: int) -> bytes:
        while start + length > len(known):
            piece = min(max(_PIECE, length), size - len(known))
            known.extend(file.read(len(known), piece, "header"))
        return bytes(known[start : start + length])

    size = file.path.stat().st_size
    try:
        return {placed.name: placed for placed in read_header(read, size).variables}
    except BadTable as err:
        raise BadFile(f"{file.path.name}: {err.message}") from err


def _is_hdf5(dataset: Any) -> bool:
    return str(dataset.data_model).startswith("NETCDF4")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A variable to read: its name, and which of its dimensions are x, y and z.

    plain: without the file's missing values and scaling.
    """

    name: str
    place: Place
    plain: bool = False


def arrays(file: DiskFile, dataset: Any, wanted: Iterable[Wanted]) -> list[Blocks]:
    """Give variables of an open file as blocks; dimensions beside x, y and z have length 1.

    They are read around the library wherever the file allows it. Raises BadFile.
    """
    asked = list(wanted)
    shapes = [_shape(dataset.variables[w.name], w.place) for w in asked]
    stored: list[Blocks | None]
    if _is_hdf5(dataset):
        table = ChunkTable(file)
        with opened_hdf5(file) as handle:
            stored = [
                storage(file, handle, table, w.name, shape, w.place)
                for w, shape in zip(asked, shapes, strict=True)
            ]
    else:
        placed = placed_in(file)
        stored = [_placed(file, placed, w, shape) for w, shape in zip(asked, shapes, strict=True)]
    return [
        _unpacked(file, dataset.variables[w.name], w, shape, raw)
        for w, shape, raw in zip(asked, shapes, stored, strict=True)
    ]


def _shape(variable: Any, place: Place) -> Shape:
    x, y, z = (variable.shape[axis] for axis in place)
    return x, y, z


def _placed(
    file: DiskFile, placed: Mapping[str, Placed], wanted: Wanted, shape: Shape
) -> Strided | None:
    """Give a variable of a classic file."""
    found = placed.get(wanted.name)
    if found is None or tuple(found.shape[axis] for axis in wanted.place) != shape:
        return None
    x, y, z = (found.strides[axis] for axis in wanted.place)
    return Strided(file, wanted.name, shape, found.stored, found.offset, (x, y, z))


def _unpacked(
    file: DiskFile, variable: Any, wanted: Wanted, shape: Shape, raw: Blocks | None
) -> Blocks:
    """Put the rule of the numbers behind what is stored; leave to the library what is its own."""
    rule: Unpacking | None = unpacking(variable)
    if raw is not None and rule is not None:
        if not wanted.plain:
            return Formed((raw,), shape, rule.dtype, rule)
        if rule.scale is None and rule.offset is None:
            return raw
    chunks = variable.chunking() or "contiguous"
    plain = isinstance(chunks, str)
    x, y, z = (_SIDE if plain else int(chunks[axis]) for axis in wanted.place)
    scaled = {"scale_factor", "add_offset"} & set(variable.ncattrs())
    single = variable.dtype == np.float32 and not scaled
    dtype = np.dtype(np.float32 if single else np.float64)
    return _Library(file, wanted, shape, dtype, (x, y, z), not plain)


@dataclass(frozen=True, slots=True)
class _Library:
    """A variable that only netCDF-C can read, under the one lock."""

    file: DiskFile
    wanted: Wanted
    shape: Shape
    dtype: np.dtype[Any]
    size: Shape
    whole: bool

    @property
    def chunking(self) -> Chunking:
        """The file's chunks."""
        slow = self.wanted.place.index(min(self.wanted.place))
        return Chunking(self.size, whole=self.whole, slow=slow)

    def window(self, window: Window) -> NDArray[Any]:
        """Read a part; raises BadFile."""
        place = self.wanted.place
        try:
            read = self._read(window)
        except BadFile as err:
            raise BadFile(f"variable {self.wanted.name}: {err}") from err
        self.file.check()
        others = tuple(axis for axis in range(read.ndim) if axis not in place)
        kept = sorted(place)
        return read.squeeze(others).transpose([kept.index(axis) for axis in place])

    def _read(self, window: Window) -> NDArray[Any]:
        """Read a part in the order of the file, further dimensions with it."""
        with opened(self.file.path) as dataset:
            variable = dataset.variables[self.wanted.name]
            if self.whole:
                variable.set_var_chunk_cache(size=_LIBRARY_CACHE)
            if self.wanted.plain:
                variable.set_auto_mask(False)
            parts = [slice(0, 1)] * variable.ndim
            for axis, part in zip(self.wanted.place, window, strict=True):
                parts[axis] = part
            return _filled(variable[tuple(parts)]).astype(self.dtype, copy=False)


def values(variable: Any) -> NDArray[np.generic]:
    """Give a variable's values unpacked, NaN where they are missing or out of valid range.

    float32 stays float32, every other type becomes float64.
    """
    return _filled(variable[...])


def _filled(values: Any) -> NDArray[np.generic]:
    read = np.ma.asanyarray(values)
    kind = read.dtype if read.dtype in (np.float32, np.float64) else np.dtype(np.float64)
    return np.ma.filled(read.astype(kind, copy=False), np.nan)


def text(variable: Any) -> str:
    """Give a character variable as text without its padding."""
    variable.set_auto_mask(False)
    raw = np.asarray(variable[...]).tobytes()
    return raw.split(b"\0")[0].decode("latin-1").strip()


def attribute(item: Any, name: str) -> str | None:
    """Give a text attribute of a variable or file on one line, None where it has none."""
    value = getattr(item, name, None)
    if not isinstance(value, str):
        return None
    return " ".join("".join(c if c.isprintable() else " " for c in value).split()) or None
