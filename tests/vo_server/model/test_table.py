"""Tables: blocks keep their shape."""

import numpy as np
import pytest

from vo_server.model.parameter import Parameter, default_ucd, vector_name
from vo_server.model.table import Header, Table, concatenate

_HEADER = Header((Parameter("a"), Parameter("b")))


def test_columns_must_be_as_many_and_as_long() -> None:
    with pytest.raises(ValueError, match="lengths"):
        Table(_HEADER, (np.zeros(3), np.zeros(4)))
    with pytest.raises(ValueError, match="2 parameters"):
        Table(_HEADER, (np.zeros(3),))


def test_concatenate_keeps_order_and_notes() -> None:
    blocks = [
        Table(_HEADER, (np.array([1.0]), np.array([2.0]))),
        Table(_HEADER, (np.array([3.0]), np.array([4.0])), (("n", "2"),)),
    ]
    joined = concatenate(blocks)
    assert joined.column("a").tolist() == [1.0, 3.0]
    assert joined.notes == (("n", "2"),)
    with pytest.raises(KeyError):
        joined.column("c")


@pytest.mark.parametrize(
    ("name", "ucd"),
    [("Bx", "phys.magField"), ("Btot", "phys.magField"), ("Density", "phys.density"),
     ("Uy", "phys.veloc"), ("Jtot", "phys.current.density"), ("Temperature", "phys.temperature"),
     ("Max", None), ("phase", None)],
)  # fmt: skip
def test_default_ucds(name: str, ucd: str | None) -> None:
    assert default_ucd(name) == ucd


def test_vector_names() -> None:
    assert vector_name("Btot") == ("B", "tot")
    assert vector_name("Ux") == ("U", "x")
    assert vector_name("Density") == ("Density", "")
