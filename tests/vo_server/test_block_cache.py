"""The cache of blocks: what is kept, what goes first, and when a whole array is read."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vo_server.block_cache import BlockCache, Kept
from vo_server.blocks import Array, Chunking, Shape, Window


def _never() -> Any:
    raise AssertionError("an array that is there was loaded again")


def _bytes(count: int) -> Callable[[], Any]:
    return lambda: np.zeros(count, np.uint8)


def test_the_longest_unused_go_first() -> None:
    cache = BlockCache(300)
    for key in "abc":
        cache.get(key, _bytes(100))
    cache.get("a", _never)
    cache.get("d", _bytes(150))
    for key in "ad":
        cache.get(key, _never)
    for key in "bc":
        with pytest.raises(AssertionError, match="loaded again"):
            cache.get(key, _never)


def test_an_array_over_the_limit_is_kept_until_the_next() -> None:
    cache = BlockCache(100)
    cache.get("a", _bytes(500))
    cache.get("a", _never)
    cache.get("b", _bytes(10))
    cache.get("b", _never)
    with pytest.raises(AssertionError, match="loaded again"):
        cache.get("a", _never)


def test_arrays_cannot_be_written_to() -> None:
    array = BlockCache(100).get("a", lambda: np.ones(3))
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 2.0


def test_threads_that_ask_at_the_same_time_load_once() -> None:
    cache, barrier = BlockCache(1000), threading.Barrier(8)
    loads: list[str] = []
    got: list[Any] = []

    def ask(key: str) -> None:
        def load() -> Any:
            loads.append(key)
            time.sleep(0.05)  # so that all would come in here if they could
            return np.zeros(3)

        barrier.wait()
        got.append(cache.get(key, load))

    threads = [threading.Thread(target=ask, args=("ab"[i % 2],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(loads) == ["a", "b"]
    assert len(got) == 8
    assert len({id(array) for array in got}) == 2


def test_other_arrays_are_found_while_one_loads() -> None:
    cache, begun, go_on = BlockCache(1000), threading.Event(), threading.Event()

    def slow() -> Any:
        begun.set()
        assert go_on.wait(20)
        return np.zeros(3)

    kept = cache.get("a", lambda: np.ones(3))
    thread = threading.Thread(target=cache.get, args=("b", slow))
    thread.start()
    assert begun.wait(20)
    assert cache.get("a", _never) is kept
    assert thread.is_alive()
    go_on.set()
    thread.join()
    cache.get("b", _never)


def test_a_failed_load_leaves_nothing_behind() -> None:
    cache = BlockCache(1000)
    with pytest.raises(AssertionError):
        cache.get("a", _never)
    assert cache.get("a", lambda: np.ones(3)).tolist() == [1.0, 1.0, 1.0]


def test_waiting_threads_get_the_error_too_and_the_next_one_loads_again() -> None:
    cache, begun, go_on = BlockCache(1000), threading.Event(), threading.Event()
    errors: list[str] = []

    def fail() -> Any:
        begun.set()
        assert go_on.wait(20)
        raise ValueError("damaged")

    def ask() -> None:
        try:
            cache.get("a", fail)
        except ValueError as err:
            errors.append(str(err))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    threads[0].start()
    assert begun.wait(20)
    threads[1].start()
    time.sleep(0.05)
    go_on.set()
    for thread in threads:
        thread.join()
    assert errors == ["damaged", "damaged"]
    assert cache.get("a", lambda: np.ones(3)).tolist() == [1.0, 1.0, 1.0]


class Counted:
    """Numbered nodes in chunks, telling which parts were read."""

    dtype = np.dtype(np.float64)

    def __init__(self, shape: Shape, chunking: Chunking) -> None:
        self.shape = shape
        self.chunking = chunking
        self.values = np.arange(float(np.prod(shape))).reshape(shape)
        self.read: list[tuple[int, ...]] = []

    def window(self, window: Window) -> Array:
        self.read.append(tuple(part.start for part in window))
        return self.values[window].copy()


_PART = (slice(3, 9), slice(0, 5), slice(4, 6))


@pytest.mark.parametrize("shift", [(0, 0, 0), (1, 3, 2)])
@pytest.mark.parametrize("whole", [True, False])
def test_a_part_is_the_part_of_the_whole(shift: Shape, whole: bool) -> None:
    blocks = Counted((10, 7, 6), Chunking((4, 5, 3), shift, whole))
    kept = Kept(blocks, BlockCache(10**6))
    np.testing.assert_array_equal(kept.window(_PART), blocks.values[_PART])
    np.testing.assert_array_equal(kept.load(), blocks.values)
    assert kept.in_memory() is kept.load()


def test_chunks_are_read_once_and_parts_of_one_are_not_copied() -> None:
    blocks = Counted((16, 16, 16), Chunking((8, 8, 8), whole=True))
    kept = Kept(blocks, BlockCache(10**6))
    first = kept.window((slice(1, 3), slice(0, 2), slice(0, 4)))
    again = kept.window((slice(1, 3), slice(0, 2), slice(0, 4)))
    assert np.shares_memory(first, again)
    kept.window((slice(7, 9), slice(0, 2), slice(0, 4)))
    assert blocks.read == [(0, 0, 0), (8, 0, 0)]


def test_parts_of_plain_arrays_are_not_kept() -> None:
    cache = BlockCache(10**6)
    kept = Kept(Counted((8, 8, 8), Chunking((4, 4, 4))), cache)
    kept.window((slice(3, 9), slice(0, 2), slice(0, 2)))
    assert cache.nbytes == 0


def test_memory_stays_within_the_limit() -> None:
    blocks = Counted((32, 32, 32), Chunking((8, 8, 8), whole=True))
    cache = BlockCache(3 * 8**3 * 8)
    kept = Kept(blocks, cache)
    most = 0
    for start in range(0, 32, 4):
        kept.window((slice(start, start + 4), slice(start, start + 4), slice(0, 32)))
        most = max(most, cache.nbytes)
    assert most == cache.max_bytes


def test_a_large_array_is_read_in_slabs_of_the_files_order() -> None:
    blocks = Counted((300, 80, 80), Chunking((16, 16, 16), slow=1))
    kept = Kept(blocks, BlockCache(10**8))
    np.testing.assert_array_equal(kept.load(), blocks.values)
    assert len(blocks.read) > 1
    assert all(start[::2] == (0, 0) for start in blocks.read)


def _kept(size: int) -> Kept:
    """Give an array of 16 MiB in cubes of so many nodes."""
    blocks = Counted((128, 128, 128), Chunking((size, size, size), whole=True))
    return Kept(blocks, BlockCache(10**8))


def test_the_whole_pays_once_parts_have_cost_as_much() -> None:
    kept = _kept(64)
    assert [kept.pays(2) for _ in range(5)] == [False, False, False, True, True]
    assert _kept(64).pays(4)
    assert not _kept(64).pays(3)


def test_many_small_parts_cost_more_than_their_bytes() -> None:
    assert not _kept(8).pays(31)
    assert _kept(8).pays(32)
