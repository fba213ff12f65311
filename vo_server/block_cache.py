"""Block cache: decoded chunks, whole arrays and trees in memory, up to a number of bytes."""

import functools
import itertools
import math
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import numpy as np

from vo_server.blocks import Array, Blocks, Chunking, Shape, Window, all_of

# Arrays up to this size are read whole at once: a part would cost about as much.
_SMALL = 1_048_576
# What could be read of a file in the time that sampling one part takes beside its reading.
_PART = 262_144
# Smaller chunks are read and kept several at a time: to handle one costs more than its bytes.
_LEAST = 4096
_SLAB = 8_388_608  # bytes read at a time of an array without compressed chunks


class Weighed(Protocol):
    """What tells how many bytes it takes."""

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        ...


W = TypeVar("W", bound=Weighed)


class BlockCache:
    """Arrays, and whatever else tells its bytes, kept in memory up to a number of them.

    The longest unused go first.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._bytes = 0
        self._arrays: OrderedDict[Hashable, Any] = OrderedDict()
        self._loading: dict[Hashable, Future[Any]] = {}
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays that are kept."""
        return self._bytes

    def find(self, key: Hashable) -> Array | None:
        """Give the array of this key, None where it is not in memory."""
        with self._lock:
            found: Array | None = self._find(key)
            return found

    def get(self, key: Hashable, load: Callable[[], W]) -> W:
        """Give what has this key, which must not be written to.

        Threads that want it at the same time load it once; other arrays are not waited for.
        """
        with self._lock:
            found = self._find(key)
            if found is not None:
                known: W = found
                return known
            under_way = self._loading.get(key)
            if under_way is None:
                mine = self._loading[key] = Future[Any]()
        if under_way is not None:
            waited: W = under_way.result()
            return waited
        try:
            array = load()
        except BaseException as err:
            with self._lock:
                del self._loading[key]
            mine.set_exception(err)
            raise
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
        with self._lock:
            del self._loading[key]
            self._keep(key, array)
        mine.set_result(array)
        return array

    def _find(self, key: Hashable) -> Any:
        found = self._arrays.get(key)
        if found is not None:
            self._arrays.move_to_end(key)
        return found

    def _keep(self, key: Hashable, array: Weighed) -> None:
        self._arrays[key] = array
        self._bytes += array.nbytes
        while self._bytes > self.max_bytes and len(self._arrays) > 1:
            self._bytes -= self._arrays.popitem(last=False)[1].nbytes


@functools.cache
def shared_cache(max_bytes: int) -> BlockCache:
    """Give the cache of this size that the process has once."""
    return BlockCache(max_bytes)


@functools.cache
def _readers() -> ThreadPoolExecutor:
    """Give the threads that read and inflate chunks; they never wait for one another's work."""
    return ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="chunks")


class Kept:
    """Blocks behind a cache: a whole array once it pays, chunks or parts before that.

    chunking: how the array is best read.
    """

    def __init__(self, blocks: Blocks, cache: BlockCache) -> None:
        self.chunking = _worth_reading(blocks)
        self._blocks = blocks
        self._cache = cache
        self._read = 0

    @property
    def shape(self) -> Shape:
        """Nodes along x, y and z."""
        return self._blocks.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self._blocks.dtype

    @property
    def nbytes(self) -> int:
        """Bytes of the whole array."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def room(self) -> int:
        """Bytes that the cache may hold."""
        return self._cache.max_bytes

    def in_memory(self) -> Array | None:
        """Give the whole array where it is in memory."""
        return self._cache.find(self)

    def load(self) -> Array:
        """Give the whole array, read-only."""
        return self._cache.get(self, self._whole)

    def pays(self, chunks: int) -> bool:
        """Tell whether the whole array should be read, where so many chunks of it are needed.

        It should once parts cost half as much, or have cost as much since the start.
        """
        chunk = math.prod(self.chunking.size) * self.dtype.itemsize
        needed = chunks * max(chunk, _PART)
        self._read += needed
        return self.nbytes <= max(_SMALL, 2 * needed, self._read)

    def window(self, window: Window) -> Array:
        """Give a part of the array, read-only where it comes out of the cache."""
        chunking = self.chunking
        ready = self.in_memory()
        if ready is not None:
            return ready[window]
        if not chunking.whole:
            return self._blocks.window(window)
        numbers = list(itertools.product(*chunking.touched(window)))
        if len(numbers) == 1:
            place = chunking.window(numbers[0], self.shape)
            return self._chunk(numbers[0])[_within(window, place)]
        result = np.empty([part.stop - part.start for part in window], self.dtype)
        for number in numbers:
            place = chunking.window(number, self.shape)
            common = _common(window, place)
            result[_within(common, window)] = self._chunk(number)[_within(common, place)]
        return result

    def _chunk(self, number: tuple[int, ...]) -> Array:
        """Give one chunk out of the cache."""
        place = self.chunking.window(number, self.shape)
        return self._cache.get((self, number), lambda: self._blocks.window(place))

    def _whole(self) -> Array:
        """Read everything, chunk by chunk, each straight to its place."""
        windows = list(self._pieces())
        if len(windows) == 1:
            return np.asarray(self._blocks.window(all_of(self.shape)))
        result = np.empty(self.shape, self.dtype)

        def read(window: Window) -> None:
            result[window] = self._blocks.window(window)

        for _ in _readers().map(read, windows) if self.chunking.whole else map(read, windows):
            pass
        return result

    def _pieces(self) -> Iterator[Window]:
        """Give windows that make up the whole array: chunks, or slabs in the file's order."""
        chunking = self.chunking
        if chunking.whole:
            for number in itertools.product(*chunking.touched(all_of(self.shape))):
                yield chunking.window(number, self.shape)
            return
        axis = chunking.slow
        length = self.shape[axis]
        step = max(1, _SLAB * length // max(1, self.nbytes))
        for start in range(0, length, step):
            slab = list(all_of(self.shape))
            slab[axis] = slice(start, min(length, start + step))
            yield slab[0], slab[1], slab[2]


def _worth_reading(blocks: Blocks) -> Chunking:
    """Give the chunking of blocks, tiny chunks taken several at a time."""
    chunking = blocks.chunking
    while chunking.whole and math.prod(chunking.size) * blocks.dtype.itemsize < _LEAST:
        growing = [size < nodes for size, nodes in zip(chunking.size, blocks.shape, strict=True)]
        if not any(growing):
            break
        shortest = min(size for size, grows in zip(chunking.size, growing, strict=True) if grows)
        x, y, z = (
            2 if grows and size == shortest else 1
            for size, grows in zip(chunking.size, growing, strict=True)
        )
        chunking = chunking.grouped((x, y, z))
    return chunking


def fit(arrays: Sequence[Kept]) -> bool:
    """Tell whether all of several arrays fit into memory together."""
    return sum(array.nbytes for array in arrays) <= min((a.room for a in arrays), default=0)


def in_memory(arrays: Sequence[Kept]) -> list[Array] | None:
    """Give several whole arrays where all are in memory."""
    found = [array.in_memory() for array in arrays]
    ready = [array for array in found if array is not None]
    return ready if len(ready) == len(found) else None


def windows(arrays: Iterable[Kept], window: Window) -> list[Array]:
    """Give one part of several arrays; compressed ones are inflated side by side."""
    wanted = list(arrays)
    if len(wanted) > 1 and wanted[0].chunking.whole:
        return list(_readers().map(lambda array: array.window(window), wanted))
    return [array.window(window) for array in wanted]


def _within(window: Window, place: Window) -> Window:
    """Give a window as seen from the start of another one around it."""
    x, y, z = (
        slice(part.start - around.start, part.stop - around.start)
        for part, around in zip(window, place, strict=True)
    )
    return x, y, z


def _common(window: Window, place: Window) -> Window:
    """Give what two windows have in common."""
    x, y, z = (
        slice(max(a.start, b.start), min(a.stop, b.stop))
        for a, b in zip(window, place, strict=True)
    )
    return x, y, z
