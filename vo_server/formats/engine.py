"""Compiled kernels of text; Python does the same work until they are ready."""

import importlib
import threading
from types import ModuleType
from typing import NamedTuple

from interpolation import engine

_MODULES = ("parse", "spell")


class Kernels(NamedTuple):
    """The compiled modules of `vo_server.formats.kernels`."""

    parse: ModuleType
    spell: ModuleType


_ready: Kernels | None = None
_warming = threading.Lock()


def kernels() -> Kernels | None:
    """Give the compiled kernels; None where Python is to do the work."""
    return None if engine.kernels() is None else _ready


def warm() -> bool:
    """Make these kernels and those of the interpolation ready; as `interpolation.engine.warm`."""
    global _ready  # the engine is a property of the process
    if not engine.warm():
        return False
    with _warming:
        if _ready is None:
            package = f"{__package__}.kernels"
            _ready = Kernels(*[importlib.import_module(f"{package}.{name}") for name in _MODULES])
    return True
