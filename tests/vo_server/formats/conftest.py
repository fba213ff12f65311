"""Tables that formats write and read back."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from vo_server.formats import engine
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Column, Constant, Header, Table

Draw = Callable[..., Table]

_COLUMNS: dict[str, tuple[Parameter, st.SearchStrategy[Any]]] = {
    "double": (Parameter("X", unit="km"), st.floats()),
    "float": (Parameter("B", np.dtype(np.float32), unit="nT"), st.floats(width=32)),
    "int": (Parameter("n", np.dtype(np.int32)), st.integers(-(2**31), 2**31 - 1)),
    "null": (
        Parameter("m", np.dtype(np.int64), null=-(2**63)),
        st.just(-(2**63)) | st.integers(-9, 9),
    ),
    "logical": (Parameter("ok", np.dtype(np.bool_)), st.sampled_from([True, False, None])),
    "time": (
        Parameter("Time", np.dtype("datetime64[ns]"), xtype="timestamp"),
        st.integers(0, 2**32).map(lambda n: np.datetime64(n, "s").astype("datetime64[ns]")),
    ),
}  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    """Let the compiled kernels of text work."""
    assert engine.warm()


@pytest.fixture(scope="session")
def draw_table() -> Draw:
    """Give a function that draws a table; text: strategy of its text cells."""

    def draw(data: st.DataObject, text: st.SearchStrategy[str]) -> Table:
        kinds = {**_COLUMNS, "text": (Parameter("label", TEXT, description="words"), text)}
        names = data.draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, unique=True))
        rows = data.draw(st.integers(1, 12))
        columns: list[Column] = []
        for name in names:
            parameter, cells = kinds[name]
            dtype = TEXT if parameter.dtype.kind == "b" else parameter.dtype
            column = np.empty(rows, dtype)
            column[:] = data.draw(st.lists(cells, min_size=rows, max_size=rows))
            columns.append(column)
        return Table(Header(tuple(kinds[n][0] for n in names), "results"), tuple(columns))

    return draw


@pytest.fixture(scope="session")
def flight() -> Table:
    """Give a small result: time, positions, values with gaps, remarks."""
    header = Header(
        (
            Parameter("Time", np.dtype("datetime64[ns]"), xtype="timestamp"),
            Parameter("X", unit="km", ucd="pos.cartesian.x"),
            Parameter("Density", np.dtype(np.float32), "1/m3", description="of protons"),
            Parameter("Line_no", np.dtype(np.int64), null=-(2**63)),
            Parameter("label", TEXT),
            Parameter("flux", unit="eV", shape=(2,)),
            Parameter("wave", np.dtype(np.complex128)),
            Parameter("ok", np.dtype(np.bool_)),
        ),
        "Mars_RunB",
        "NumericalOutput: spase://MyLab/Out\nCoordinate system: MSO\nfree words",
        (
            Constant(Parameter("COOSYS", TEXT, ucd="pos.frame"), "MSO"),
            Constant(Parameter("Radius", unit="km"), 3390.5),
            Constant(Parameter("Steps", np.dtype(np.int32)), 7),
        ),
    )
    columns = (
        np.array(["2005-01-01T00:00:00.1", "NaT"], "datetime64[ns]"),
        np.array([-4061.77, np.nan]),
        np.array([0.1, np.inf], np.float32),
        np.array([-(2**63), 2], np.int64),
        np.array(["Mars, #1", ""], object),
        np.array([[1.0, 2.0], [3.0, -np.inf]]),
        np.array([1 + 2j, 0j]),
        np.array([True, None], object),
    )
    return Table(header, columns, (("points ok", "2"),))
