"""Spyne loads where its own import machinery no longer works, and leaves no trace."""

import subprocess
import sys

_SCRIPT = """
import sys, warnings
warnings.simplefilter("error")
from impex.spyne_import import importing_spyne
before = list(sys.meta_path)
with importing_spyne():
    import spyne
    from spyne.protocol.soap import Soap11
import builtins, http.client
from spyne.util.six.moves import builtins as moved, http_client
from spyne.util.six.moves.urllib.parse import quote
assert moved is builtins and http_client is http.client
assert builtins.__spec__.name == "builtins" and http.client.__spec__.name == "http.client"
assert all(hasattr(finder, "find_spec") for finder in sys.meta_path)
assert len(sys.meta_path) == len(before) + 1
with importing_spyne():
    pass
assert len(sys.meta_path) == len(before) + 1
assert spyne.const.MIN_GC_INTERVAL == float("inf")
try:
    import no_such_module
except ModuleNotFoundError:
    print("done")
"""


def test_spyne_is_imported_without_its_own_importer() -> None:
    """Warnings are errors, so falling back to the protocol of Python 3.11 and older would fail."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("done\n", "")
