"""HDF5 storage read around the library: chunks by their place in the file, inflated here.

The library tells once where the chunks of an array lie; their bytes are then read and undone
without its lock. Only arrays of plain numbers whose filters are shuffle and deflate are read so.
"""

import itertools
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from isal import isal_zlib

from vo_server.blocks import Array, Chunking, Shape, Window
from vo_server.errors import BadFile
from vo_server.providers.disk_file import Bytes, DiskFile
from vo_server.providers.strided import Strided

Place = tuple[int, int, int]  # which dimensions of a file's array are x, y and z

# netCDF-C and HDF5 are not thread-safe, and netCDF-C's HDF5 may be the same as h5py's.
LOCK = threading.RLock()

_SHUFFLE, _DEFLATE = h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE
_LARGEST = 1_073_741_824  # bytes of a chunk
_MOST = 262_144  # chunks of an array whose places are kept

# Where a chunk lies in the file, and which filters were left out; no bytes: never written.
_ENTRY = np.dtype([("offset", np.int64), ("length", np.int64), ("mask", np.uint32)])
Entries = np.ndarray[tuple[int, int, int], np.dtype[np.void]]


class ChunkTable:
    """Where the chunks of a file's arrays lie: asked of the library once, when first needed."""

    def __init__(self, file: DiskFile) -> None:
        self._file = file
        self._arrays: dict[str, tuple[Shape, Shape, Place]] = {}
        self._entries: dict[str, Entries] = {}
        self._lock = threading.Lock()

    def add(self, name: str, counts: Shape, size: Shape, place: Place) -> None:
        """Announce an array: chunks along x, y and z, nodes of one, which dimensions these are."""
        self._arrays[name] = counts, size, place

    def entries(self, name: str) -> Entries:
        """Give the entries of an array by the number of the chunk; raises BadFile."""
        with self._lock:
            if not self._entries:
                with opened_hdf5(self._file) as handle:
                    found = {
                        name: _entries(handle[name], *told) for name, told in self._arrays.items()
                    }
                self._file.check()
                self._entries = found
            return self._entries[name]


def _entries(dataset: h5py.Dataset, counts: Shape, size: Shape, place: Place) -> Entries:
    found: Entries = np.zeros(counts, _ENTRY)

    def keep(chunk: Any) -> None:
        x, y, z = (
            chunk.chunk_offset[axis] // length for axis, length in zip(place, size, strict=True)
        )
        found[x, y, z] = chunk.byte_offset, chunk.size, chunk.filter_mask

    dataset.id.chunk_iter(keep)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Chunked:
    """A chunked array in a file.

    size, rank: of a chunk along x, y and z, and dimensions of the array in the file; filters:
    codes in the order in which they were applied; fill: what a chunk holds that was not written.
    """

    file: DiskFile
    name: str
    shape: Shape
    stored: np.dtype[Any]
    size: Shape
    place: Place
    rank: int
    filters: tuple[int, ...]
    fill: Any
    table: ChunkTable

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a node in the machine's byte order."""
        return self.stored.newbyteorder("=")

    @property
    def chunking(self) -> Chunking:
        """The file's own chunks."""
        return Chunking(self.size, whole=True)

    def window(self, window: Window) -> Array:
        """Read the chunks of a part; raises BadFile."""
        entries = self.table.entries(self.name)
        numbers = list(itertools.product(*self.chunking.touched(window)))
        if len(numbers) == 1 and window == self.chunking.window(numbers[0], self.shape):
            lengths = [part.stop - part.start for part in window]
            chunk = self._chunk(entries, numbers[0])[tuple(slice(n) for n in lengths)]
            return chunk.astype(self.dtype, copy=False)
        result = np.empty([part.stop - part.start for part in window], self.dtype)
        for number in numbers:
            place = self.chunking.window(number, self.shape)
            chunk = self._chunk(entries, number)
            inner, outer = [], []
            for part, around in zip(window, place, strict=True):
                start, stop = max(part.start, around.start), min(part.stop, around.stop)
                inner.append(slice(start - around.start, stop - around.start))
                outer.append(slice(start - part.start, stop - part.start))
            result[tuple(outer)] = chunk[tuple(inner)]
        return result

    def _chunk(self, entries: Entries, number: tuple[int, ...]) -> Array:
        """Read one chunk, its axes in the order x, y, z."""
        offset, length, mask = entries[number].item()
        if not length:
            return np.full(self.size, self.fill, self.dtype)
        if self._perhaps_plain(number, length, mask):
            return self._by_library(self.chunking.window(number, self.shape))
        raw = self.file.read(offset, length, self.name)
        for place, code in reversed(list(enumerate(self.filters))):
            if not mask >> place & 1:
                raw = self._inflated(raw) if code == _DEFLATE else self._unshuffled(raw)
        if raw.nbytes != self._nbytes:
            raise self._damaged()
        lengths = [1] * self.rank
        for axis, size in zip(self.place, self.size, strict=True):
            lengths[axis] = size
        return self._turned(raw.view(self.stored).reshape(lengths))

    def _turned(self, values: Array) -> Array:
        """Bring the axes of the file's array into the order x, y, z."""
        others = tuple(axis for axis in range(self.rank) if axis not in self.place)
        kept = sorted(self.place)
        return values.squeeze(others).transpose([kept.index(axis) for axis in self.place])

    def _perhaps_plain(self, number: tuple[int, ...], length: int, mask: int) -> bool:
        """Tell whether a chunk may be without the filters that its mask says it has.

        A file may leave chunks that reach beyond the array unfiltered (H5Pset_chunk_opts) and
        say so in no mask; they are as long as their numbers.
        """
        beyond = any(
            (n + 1) * size > nodes
            for n, size, nodes in zip(number, self.size, self.shape, strict=True)
        )
        filtered = any(not mask >> place & 1 for place in range(len(self.filters)))
        return beyond and filtered and length == self._nbytes

    def _by_library(self, window: Window) -> Array:
        """Read a part by the library, its axes in the order x, y, z; raises BadFile."""
        parts = [slice(None)] * self.rank
        for axis, part in zip(self.place, window, strict=True):
            parts[axis] = part
        with opened_hdf5(self.file) as handle:
            values = handle[self.name][tuple(parts)]
        self.file.check()
        return self._turned(values)

    @property
    def _nbytes(self) -> int:
        return math.prod(self.size) * self.stored.itemsize

    def _inflated(self, raw: Bytes) -> Bytes:
        inflater = isal_zlib.decompressobj()
        try:
            data = inflater.decompress(raw.data, self._nbytes + 1)
        except isal_zlib.error as err:  # type: ignore[misc]  # its stub calls it an instance
            raise self._damaged() from err
        if not inflater.eof or len(data) != self._nbytes:
            raise self._damaged()
        return np.frombuffer(data, np.uint8)

    def _unshuffled(self, raw: Bytes) -> Bytes:
        """Bring the bytes of each number together again."""
        if raw.nbytes != self._nbytes:
            raise self._damaged()
        planes = raw.reshape(self.stored.itemsize, -1)
        numbers = np.empty(planes.shape[::-1], np.uint8)
        for i, plane in enumerate(planes):
            numbers[:, i] = plane  # quicker than to copy the transposed planes at once
        return numbers.reshape(-1)

    def _damaged(self) -> BadFile:
        return BadFile(f"{self.file.path.name} is damaged: a chunk of {self.name} cannot be read")


def storage(
    file: DiskFile, handle: h5py.File, table: ChunkTable, name: str, shape: Shape, place: Place
) -> Strided | Chunked | None:
    """Tell how an array is stored, None where only the library can read it.

    table: of the file, for all its arrays; shape, place: the nodes along x, y and z, and which
    dimensions of the array these are; the others have length 1.
    """
    dataset = handle.get(name)
    if not isinstance(dataset, h5py.Dataset) or handle.id.get_create_plist().get_userblock():
        return None
    lengths = dataset.shape
    if max(place) >= len(lengths) or tuple(lengths[axis] for axis in place) != shape:
        return None
    stored = dataset.dtype
    if stored.kind not in "iuf" or not dataset.id.get_type().equal(h5py.h5t.py_create(stored)):
        return None
    plan = dataset.id.get_create_plist()
    if plan.get_layout() == h5py.h5d.CONTIGUOUS:
        return _contiguous(file, dataset, name, shape, place)
    if plan.get_layout() == h5py.h5d.CHUNKED:
        return _chunked(file, table, dataset, name, shape, place)
    return None


@contextmanager
def opened_hdf5(file: DiskFile) -> Iterator[h5py.File]:
    """Open a file with HDF5, alone in this process; raises BadFile."""
    with LOCK:
        try:
            with h5py.File(file.path, "r", locking=False) as handle:
                yield handle
        except (OSError, RuntimeError, LookupError, ValueError) as err:
            raise BadFile(f"{file.path.name} cannot be read as HDF5: {err}") from err


def _contiguous(
    file: DiskFile, dataset: h5py.Dataset, name: str, shape: Shape, place: Place
) -> Strided | None:
    offset = dataset.id.get_offset()
    if offset is None or dataset.id.get_create_plist().get_external_count():
        return None
    item = dataset.dtype.itemsize
    x, y, z = (math.prod(dataset.shape[axis + 1 :]) * item for axis in place)
    return Strided(file, name, shape, dataset.dtype, offset, (x, y, z))


def _chunked(
    file: DiskFile, table: ChunkTable, dataset: h5py.Dataset, name: str, shape: Shape, place: Place
) -> Chunked | None:
    plan = dataset.id.get_create_plist()
    filters = tuple(plan.get_filter(i)[0] for i in range(plan.get_nfilters()))
    chunks = dataset.chunks
    x, y, z = (chunks[axis] for axis in place)
    nbytes = math.prod(chunks) * dataset.dtype.itemsize
    counts = (-(-shape[0] // x), -(-shape[1] // y), -(-shape[2] // z))
    if (
        not set(filters) <= {_SHUFFLE, _DEFLATE}
        or len(set(filters)) < len(filters)
        or math.prod(chunks) != x * y * z
        or nbytes > _LARGEST
        or math.prod(counts) > _MOST
    ):
        return None
    table.add(name, counts, (x, y, z), place)
    return Chunked(
        file, name, shape, dataset.dtype, (x, y, z), place, len(chunks), filters,
        dataset.fillvalue, table,
    )  # fmt: skip
