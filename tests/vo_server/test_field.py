"""Fields on grids and the cache of their arrays: what is read, how often, and what goes first."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from interpolation.status import Status
from vo_server.field import ArrayCache

Make = Callable[..., Any]


def _never() -> Any:
    raise AssertionError("an array that is there was loaded again")


def _bytes(count: int) -> Callable[[], Any]:
    return lambda: np.zeros(count, np.uint8)


def test_the_longest_unused_go_first() -> None:
    cache = ArrayCache(300)
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
    cache = ArrayCache(100)
    cache.get("a", _bytes(500))
    cache.get("a", _never)
    cache.get("b", _bytes(10))
    cache.get("b", _never)
    with pytest.raises(AssertionError, match="loaded again"):
        cache.get("a", _never)


def test_arrays_cannot_be_written_to() -> None:
    array = ArrayCache(100).get("a", lambda: np.ones(3))
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 2.0


def test_threads_that_ask_at_the_same_time_load_once() -> None:
    cache, barrier = ArrayCache(1000), threading.Barrier(8)
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
    cache, begun, go_on = ArrayCache(1000), threading.Event(), threading.Event()

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
    cache = ArrayCache(1000)
    with pytest.raises(AssertionError):
        cache.get("a", _never)
    assert cache.get("a", lambda: np.ones(3)).tolist() == [1.0, 1.0, 1.0]


def test_values_become_si(make_source: Make) -> None:
    field = make_source({"n": lambda nodes: nodes[..., 0]}, factor=1e-9).opened
    values, status = field.sample(np.array([[2.5, 0.0, 0.0], [9.0, 0.0, 0.0]]), ("n",), "linear")
    np.testing.assert_allclose(values, [[2.5e-9, np.nan]])
    assert status.tolist() == [Status.OK, Status.OUTSIDE]


def test_a_loaded_field_reads_each_variable_once(make_source: Make) -> None:
    reads: list[str] = []

    def reading(name: str) -> Callable[[Any], Any]:
        def read(nodes: Any) -> Any:
            reads.append(name)
            return nodes[..., 1]

        return read

    whole = make_source({name: reading(name) for name in "abc"}).opened
    field = whole.loaded("ab")
    for _ in range(3):
        values, _ = field.sample(np.array([[0.0, 1.5, 0.0]]), "ba", "linear")
        assert values.tolist() == [[1.5], [1.5]]
    assert reads == ["a", "b"]
    assert [p.name for p in field.parameters] == ["a", "b", "c"]


def test_nothing_is_given_inside_the_inner_boundary(make_source: Make) -> None:
    field = make_source({"n": lambda nodes: nodes[..., 0]}, boundary=1.5).opened
    points = np.array([[1.0, 0.0, 0.0], [1.6, 0.0, 0.0], [3.0, 0.0, 0.0]])
    values, status = field.sample(points, ("n",), "nearest")
    assert status.tolist() == [Status.INSIDE_BODY, Status.OK, Status.OK]
    np.testing.assert_array_equal(values, [[np.nan, 2.0, 3.0]])
