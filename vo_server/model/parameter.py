"""Parameter: what one column of numbers or text is."""

from dataclasses import dataclass

import numpy as np

TEXT = np.dtype(object)
REAL = np.dtype(np.float64)

# UCD1+ words by parameter name without its component; the field's usual names.
_UCDS = {
    "density": "phys.density",
    "n": "phys.density",
    "u": "phys.veloc",
    "v": "phys.veloc",
    "b": "phys.magField",
    "e": "phys.electField",
    "j": "phys.current.density",
    "temperature": "phys.temperature",
    "pressure": "phys.pressure",
}
_COMPONENTS = ("tot", "x", "y", "z")


@dataclass(frozen=True, slots=True)
class Bins:
    """What the elements along one dimension of an array column stand for.

    centers, ranges: (n,) and (n, 2) numbers, or the name of the column that holds them where they
    vary with time; both None for a dimension that is no bins.
    """

    name: str
    unit: str | None = None
    centers: tuple[float, ...] | str | None = None
    ranges: tuple[tuple[float, float], ...] | str | None = None
    label: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """Name and meaning of one column.

    dtype: NumPy scalar type of a cell (object for text, datetime64[ns] for times); shape: ()
    for scalars, -1 first where arrays differ in length and each cell of the column is one; unit:
    as spelled by its source, None where there is none; xtype, utype, ucd: the VOTable words,
    where known; null: the integer that stands for a missing value.
    What only some formats can say: label, and labels and units one an element; fill: the text
    that stands for a missing value on the wire; length: most bytes of a text in UTF-8; frame:
    coordinate frame; components: of a vector, such as x, y, z; bins: one a dimension;
    media_type: of what a column of URLs points at; id: by which VOTable refers to the column,
    where it must be this one.
    """

    name: str
    dtype: np.dtype[np.generic] = REAL
    unit: str | None = None
    ucd: str | None = None
    utype: str | None = None
    xtype: str | None = None
    description: str = ""
    shape: tuple[int, ...] = ()
    null: int | None = None
    label: str = ""
    labels: tuple[str, ...] = ()
    units: tuple[str | None, ...] = ()
    fill: str | None = None
    length: int | None = None
    frame: str | None = None
    components: tuple[str, ...] = ()
    bins: tuple[Bins, ...] = ()
    media_type: str | None = None
    id: str | None = None


def vector_name(name: str) -> tuple[str, str]:
    """Split a name into quantity and component: 'Bx' is ('B', 'x'), 'Btot' is ('B', 'tot')."""
    for component in _COMPONENTS:
        if name.lower().endswith(component) and len(name) == len(component) + 1:
            return name[: -len(component)], component
    return name, ""


def default_ucd(name: str) -> str | None:
    """Give the UCD of a plasma parameter by its usual name, None where it has none."""
    return _UCDS.get(vector_name(name)[0].lower())
