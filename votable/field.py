"""FIELD and PARAM: from VOTable's words for types to NumPy's and back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from vo_server.errors import BadTable, excerpt
from vo_server.formats.cells import NotANumber, integers, reals
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Constant

# The type of a column by its datatype.
DTYPES: dict[str, np.dtype[np.generic]] = {
    "boolean": np.dtype(np.bool_),
    "bit": np.dtype(np.bool_),
    "unsignedByte": np.dtype(np.uint8),
    "short": np.dtype(np.int16),
    "int": np.dtype(np.int32),
    "long": np.dtype(np.int64),
    "char": TEXT,
    "unicodeChar": TEXT,
    "float": np.dtype(np.float32),
    "double": np.dtype(np.float64),
    "floatComplex": np.dtype(np.complex64),
    "doubleComplex": np.dtype(np.complex128),
}
# The datatype of a column by its type; what VOTable lacks goes out as the next larger one.
_WORDS = {
    "?": "boolean",
    **dict.fromkeys("OSM", "char"),
    "U": "unicodeChar",
    "B": "unsignedByte",
    "b": "short",
    "h": "short",
    "H": "int",
    "i": "int",
    "I": "long",
    "l": "long",
    "q": "long",
    "e": "float",
    "f": "float",
    "d": "double",
    "F": "floatComplex",
    "D": "doubleComplex",
}
_MAX_ELEMENTS = 1_000_000  # of an array cell
_ARRAY = 128  # bytes that an array takes beside its elements
_LONGEST = 300  # characters of a name, unit or other word of a FIELD


@dataclass(frozen=True, slots=True)
class Field:
    """A column as its FIELD declares it.

    length: elements of a cell, None where it varies; fill: the float that stands for a missing
    value, None where NaN alone does.
    """

    parameter: Parameter
    datatype: str
    length: int | None
    fill: float | None = None

    @property
    def size(self) -> int:
        """Bytes that a cell takes in a column; of text and logicals the references."""
        if self.varies:
            return _ARRAY
        objects = self.parameter.dtype.kind in "Ob"
        return (8 if objects else self.parameter.dtype.itemsize) * prod(self.parameter.shape)

    @property
    def varies(self) -> bool:
        """Tell whether the cells are arrays of differing length."""
        return self.length is None and self.parameter.dtype != TEXT

    @property
    def inner(self) -> int:
        """Elements by which the length of such an array is counted."""
        return prod(self.parameter.shape[1:])


def word(dtype: np.dtype[np.generic]) -> str:
    """Give the datatype of a column of this type; raises ValueError where there is none."""
    found = _WORDS.get(dtype.char)
    if found is None:
        raise ValueError(f"VOTable has no datatype for {dtype}")
    return found


def read_field(
    attributes: Mapping[str, str], *, description: str, null: str | None, gaps: bool, number: int
) -> Field:
    """Understand a FIELD.

    null: what its VALUES declare; gaps: whether any cell can be missing, as in TABLEDATA and
    BINARY2. An integer column then needs a number for it: the declared one, else the smallest of
    its type; bytes become int16 for that, since 255 may be a value. Raises BadTable.
    """
    name = attributes.get("name") or attributes.get("ID") or f"col{number}"
    parameter = _parameter(name, attributes, description)
    datatype = attributes.get("datatype", "").strip()
    if datatype not in DTYPES:
        raise BadTable(f"column {excerpt(name)} has no known datatype, but {excerpt(datatype)}")
    length, shape = _extent(name, datatype, attributes.get("arraysize", ""))
    dtype = DTYPES[datatype]
    if dtype == TEXT:
        return Field(parameter, datatype, length)
    parameter = replace(parameter, dtype=dtype, shape=shape)
    if dtype.kind in "iu":
        return Field(_with_null(parameter, null, gaps=gaps), datatype, length)
    return Field(parameter, datatype, length, _float(null) if dtype.kind in "fc" else None)


def _parameter(name: str, attributes: Mapping[str, str], description: str) -> Parameter:
    words = {key: attributes.get(key) or None for key in ("unit", "ucd", "utype", "xtype")}
    for key, text in (("name", name), *words.items()):
        if text and len(text) > _LONGEST:
            raise BadTable(f"column {excerpt(name)} has a {key} of more than {_LONGEST} characters")
    return Parameter(
        name, TEXT, words["unit"], words["ucd"], words["utype"], words["xtype"], description
    )


def _extent(name: str, datatype: str, arraysize: str) -> tuple[int | None, tuple[int, ...]]:
    """Give the elements of a cell and the shape they have in a column."""
    text = DTYPES[datatype] == TEXT
    sizes = arraysize.strip().split("x") if arraysize.strip() else ["1"]
    if sizes[-1].endswith("*") and text:
        return None, ()
    varies = sizes[-1].endswith("*")
    if varies and datatype == "bit":
        raise BadTable(f"column {excerpt(name)} has bits of variable length, which are not read")
    if varies:
        sizes[-1] = "1"  # a longest length is not believed
    if not all(size.isdecimal() and size.isascii() and len(size) < 10 for size in sizes):
        raise BadTable(f"column {excerpt(name)} has no known arraysize, but {excerpt(arraysize)}")
    numbers = [int(size) for size in sizes]
    if not 0 < prod(numbers) <= _MAX_ELEMENTS:
        raise BadTable(f"column {excerpt(name)} has cells of {excerpt(arraysize)} elements")
    if varies:
        return None, (-1, *reversed(numbers[:-1]))
    return prod(numbers), () if text or numbers == [1] else tuple(reversed(numbers))


def _with_null(parameter: Parameter, declared: str | None, *, gaps: bool) -> Parameter:
    limits = np.iinfo(parameter.dtype.str)
    null = _integer(declared)
    if null is not None and limits.min <= null <= limits.max:
        return replace(parameter, null=null)
    if not gaps:
        return parameter
    if limits.min == 0:
        parameter = replace(parameter, dtype=np.dtype(np.int16))
    return replace(parameter, null=int(np.iinfo(parameter.dtype.str).min))


def _integer(text: str | None) -> int | None:
    try:
        return None if text is None else int(text[:40], 16 if text[:2].lower() == "0x" else 10)
    except ValueError:
        return None


def _float(text: str | None) -> float | None:
    try:
        return None if text is None else float(text[:40])
    except ValueError:
        return None


def read_param(attributes: Mapping[str, str], *, description: str, number: int) -> Constant:
    """Understand a PARAM; a value that is no number of its datatype is kept as text."""
    name = attributes.get("name") or attributes.get("ID") or f"param{number}"
    parameter = _parameter(name, attributes, description)
    value = attributes.get("value", "")
    dtype = DTYPES.get(attributes.get("datatype", ""), TEXT)
    cells = value.split()
    if not cells or dtype.kind not in "iuf":
        return Constant(parameter, value)
    try:
        numbers: list[float] = (reals(cells) if dtype.kind == "f" else integers(cells, 0)).tolist()
    except NotANumber:
        return Constant(parameter, value)
    if dtype.kind != "f":
        limits = np.iinfo(dtype.str)
        if min(numbers) < limits.min or max(numbers) > limits.max:
            return Constant(parameter, value)
    if len(cells) == 1:
        return Constant(replace(parameter, dtype=dtype), numbers[0])
    return Constant(replace(parameter, dtype=dtype, shape=(len(cells),)), tuple(cells))


def null_fits(text: str, datatype: str) -> bool:
    """Tell whether a text is an integer of this datatype."""
    limits, number = np.iinfo(DTYPES[datatype].str), _integer(text.strip())
    return number is not None and limits.min <= number <= limits.max


def constant_fits(attributes: Mapping[str, str]) -> bool:
    """Tell whether the value of a PARAM is one of its datatype."""
    dtype = DTYPES.get(attributes.get("datatype", ""), TEXT)
    if dtype.kind not in "iuf" or not attributes.get("value", "").strip():
        return True
    return read_param(attributes, description="", number=1).parameter.dtype == dtype
