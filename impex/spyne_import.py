"""Spyne import: lets the released spyne load on every Python this project supports, quietly.

Spyne 2.14 carries a copy of `six` whose importer of `spyne.util.six.moves` knows only the
protocol that Python 3.12 dropped; a finder that speaks today's protocol stands in front of it.
From Python 3.13 on the module `cgi` comes from the package legacy-cgi.
"""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_SIX = "spyne.util.six"


class _Moves(MetaPathFinder, Loader):
    """Finds what spyne's copy of six calls its moved modules."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Give the spec of a moved module, None for every other."""
        if not fullname.startswith(f"{_SIX}.moves"):
            return None
        return ModuleSpec(fullname, self, is_package=fullname == f"{_SIX}.moves")

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Let six make the module; it may be one of the standard library, which stays itself."""
        module: ModuleType = sys.modules[_SIX].__dict__["_importer"].load_module(spec.name)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module back its own spec, in place of which the import system put ours."""
        spec = module.__spec__
        if spec is not None and spec.loader_state is not None:
            module.__spec__ = spec.loader_state


@contextmanager
def importing_spyne() -> Iterator[None]:
    """Let spyne be imported in the block, without its warnings and without its collections.

    Spyne collects garbage once a second while it serves; that stalls every thread and is off.
    """
    if not any(isinstance(finder, _Moves) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Moves())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", ImportWarning)
        yield
    sys.meta_path[:] = [f for f in sys.meta_path if type(f).__module__ != _SIX]
    sys.modules["spyne.const"].__dict__["MIN_GC_INTERVAL"] = float("inf")
