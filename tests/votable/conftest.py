"""Tables with columns of every type that VOTable has, drawn by hypothesis."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from interpolation.engine import numpy_only
from vo_server.formats import engine
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Column, Header, Table
from votable import plain

Draw = Callable[..., Any]

_FLOATS = st.floats(allow_nan=True, allow_infinity=True)
_SINGLES = st.floats(allow_nan=True, allow_infinity=True, width=32)
_LOGICALS = st.sampled_from([True, False, None])
_NANOSECONDS = st.integers(-(2**61), 2**62) | st.integers(0, 2**40).map(lambda n: n * 10**6)
_KINDS: dict[str, tuple[Parameter, st.SearchStrategy[Any]]] = {
    "double": (Parameter("double", unit="km"), _FLOATS),
    "float": (Parameter("float", np.dtype(np.float32), unit="nT"), _SINGLES),
    "byte": (Parameter("byte", np.dtype(np.uint8)), st.integers(0, 255)),
    "byte null": (Parameter("byte null", np.dtype(np.uint8), null=7), st.integers(0, 255)),
    "short": (Parameter("short", np.dtype(np.int16), null=-1), st.integers(-(2**15), 2**15 - 1)),
    "int": (Parameter("int", np.dtype(np.int32)), st.integers(1 - 2**31, 2**31 - 1)),
    "long": (Parameter("long", np.dtype(np.int64), null=0), st.integers(-(2**63), 2**63 - 1)),
    "boolean": (Parameter("boolean", np.dtype(np.bool_)), _LOGICALS),
    "time": (
        Parameter("time", np.dtype("datetime64[ns]"), ucd="time.epoch"),
        _NANOSECONDS.map(lambda n: np.datetime64(n, "ns")) | st.just(np.datetime64("NaT", "ns")),
    ),
    "complex": (Parameter("complex", np.dtype(np.complex128)), st.complex_numbers()),
    "doubles": (Parameter("doubles", shape=(3,)), st.tuples(_FLOATS, _FLOATS, _FLOATS)),
    "shorts": (
        Parameter("shorts", np.dtype(np.int16), shape=(2, 1)),
        st.tuples(*[st.integers(1 - 2**15, 2**15 - 1)] * 2),
    ),
    "booleans": (
        Parameter("booleans", np.dtype(np.bool_), shape=(2,)), st.tuples(_LOGICALS, _LOGICALS)
    ),
}  # fmt: skip


def column(parameter: Parameter, cells: list[Any]) -> Column:
    """Give cells as a column of the type that the reader gives too."""
    dtype = TEXT if parameter.dtype.kind == "b" else parameter.dtype
    flat = np.empty(len(cells) * int(np.prod(parameter.shape, dtype=int)), dtype)
    flat[:] = [part for cell in cells for part in cell] if parameter.shape else cells
    return flat.reshape(len(cells), *parameter.shape)


@pytest.fixture(params=["python", "compiled"], scope="module")
def working_engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the engine that works: each test runs with both, and all results must be the same.

    The compiled one takes as few rows as there are, or as a piece of a document has.
    """
    assert engine.warm()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "_MUCH", -1)
        if request.param == "python":
            with numpy_only():
                yield request.param
        else:
            yield request.param


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    """Let the compiled kernels of text work."""
    assert engine.warm()


@pytest.fixture(scope="session")
def draw_table() -> Draw:
    """Give a function that draws a table; text: strategy of its text cells."""

    def draw(data: st.DataObject, text: st.SearchStrategy[str]) -> Table:
        kinds = {**_KINDS, "char": (Parameter("char", TEXT, description="words"), text)}
        names = data.draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, unique=True))
        rows = data.draw(st.integers(0, 12))
        columns = [
            column(kinds[n][0], data.draw(st.lists(kinds[n][1], min_size=rows, max_size=rows)))
            for n in names
        ]
        header = Header(tuple(kinds[name][0] for name in names), "results", "Some\nlines.")
        return Table(header, tuple(columns), (("points ok", str(rows)),))

    return draw


@pytest.fixture(scope="session")
def full_table() -> Table:
    """Give a table with a column of every type and three rows."""
    cells: dict[str, list[Any]] = {
        "double": [1.5, np.nan, -np.inf],
        "float": [0.1, 2e30, np.nan],
        "byte": [0, 255, 9],
        "byte null": [7, 255, 9],
        "short": [-1, 300, -32768],
        "int": [1, -2, 3],
        "long": [0, 2**62, -5],
        "boolean": [True, False, None],
        "time": [np.datetime64(n, "ns") for n in (0, 1, "NaT")],
        "complex": [1 + 2j, complex(0, np.inf), -1j],
        "doubles": [(1.0, 2.0, np.nan)] * 3,
        "shorts": [(1, 2)] * 3,
        "booleans": [(True, None)] * 3,
    }
    parameters = [_KINDS[name][0] for name in cells]
    columns: list[NDArray[Any]] = [column(_KINDS[name][0], cells[name]) for name in cells]
    parameters.append(Parameter("char", TEXT, ucd="meta.note", description="<words> & more"))
    columns.append(column(parameters[-1], ["a < b & c", "", "]]> \r\n x"]))
    header = Header(tuple(parameters), "results", "Coordinate system: MSO")
    return Table(header, tuple(columns), (("points ok", "3"),))
