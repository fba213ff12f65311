"""What stands around the rows of a VOTable: TABLE, FIELD, PARAM, INFO, COOSYS."""

from dataclasses import dataclass, field, replace

from vo_server.errors import BadTable, excerpt
from vo_server.formats.source import (
    MAX_COLUMNS,
    frame_statement,
    tells_frame,
    tells_place,
    timeorigin_statement,
    timescale_statement,
)
from vo_server.model.table import Constant, Header
from votable.field import Field, read_field, read_param

Attributes = dict[str, str]

# COOSYS systems of the sky, which tell nothing about positions in metres.
_SKY = (
    *("ICRS", "FK4", "FK5", "EQ_FK4", "EQ_FK5", "ECL_FK4", "ECL_FK5", "ECLIPTIC", "EQUATORIAL"),
    *("GALACTIC", "GALACTIC_I", "SUPERGALACTIC", "SUPER_GALACTIC", "AZ_EL", "BODY", "GEO_APP"),
    *("XY", "BARYCENTRIC", "UNKNOWN"),
)


@dataclass(slots=True)
class _Column:
    """A FIELD or PARAM while its content is read."""

    attributes: Attributes
    description: str = ""
    null: str | None = None


@dataclass(slots=True)
class _Group:
    """A GROUP while its content is read; frame: what it tells of the FIELDs that it refers to."""

    ucd: str
    references: list[str] = field(default_factory=list)
    frame: Constant | None = None


@dataclass(slots=True)
class _Table:
    """A TABLE while it is read."""

    name: str
    description: str = ""
    columns: list[_Column] = field(default_factory=list)
    constants: list[Constant] = field(default_factory=list)
    groups: list[_Group] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)


class Metadata:
    """Takes the elements outside the rows; `header` and `fields` are those of the table to give."""

    def __init__(self) -> None:
        self.header: Header | None = None
        self.fields: list[Field] = []
        self.notes: list[tuple[str, str]] = []
        self._systems: dict[str, str] = {}
        self._times: dict[str, Attributes] = {}
        self._table: _Table | None = None
        self._column: _Column | None = None
        self._groups: list[_Group] = []  # that are open

    def start(self, name: str, attributes: Attributes, parent: str) -> None:
        """Take a start tag."""
        if name == "TABLE":
            self._table = _Table(attributes.get("name", ""))
            self._groups = []
        elif name == "GROUP" and self._table is not None:
            self._groups.append(_Group(attributes.get("ucd", "")))
            self._table.groups.append(self._groups[-1])
        elif name == "FIELDref" and self._groups:
            self._groups[-1].references.append(attributes.get("ref", ""))
        elif name == "COOSYS":
            self._systems[attributes.get("ID", "")] = attributes.get("system", "")
        elif name == "TIMESYS":
            self._times[attributes.get("ID", "")] = attributes
        elif name in ("FIELD", "PARAM"):
            self._column = _Column(attributes)
        elif name == "VALUES" and self._column is not None and parent == "FIELD":
            self._column.null = attributes.get("null", self._column.null)
        elif name == "INFO":
            self._info(attributes, parent)

    def end(self, name: str, text: str, parent: str) -> None:
        """Take an end tag, and the text before it."""
        table, column = self._table, self._column
        if name == "DESCRIPTION" and parent in ("FIELD", "PARAM") and column is not None:
            column.description = text.strip()
        elif name == "DESCRIPTION" and parent == "TABLE" and table is not None:
            table.description = text.strip()
        elif name == "FIELD" and table is not None and column is not None:
            self._column = None
            table.columns.append(column)
            if len(table.columns) > MAX_COLUMNS:
                raise BadTable(f"the table has more than {MAX_COLUMNS} FIELDs")
        elif name == "PARAM":
            self._column = None
            if table is not None and column is not None:
                self._param(table, column)
        elif name == "GROUP" and self._groups:
            self._groups.pop()
        elif name == "TABLE" and table is not None:
            if self.header is None and table.columns:
                self.declare(gaps=False)
            self._table = None

    def forget(self) -> None:
        """Make room for another table to give."""
        self.header, self.fields, self.notes = None, [], []

    def declare(self, *, gaps: bool) -> None:
        """Take the present table as the one to give; gaps: any cell of it can be missing."""
        table = self._table
        if table is None or not table.columns:
            raise BadTable("the TABLE has data, but no FIELD")
        self.fields = [
            read_field(
                column.attributes,
                description=column.description,
                null=column.null,
                gaps=gaps,
                number=number,
            )
            for number, column in enumerate(table.columns, 1)
        ]
        places = self._grouped(table)
        self.header = Header(
            tuple(field.parameter for field in self.fields),
            table.name,
            table.description,
            (*self._frames(table), *places, *self._clocks(table), *table.constants),
        )
        self.notes = table.notes

    def _grouped(self, table: _Table) -> list[Constant]:
        """Give the frames that groups tell of positions; those of other columns go to these."""
        places = []
        for group in table.groups:
            if group.frame is None:
                continue
            told = str(group.frame.value).strip()
            referred = [
                i for i, c in enumerate(table.columns) if c.attributes.get("ID") in group.references
            ]
            if referred and not _of_positions(group.ucd):
                for i in referred:
                    parameter = replace(self.fields[i].parameter, frame=told)
                    self.fields[i] = replace(self.fields[i], parameter=parameter)
            else:
                places.append(group.frame)
        return places

    def _frames(self, table: _Table) -> list[Constant]:
        """Give the coordinate systems that the table's FIELDs refer to, each once.

        Where they refer to none, every system of the document is meant.
        """
        references = [c.attributes.get("ref", "") for c in table.columns]
        referred = [self._systems[r] for r in references if r in self._systems]
        named = [system.strip() for system in referred or self._systems.values()]
        stated = dict.fromkeys(s for s in named if s and s.upper() not in _SKY)
        return [frame_statement(system) for system in stated]

    def _clocks(self, table: _Table) -> list[Constant]:
        """Give time scale and origin of the TIMESYS that the table's FIELDs refer to.

        Where they refer to several, none is told: a constant cannot say which column is meant.
        """
        references = {c.attributes.get("ref", "") for c in table.columns} & set(self._times)
        if len(references) != 1:
            return []
        told = self._times[references.pop()]
        constants = [timescale_statement(told["timescale"])] if told.get("timescale") else []
        origin = told.get("timeorigin", "").strip()
        days = {"MJD-origin": "2400000.5", "JD-origin": "0"}.get(origin, origin)
        try:
            constants += [timeorigin_statement(float(days))] if days else []
        except ValueError as err:
            raise BadTable(f"the timeorigin {excerpt(origin)} of TIMESYS is no number") from err
        return constants

    def _param(self, table: _Table, column: _Column) -> None:
        number = len(table.constants) + 1
        constant = read_param(column.attributes, description=column.description, number=number)
        parameter, told = constant.parameter, str(constant.value).strip()
        if told and tells_frame(parameter.name) and parameter.ucd is None:
            constant = frame_statement(told)
        if self._groups and told and tells_place(constant):
            self._groups[-1].frame = constant
        else:
            table.constants.append(constant)

    def _info(self, attributes: Attributes, parent: str) -> None:
        name, value = attributes.get("name", ""), attributes.get("value", "")
        if name == "QUERY_STATUS" and value.strip().upper() == "ERROR":
            raise BadTable("this VOTable reports the error of a service (QUERY_STATUS ERROR)")
        if parent == "TABLE" and self._table is not None:
            self._table.notes.append((name, value))


def _of_positions(ucd: str) -> bool:
    """Tell whether a UCD is one of positions, or says nothing."""
    return ucd.strip().lower().partition(".")[0] in ("", "pos")
