"""Which engine works: NumPy and SciPy always can, compiled kernels once they are ready.

Both give the same bits. Kernels are compiled, or loaded from the disk, by `warm`, which takes
seconds the first time; until it has returned everything is done by NumPy, so that nothing is
ever compiled while somebody waits for an answer.
"""

import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import NamedTuple

_MODULES = ("cells", "values", "lines", "particles")


class Kernels(NamedTuple):
    """The compiled modules of `interpolation.kernels`."""

    cells: ModuleType
    values: ModuleType
    lines: ModuleType
    particles: ModuleType


_ready: Kernels | None = None
_warming = threading.Lock()


def kernels() -> Kernels | None:
    """Give the compiled kernels; None where NumPy is to do the work."""
    return _ready


def warm() -> bool:
    """Make the kernels ready; gives False where numba is not installed.

    Threads may call this at any time and as often as they like.
    """
    global _ready  # the engine is a property of the process
    with _warming:
        if _ready is None:
            try:
                modules = [importlib.import_module(f"interpolation.kernels.{m}") for m in _MODULES]
            except ImportError:
                return False
            _ready = Kernels(*modules)
    return True


@contextmanager
def numpy_only() -> Iterator[None]:
    """Let NumPy do everything within this context, in all threads."""
    global _ready  # the engine is a property of the process
    before, _ready = _ready, None
    try:
        yield
    finally:
        _ready = before
