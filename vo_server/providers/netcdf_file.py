"""netCDF files on disk: opened under one lock a process, missing values as NaN."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import NDArray
from scipy.io import netcdf_file

from vo_server.errors import BadFile

# netCDF-C and HDF5 are not thread-safe.
_LOCK = threading.Lock()


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a netCDF file for reading, alone in this process; raises BadFile.

    Errors of the library while the file is open become BadFile too: a file that is damaged or
    replaced shows itself at the first read.
    """
    with _LOCK:
        try:
            with netCDF4.Dataset(path) as dataset:
                if dataset.data_model != "NETCDF4":
                    _check_length(path)
                yield dataset
        except (OSError, RuntimeError, IndexError, KeyError, AttributeError, ValueError) as err:
            raise BadFile(f"{path.name} cannot be read as netCDF: {err}") from err


def _check_length(path: Path) -> None:
    """Refuse a truncated classic file: netCDF-C gives zeros for what lies beyond its end.

    SciPy's reader lays every variable over the mapped file when it opens it.
    """
    try:
        with netcdf_file(path, mmap=True) as mapped:
            mapped.variables.clear()
    except (ValueError, TypeError, OSError) as err:
        raise BadFile(
            f"{path.name} is truncated, or no netCDF of the kinds CDF-1, CDF-2 and netCDF-4"
        ) from err


def values(variable: Any) -> NDArray[np.generic]:
    """Give a variable's values unpacked, NaN where they are missing or out of valid range.

    float32 stays float32, every other type becomes float64.
    """
    read = np.ma.asanyarray(variable[...])
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
