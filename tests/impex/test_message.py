"""Requests as clients really send them, by the FMI table."""

from collections.abc import Callable

import pytest

from impex.dialect import Dialect
from impex.envelope import Element
from impex.fmi import FMI
from impex.latmos import LATMOS
from impex.message import Request, read_request
from vo_server.errors import BadArgument, TooMuch

Body = Callable[[str], list[Element]]

# One request as Matlab, zeep, PHP and Axis 1 send it, and a few liberties beside.
_ALL_QUALIFIED = """<getDataPointValue xmlns="http://impex-fp7.fmi.fi">
  <ResourceID>spase://A/B</ResourceID><Variable>Bx By</Variable><url_XYZ>http://h/x.vot</url_XYZ>
  <extraParams><OutputFileType>netCDF</OutputFileType></extraParams></getDataPointValue>"""
_MIXED = """<f:getDataPointValue xmlns:f="http://impex-fp7.fmi.fi">
  <f:ResourceID>spase://A/B</f:ResourceID><f:Variable>Bx By</f:Variable>
  <f:url_XYZ>http://h/x.vot</f:url_XYZ>
  <extraParams><f:OutputFileType>netCDF</f:OutputFileType></extraParams></f:getDataPointValue>"""
_UNQUALIFIED_CHILDREN = """<ns1:getDataPointValue xmlns:ns1="http://impex-fp7.fmi.fi">
  <ResourceID>spase://A/B</ResourceID><Variable>Bx By</Variable><url_XYZ>http://h/x.vot</url_XYZ>
  <extraParams><OutputFileType>netCDF</OutputFileType></extraParams></ns1:getDataPointValue>"""
_NO_NAMESPACE = """<getDataPointValue>
  <ResourceID>spase://A/B</ResourceID><Variable>Bx By</Variable><url_XYZ>http://h/x.vot</url_XYZ>
  <extraParams><OutputFileType>netCDF</OutputFileType></extraParams></getDataPointValue>"""
_UNWRAPPED = """<ResourceID xmlns="http://impex-fp7.fmi.fi">spase://A/B</ResourceID>
  <Variable xmlns="http://impex-fp7.fmi.fi">Bx By</Variable>
  <url_XYZ xmlns="http://impex-fp7.fmi.fi">http://h/x.vot</url_XYZ>
  <extraParams xmlns=""><OutputFileType xmlns="http://impex-fp7.fmi.fi">netCDF</OutputFileType>
  </extraParams>"""
_LIBERTIES = """<GETDATAPOINTVALUE>
  <OutputfileType> netcdf </OutputfileType><url_xyz>http://h/x.vot</url_xyz>
  <variable><item>Bx</item><item>By</item></variable><resourceid>spase://A/B</resourceid>
  <interpolationmethod/></GETDATAPOINTVALUE>"""


def _values(body: list[Element], action: str = "") -> Request:
    return read_request(FMI, body, action)


@pytest.mark.parametrize(
    ("content", "action"),
    [
        (_ALL_QUALIFIED, "getDataPointValue"),
        (_MIXED, '"DataPointValue"'),
        (_UNQUALIFIED_CHILDREN, '"DataPointValue"'),
        (_NO_NAMESPACE, ""),
        (_UNWRAPPED, '"DataPointValue"'),
        (_LIBERTIES, '"FieldLine"'),  # the body element decides, not the action
    ],
)
def test_one_request_in_every_shape(body: Body, content: str, action: str) -> None:
    request = _values(body(content), action)
    assert request.operation.name == "getDataPointValue"
    assert request.values == {
        "ResourceID": "spase://A/B",
        "Variable": ("Bx", "By"),
        "url_XYZ": "http://h/x.vot",
        "InterpolationMethod": "Linear",
        "OutputFileType": "netCDF",
        "Additions": (),
    }


@pytest.mark.parametrize(
    "extra",
    [
        "",
        "<extraParams/>",
        "<extraParams><OutputFileType/></extraParams>",
        "<extraParams><InterpolationMethod>Linear</InterpolationMethod></extraParams>",
    ],
)
def test_an_absent_format_is_votable_whatever_the_schema_declares(body: Body, extra: str) -> None:
    content = f"<ResourceID>a</ResourceID><url_XYZ>u</url_XYZ>{extra}"
    request = _values(body(f"<getDataPointValue>{content}</getDataPointValue>"))
    assert request.values["OutputFileType"] == "VOTable"
    assert request.values["Variable"] == ()


def test_field_line_defaults(body: Body) -> None:
    content = "<getFieldLine><ResourceID>a</ResourceID><url_XYZ>u</url_XYZ></getFieldLine>"
    assert _values(body(content)).values == {
        "ResourceID": "a",
        "Variable": (),
        "url_XYZ": "u",
        "Direction": "Forward",
        "MaxSteps": "100",
        "StopCondition_Radius": "0",
        "StopCondition_Region": (),
        "OutputFileType": "VOTable",
    }


@pytest.mark.parametrize("text", ["0 1 0,1 , -1e3\n2.", ",0 1 0 1 -1e3 2."])
def test_lists_split_at_blanks_and_commas(body: Body, text: str) -> None:
    content = f"<StopCondition_Region>{text}</StopCondition_Region>"
    request = _values(
        body(
            f"<getFieldLine><ResourceID>a</ResourceID><url_XYZ>u</url_XYZ>{content}</getFieldLine>"
        )
    )
    assert request.values["StopCondition_Region"] == ("0", "1", "0", "1", "-1e3", "2.")


def test_records_that_come_often(body: Body) -> None:
    content = """<getVOTableURL><Fields><name>X</name><data>1 2</data></Fields><Fields>
      <data/><name>Y</name><unit>km</unit><datatype>DOUBLE</datatype></Fields></getVOTableURL>"""
    assert _values(body(content)).values == {
        "Fields": [
            {"data": ("1", "2"), "name": "X"},
            {"data": (), "name": "Y", "unit": "km", "datatype": "double"},
        ]
    }


def test_records_come_in_a_limited_number(body: Body) -> None:
    fields = body(
        f"<getVOTableURL>{'<Fields><data/><name>a</name></Fields>' * 1001}</getVOTableURL>"
    )
    with pytest.raises(TooMuch, match="Fields comes more than 1000 times"):
        _values(fields)


@pytest.mark.parametrize("dialect", [FMI, LATMOS])
@pytest.mark.parametrize("name", ["PlanePoint", "PlaneNormalVector"])
@pytest.mark.parametrize(
    "empty", ["<{}/>", "<{}> </{}>", "<{}>, ,</{}>", "<{}><item/><item> </item><item/></{}>"]
)
def test_a_vector_without_numbers_is_missing(
    body: Body, dialect: Dialect, name: str, empty: str
) -> None:
    other = {"PlanePoint": "PlaneNormalVector", "PlaneNormalVector": "PlanePoint"}[name]
    given = f"<ResourceID>a</ResourceID><{other}>0 0 1</{other}>{empty.format(name, name)}"
    with pytest.raises(BadArgument, match=f"{name} is missing") as caught:
        read_request(dialect, body(f"<getSurface>{given}</getSurface>"), "")
    assert caught.value.argument == name


@pytest.mark.parametrize("content", ["<emptyElement/>", "<x:isAlive xmlns:x='urn:y'/>"])
def test_is_alive_has_no_values(body: Body, content: str) -> None:
    request = _values(body(content))
    assert (request.operation.name, request.values) == ("isAlive", {})


_BOTH = "<ResourceID>a</ResourceID><url_XYZ>u</url_XYZ>"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ("<url_XYZ>u</url_XYZ>", "ResourceID is missing"),
        ("<ResourceID> </ResourceID><url_XYZ>u</url_XYZ>", "ResourceID is missing"),
        (f"{_BOTH}<Foo/>", "getFieldLine has no parameter 'Foo'; its parameters are: ResourceID"),
        (f"{_BOTH}<extraParams><Foo>1</Foo></extraParams>", "no parameter 'Foo'"),
        (f"{_BOTH}<url_XYZ>v</url_XYZ>", "url_XYZ is given twice"),
        (
            f"{_BOTH}<StepSize>1</StepSize><extraParams><STEPSIZE>1</STEPSIZE></extraParams>",
            "twice",
        ),
        (f"{_BOTH}<extraParams/><extraParams/>", "extraParams is given twice"),
        (f"{_BOTH}<extraParams><extraParams/></extraParams>", "extraParams is given twice"),
        (f"{_BOTH}<extraParams>StepSize=1</extraParams>", "extraParams wants elements"),
        (f"{_BOTH} and so on", "getFieldLine wants elements"),
        (f"{_BOTH}<StepSize><a>1</a></StepSize>", "StepSize wants text"),
        (f"{_BOTH}<Variable>Bx<item>By</item></Variable>", "Variable wants text"),
        (f"{_BOTH}<Variable><item><a/></item></Variable>", "Variable wants text"),
        (f"{_BOTH}<StepSize>1 km</StepSize>", "StepSize must be a finite number, got '1 km'"),
        (f"{_BOTH}<StepSize>1_0</StepSize>", "StepSize must be a finite number"),
        (f"{_BOTH}<StepSize>١</StepSize>", "StepSize must be a finite number"),
        (f"{_BOTH}<StepSize>NaN</StepSize>", "StepSize must be a finite number"),
        (f"{_BOTH}<StepSize>1e999</StepSize>", "StepSize must be a finite number"),
        (f"{_BOTH}<MaxSteps>0</MaxSteps>", "MaxSteps must be a whole number from 1 on"),
        (f"{_BOTH}<MaxSteps>-1</MaxSteps>", "MaxSteps must be"),
        (f"{_BOTH}<MaxSteps>1.5</MaxSteps>", "MaxSteps must be"),
        (f"{_BOTH}<MaxSteps>{'9' * 40}</MaxSteps>", "MaxSteps must be"),
        (f"{_BOTH}<Direction>up</Direction>", "'up' is not one of Both, Forward, Backward"),
        (f"{_BOTH}<StopCondition_Region>1 2 3</StopCondition_Region>", "6 numbers, got 3"),
        (
            f"{_BOTH}<StopCondition_Region>a b c d e f</StopCondition_Region>",
            "must be a finite number",
        ),
        ("<ResourceID>a</ResourceID><url_XYZ>h ttp://x</url_XYZ>", "url_XYZ must be a URL"),
    ],
)
def test_refusals_name_the_parameter(body: Body, parameters: str, words: str) -> None:
    with pytest.raises(BadArgument, match=words):
        _values(body(f"<getFieldLine>{parameters}</getFieldLine>"))


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("<data>1</data>", "name is missing"),
        ("<name>X</name>", "data is missing"),
        ("<data>1</data><name>X</name><datatype>real</datatype>", "datatype 'real' is not one of"),
        ("<data>1</data><name>X</name><ucd>a b</ucd>", "ucd 'a b' has characters"),
        ("<data>1</data><name>X</name><ID>1x</ID>", "ID must be a name"),
        ("<data>1</data><name>X</name><Fields/>", "Fields has no parameter 'Fields'"),
        ("X", "Fields wants elements"),
    ],
)
def test_refusals_inside_a_record(body: Body, field: str, words: str) -> None:
    with pytest.raises(BadArgument, match=words):
        _values(body(f"<getVOTableURL><Fields>{field}</Fields></getVOTableURL>"))
    with pytest.raises(BadArgument, match="Fields is missing"):
        _values(body("<getVOTableURL/>"))


@pytest.mark.parametrize(
    "parameters",
    [
        f"<ResourceID>{'a' * 4097}</ResourceID>",
        f"<ResourceID>a</ResourceID><Variable>Bx,{'a' * 5000}</Variable>",
    ],
)
def test_text_over_long(body: Body, parameters: str) -> None:
    with pytest.raises(TooMuch, match="more than 4096 characters"):
        _values(body(f"<getFieldLine>{parameters}<url_XYZ>u</url_XYZ></getFieldLine>"))


@pytest.mark.parametrize(
    ("content", "action", "words"),
    [
        ("<getEverything/>", "", "'getEverything' is no operation of this service; it has getData"),
        ("<getEverything/>", "DataPointValue", "'getEverything' is no operation"),
        ("<ResourceID>a</ResourceID>", "", "'ResourceID' is no operation"),
        ("<emptyElement/><emptyElement/>", "", "the Body holds 2 elements"),
        ("<emptyElement><a/></emptyElement>", "", "isAlive has no parameter 'a'.* are: none"),
    ],
)
def test_what_is_no_operation(body: Body, content: str, action: str, words: str) -> None:
    with pytest.raises(BadArgument, match=words):
        _values(body(content), action)


def test_action_tells_operations_of_one_element_apart(body: Body, latmos: Dialect) -> None:
    content = "<getDataPointSpectraSpacecraft><RunID>a</RunID></getDataPointSpectraSpacecraft>"
    names = [
        read_request(latmos, body(content), action).operation.name
        for action in ('"DataPointSpectra_Spacecraft"', '"DataPointSpectraSpacecraft"', "")
    ]
    assert names == [
        "getDataPointSpectra_Spacecraft",
        "getDataPointSpectraSpacecraft",
        "getDataPointSpectraSpacecraft",
    ]


def test_operations_have_other_names_too(body: Body, latmos: Dialect) -> None:
    request = read_request(latmos, body("<GetSpectra><runid>a</runid></GetSpectra>"), "")
    assert request.operation.name == "getDataPointSpectra_Spacecraft"
    assert request.values == {"ResourceID": "a"}
