"""FMI hybrid-code files (.hc): their header, and the records of their cells.

Layout: an ASCII header up to the line `eoh`, one record a cell, then two info bytes a cell. A
record is a flag, a parent number (bytes_per_int bytes) and, for a leaf, big-endian float32
numbers; for a refined cell, the number of its first child. Base cells come first, the last axis
fastest, then families of eight children, the first axis fastest. One ghost layer surrounds the
box.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from interpolation.blocks import CellTree
from vo_server.errors import BadFile

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

LEAF = 76  # b"L"
INTERIOR = 0
_ZERO, _REFINED = 90, 78  # b"Z", b"N"
_HEADER_LIMIT = 65_536
_MAX_CELLS = 2_000_000_000
_MAX_BINS = 1_000
_CHUNK = 65_536
_MAX_LEVELS = 20
# Conserved quantities of a leaf in files that are no spectra.
COLUMNS = 11
_BIN = re.compile(r"^# (\d+)\. bin: E \(eV\) = (\S+) (\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of a .hc file says, lengths in metres.

    shape: base cells along each axis with one ghost layer; lower: edge of the box without it;
    cells: of all levels, ghosts included; mass: of the population's particles in kg, None in
    files of all populations; content: 'population', 'average', 'plasma' or 'spectra'; columns:
    numbers of a leaf; bins: of spectra, lower and upper energy in eV; unit: of spectra.
    """

    shape: tuple[int, int, int]
    lower: tuple[float, float, float]
    dx: float
    cells: int
    int_bytes: int
    gamma: float
    mu0: float
    mass: float | None
    content: str
    columns: int
    start: int
    bins: tuple[tuple[float, float], ...] = ()
    unit: str = ""

    @property
    def base_cells(self) -> int:
        """Number of base cells, ghosts included."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def refined(self) -> bool:
        """Whether some cells are divided."""
        return self.cells != self.base_cells

    @property
    def record(self) -> int:
        """Bytes of a leaf's record."""
        return 1 + self.int_bytes + 4 * self.columns


@dataclass(frozen=True, slots=True)
class Records:
    """The cells of a file in its order: numbers (n, columns), first children (n,), kinds (n,).

    The first child is -1 for a leaf, whose numbers are NaN unless it is an interior cell.
    """

    data: Floats
    children: NDArray[np.int64]
    info: Bytes = field(repr=False)


def read_header(path: Path) -> Header:
    """Read and check the header of a .hc file; raises BadFile naming what is wrong with it."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER_LIMIT)
    except OSError as err:
        raise BadFile(f"{path.name} cannot be read: {err.strerror}") from err
    end = re.search(rb"^eoh\s*?\n", head, re.MULTILINE)
    if end is None:
        raise BadFile(f"{path.name} has no 'eoh' line: not a .hc file")
    text = head[: end.start()].decode("latin-1")
    values = dict(re.findall(r"^(?:# )?(\w+) = (.*?)\s*$", text, re.MULTILINE))
    expected = {"dim": "3", "type": "hc", "realformat": "float", "nsd": "0"}
    if values.get("spectra", "0") == "0":
        expected["ncd"] = str(COLUMNS)
    for key, value in expected.items():
        if values.get(key) != value:
            raise BadFile(
                f"{path.name}: header says {key} = {values.get(key)}; only {value} is read"
            )
    try:
        return _header(values, _BIN.findall(text), end.end())
    except (KeyError, ValueError) as err:
        raise BadFile(f"{path.name}: header lacks or garbles {err}") from err


def _header(values: dict[str, str], bins: list[tuple[str, str, str]], start: int) -> Header:
    shape = (int(values["n1"]), int(values["n2"]), int(values["n3"]))
    lower = tuple(float(values[f"xmin{i}"]) for i in range(3))
    dx = float(values["dx"])
    base, cells = shape[0] * shape[1] * shape[2], int(values["ncells"])
    if min(shape) < 4 or not 0 < base <= _MAX_CELLS:
        raise ValueError(f"n1, n2, n3 = {shape}")
    if not base <= cells <= _MAX_CELLS or (cells - base) % 8:
        raise ValueError(f"ncells = {cells} for {base} base cells")
    if not 0 < dx < np.inf or not np.isfinite(lower).all():
        raise ValueError("dx, xmin0, xmin1, xmin2")
    if not 1 <= int(values["bytes_per_int"]) <= 8:
        raise ValueError("bytes_per_int")
    spectra = values.get("spectra", "0") != "0"
    content = values["m"] if values["m"] in ("average", "plasma") else "population"
    mass = float(values["m"]) if content == "population" else None
    gamma, mu0 = float(values["gamma"]), float(values["mu0"])
    if not all(0 < value < np.inf for value in (gamma, mu0, 1.0 if mass is None else mass)):
        raise ValueError("gamma, mu0, m")
    return Header(
        shape,
        (lower[0], lower[1], lower[2]),
        dx,
        cells,
        int(values["bytes_per_int"]),
        gamma,
        mu0,
        mass,
        "spectra" if spectra else content,
        int(values["ncd"]),
        start,
        _bins(bins, int(values["ncd"])) if spectra else (),
        values.get("spectraUnit", ""),
    )


def _bins(lines: list[tuple[str, str, str]], count: int) -> tuple[tuple[float, float], ...]:
    """Give the energies of bins as the header lists them, checked."""
    bins = tuple((float(low), float(high)) for _, low, high in lines)
    whole = len(bins) == count and 0 < count <= _MAX_BINS
    if not whole or [int(number) for number, _, _ in lines] != list(range(count)):
        raise ValueError(f"energy bins: {len(bins)} are listed, ncd = {count}")
    edges = [bins[0][0], *(high for _, high in bins)]
    joined = all(low == edge for (low, _), edge in zip(bins, edges, strict=False))
    if not joined or not all(0 <= a < b < np.inf for a, b in bins):
        raise ValueError("energy bins: they must ascend, each from where the last one ends")
    return bins


def read_records(path: Path, header: Header) -> Records:
    """Read all cells; raises BadFile when the records do not fill the file exactly."""
    try:
        body = np.fromfile(path, np.uint8, offset=header.start)
    except OSError as err:
        raise BadFile(f"{path.name} cannot be read: {err.strerror}") from err
    count, short = header.cells, 1 + header.int_bytes
    odd = BadFile(f"{path.name} is truncated or longer than its header says")
    if body.size > (header.record + 2) * count or body.size < (short + 2) * count:
        raise odd
    data = np.zeros((count, header.columns))
    children = np.full(count, -1, dtype=np.int64)
    cell = position = 0
    while cell < count:
        flag = int(body[position]) if position < body.size else -1
        step, cells = short, 1
        if flag == _REFINED:
            step += header.int_bytes
            number = body[position + short : position + step].tobytes()
            children[cell] = int.from_bytes(number, "little", signed=True)
            data[cell] = np.nan
        elif flag == LEAF:
            leaves = _leaves(body[position:], min(_CHUNK, count - cell), header.record)
            step, cells = leaves.size or header.record, len(leaves) or 1
            if leaves.size:
                data[cell : cell + cells] = leaves[:, short:].copy().view(">f4")
        elif flag not in (_ZERO, -1):
            raise BadFile(
                f"{path.name} has an unknown record flag at cell {cell}: damaged, or not a .hc file"
            )
        if position + step > body.size:
            raise BadFile(f"{path.name} is truncated in cell {cell} of {count}")
        cell, position = cell + cells, position + step
    info = body[position:]
    if info.size != 2 * count:
        raise odd
    kinds = np.asarray(info[::2] & 3, dtype=np.uint8)
    data[(kinds != INTERIOR) & (children < 0)] = np.nan
    return Records(data, children, kinds)


def _leaves(body: Bytes, most: int, record: int) -> Bytes:
    """Give the records of leaves at the start of some bytes, (n, record)."""
    count = min(most, body.size // record)
    rows = body[: count * record].reshape(count, record)
    return rows[: int(np.argmax(np.append(rows[:, 0] != LEAF, True)))]


def read_cells(path: Path, header: Header) -> Floats:
    """Give the numbers (nx, ny, nz, columns) of the box's cells of an unrefined file.

    Cells that are not interior are NaN. Raises BadFile as `read_records` does, and where a cell
    is refined.
    """
    records = read_records(path, header)
    if (records.children >= 0).any():
        raise BadFile(f"{path.name} has a refined cell in a file without room for its children")
    whole = records.data.reshape(*header.shape, header.columns)
    return whole[1:-1, 1:-1, 1:-1]


def cell_tree(path: Path, header: Header, records: Records) -> tuple[CellTree, NDArray[np.int64]]:
    """Give the tree of a refined file without its ghosts, and the record of each of its cells.

    Raises BadFile where cells are referred to twice, never, or out of order.
    """
    n1, n2, n3 = header.shape
    index = np.stack(np.unravel_index(np.arange(header.base_cells), header.shape), axis=1)
    inner = ((index > 0) & (index < np.array(header.shape) - 1)).all(axis=1)
    if (records.children[: header.base_cells][~inner] >= 0).any():
        raise BadFile(f"{path.name} has a refined ghost cell")
    numbers, places = np.flatnonzero(inner), index[inner] - 1
    found = [(np.zeros(len(numbers), dtype=np.int64), places, numbers)]
    while True:
        level, places, numbers = found[-1]
        parents = records.children[numbers] >= 0
        if not parents.any():
            break
        first = records.children[numbers[parents]]
        held = header.base_cells <= first.min() and first.max() + 8 <= header.cells
        if not held or len(found) > _MAX_LEVELS:
            raise BadFile(f"{path.name} refers to children that it does not hold")
        child = np.arange(8)
        offsets = np.stack([child & 1, child >> 1 & 1, child >> 2], axis=1)
        below = (places[parents][:, None] * 2 + offsets).reshape(-1, 3)
        found.append((np.full(len(below), level[0] + 1), below, (first[:, None] + child).ravel()))
    levels, indices, order = (np.concatenate(part) for part in zip(*found, strict=True))
    if len(np.unique(order)) != len(order) or len(order) != header.cells - np.sum(~inner):
        raise BadFile(f"{path.name} has cells that are nobody's children, or two cells'")
    x, y, z = (edge + header.dx / 2 for edge in header.lower)
    try:
        tree = CellTree((n1 - 2, n2 - 2, n3 - 2), (x, y, z), header.dx, levels, indices)
    except ValueError as err:
        raise BadFile(f"{path.name}: {err}") from err
    return tree, order
