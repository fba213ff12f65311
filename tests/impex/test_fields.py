import re
from typing import Any

import numpy as np
import pytest

from impex.fields import table
from vo_server.errors import BadArgument
from votable.write import write

_WORDS = ("ID", "unit", "datatype", "xtype", "ucd", "utype", "description", "arraysize")


def _field(name: str, data: str, **words: str) -> dict[str, Any]:
    return {"name": name, "data": tuple(data.split()), **dict.fromkeys(_WORDS), **words}


def _given(*fields: dict[str, Any], name: str | None = None) -> dict[str, Any]:
    return {"Table_name": name, "Description": None, "Fields": list(fields)}


@pytest.mark.parametrize(
    ("name", "canonical", "unit", "ucd"),
    [
        ("x", "X", "m", "pos.cartesian.x"),
        ("UTOT", "Utot", "m/s", "phys.veloc"),
        ("by", "By", "T", "phys.magField"),
        ("density", "Density", "1/m3", "phys.density"),
        ("mass", "Mass", "kg", "phys.mass"),
        ("temperature", "Temperature", "K", "phys.temperature"),
    ],
)
def test_well_known_names(name: str, canonical: str, unit: str, ucd: str) -> None:
    made = table(_given(_field(name, "1 2.5")))
    (parameter,) = made.header.parameters
    assert (parameter.name, parameter.unit, parameter.ucd) == (canonical, unit, ucd)
    assert made.columns[0].dtype == np.float64


def test_what_the_client_says_comes_first() -> None:
    made = table(_given(_field("x", "1", unit="km", datatype="double", ucd="pos", utype="u")))
    (parameter,) = made.header.parameters
    assert (parameter.unit, parameter.ucd) == ("km", "pos")
    assert parameter.dtype == np.float64
    assert (parameter.name, parameter.utype) == ("X", "u")


def test_times_become_utc() -> None:
    made = table(_given(_field("time", "2014-06-26T20:04:24.970+02:00 2014-06-27")))
    (parameter,) = made.header.parameters
    assert (parameter.name, parameter.ucd, parameter.dtype.kind) == ("Time", "time.epoch", "M")
    assert made.columns[0].tolist() == np.array(
        ["2014-06-26T18:04:24.970", "2014-06-27T00:00"], "datetime64[ns]"
    ).tolist()  # fmt: skip


def test_times_as_numbers_stay_numbers() -> None:
    made = table(_given(_field("Time", "0.5 1", unit="s", datatype="double")))
    assert made.columns[0].tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    ("data", "datatype", "values"),
    [
        ("1 2.5 nan -Inf", None, [1.0, 2.5, None, float("-inf")]),
        ("1 b", None, ["1", "b"]),
        ("true F 1", "boolean", [True, False, True]),
        ("0 255", "unsignedByte", [0, 255]),
        ("-32768", "short", [-32768]),
        ("-2147483648", "int", [-2147483648]),
        ("9223372036854775807", "long", [9223372036854775807]),
        ("0.1", "float", [float(np.float32(0.1))]),
        ("a <b>", "char", ["a", "<b>"]),
        ("é", "unicodeChar", ["é"]),
        ("", "double", []),
    ],
)
def test_datatypes(data: str, datatype: str | None, values: list[Any]) -> None:
    words = {} if datatype is None else {"datatype": datatype}
    column = table(_given(_field("a", data, **words))).columns[0].tolist()
    assert [None if value != value else value for value in column] == values


@pytest.mark.parametrize(
    ("data", "datatype", "cell"),
    [
        ("1 x", "float", "x"),
        ("1_0", "double", "1_0"),
        ("1 1.5", "int", "1.5"),
        ("1 256", "unsignedByte", "256"),
        ("-1", "unsignedByte", "-1"),
        ("99999999999999999999", "long", "99999999999999999999"),
        ("1 1e39", "float", "1e39"),
        ("t maybe", "boolean", "maybe"),
    ],
)
def test_values_that_do_not_fit(data: str, datatype: str, cell: str) -> None:
    with pytest.raises(
        BadArgument, match=f"column 'a' of Fields has the value '{cell}', which is no {datatype}"
    ):
        table(_given(_field("a", data, datatype=datatype)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ((_field("a", "1 2"), _field("b", "1")), "unequal numbers of values: 'a' 2, 'b' 1"),
        ((_field("x", "1"), _field("X", "1")), "two columns 'X'"),
        ((_field("Time", "now"),), "'now' is not an ISO 8601 time"),
        ((_field("a", "1", datatype="bit"),), "datatype bit; stored here are boolean"),
        ((_field("a", "1 2", datatype="double", arraysize="2"),), "has an arraysize"),
    ],
)
def test_refusals(fields: tuple[dict[str, Any], ...], words: str) -> None:
    with pytest.raises(BadArgument, match=words):
        table(_given(*fields))


def test_names() -> None:
    assert table(_given(_field("a", "1"))).header.name == "Table"
    assert table(_given(_field("a", "1", arraysize="1"), name="My run")).header.name == "My run"


def test_the_clients_id_is_kept() -> None:
    made = table(
        _given(
            _field("x", "1", ID="col_x_1"),
            _field("Y", "2"),
            _field("Z", "3", ID="Y"),
            _field("q", "4", ID="col2"),
            _field("r", "5", ID="table"),
        )
    )
    text = b"".join(write((made,))).decode()
    told = [dict(re.findall(r'(\w+)="([^"]*)"', tag)) for tag in re.findall("<FIELD[^>]*>", text)]
    assert "ID" not in told.pop()
    assert [(field["name"], field["ID"]) for field in told] == [
        ("X", "col_x_1"),
        ("Y", "col2_"),
        ("Z", "Y"),
        ("q", "col2"),
    ]
    assert 'nrows="1"' in text


@pytest.mark.parametrize("ids", [("a", "a"), ("1a", "b"), ("a b", "b")])
def test_an_id_that_is_none_is_refused(ids: tuple[str, str]) -> None:
    with pytest.raises(BadArgument, match="ID"):
        table(_given(*(_field(f"c{i}", "1", ID=id) for i, id in enumerate(ids))))
