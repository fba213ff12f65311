"""Small .hc files of the tests' own, in the layout of FMI's hybrid code."""

import numpy as np
from numpy.typing import NDArray

N = 6  # base cells along each axis, ghosts counted
BASE = N**3
LOWER, STEP = -4000.0, 2000.0  # edge of the box without ghosts, and size of a base cell, in m
_HEADER = """# gamma = 1.6666666666666667
# mu0 = 1.256637e-06
# m = 1.5e-27
{more}dim = 3
ncd = {columns}
nsd = 0
realformat = float
n1 = 6
n2 = 6
n3 = 6
xmin0 = -4000
xmin1 = -4000
xmin2 = -4000
dx = 2000
type = hc
ncells = {cells}
bytes_per_int = 3
eoh
"""
# Three energy bins, as the header of a file of spectra lists them.
BINS = """# spectra = 1
# spectraUnit = 1/(m^2*s*eV*str)
# SPECTRA FILE CONTENTS
# 0000. bin: E (eV) = 10 100
# 0001. bin: E (eV) = 100 1000
# 0002. bin: E (eV) = 1000 10000
# SPECTRA FILE CONTENTS
"""


def hc_file(
    refined: dict[int, int],
    values: NDArray[np.float64],
    *,
    more: str = "",
    extra: bytes = b"",
) -> bytes:
    """Write a file of cells (cells, columns): `refined` gives the first child of refined cells."""
    cells, columns = values.shape
    head = _HEADER.format(more=more, columns=columns, cells=cells).encode()
    records = [
        b"N" + _number(-1) + _number(refined[number]) if number in refined else _leaf(row)
        for number, row in enumerate(values)
    ]
    info = np.zeros((cells, 2), np.uint8)
    base = np.indices((N,) * 3)
    info[:BASE, 0] = ((base == 0) | (base == N - 1)).any(axis=0).ravel()
    return head + b"".join(records) + extra + info.tobytes()


def cell_values(cells: int, columns: int = 11, *, seed: int = 2) -> NDArray[np.float64]:
    """Give numbers of cells that float32 holds exactly."""
    values = np.random.default_rng(seed).uniform(1.0, 2.0, (cells, columns))
    return np.asarray(values.astype(np.float32), np.float64)


def centre(*index: int) -> NDArray[np.float64]:
    """Give the centre of a base cell, ghosts counted."""
    return LOWER + (np.array(index) - 0.5) * STEP


def _number(value: int) -> bytes:
    return value.to_bytes(3, "little", signed=True)


def _leaf(values: NDArray[np.float64]) -> bytes:
    return b"L" + _number(-1) + values.astype(">f4").tobytes()
