"""Remote: the answers of another HAPI server as resources and tables; none of it is trusted."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from vo_server.errors import BadArgument, UpstreamFailed
from vo_server.formats.cells import objects
from vo_server.identifiers import identifier
from vo_server.model.parameter import REAL, TEXT, Bins, Parameter
from vo_server.model.resource import Kind, Resource
from vo_server.model.series import Series, Stamp
from vo_server.model.table import Header, Table
from vo_server.model.time import TimeInterval, Times, parse_duration, parse_restricted

_MOST_PARAMETERS = 1000
_MOST_ELEMENTS = 100_000
_LONGEST_TEXT = 65_536
_LONGEST_ID = 500
_STAMPS: Mapping[str, Stamp] = {"begin": "begin", "center": "center", "end": "end"}
_INTEGER = np.dtype(np.int32)


@dataclass(frozen=True, slots=True)
class Remote:
    """A dataset of another server: as it is published here, and as it is there.

    kinds: type of each parameter there; lengths: bytes of texts and times; fills: the numbers that
    stand for no value.
    """

    id: str
    resource: Resource
    kinds: tuple[str, ...]
    lengths: tuple[int, ...]
    fills: tuple[float | None, ...]

    def from_binary(self, content: bytes) -> Table:
        """Read records in binary; raises UpstreamFailed where they end within one."""
        fields = [
            (f"f{i}", _binary(kind, length), parameter.shape)
            for i, (parameter, kind, length) in enumerate(
                zip(self.resource.parameters, self.kinds, self.lengths, strict=True)
            )
        ]
        dtype = np.dtype(fields)
        if len(content) % dtype.itemsize:
            raise broken("gives records of another length than it says")
        records = np.frombuffer(content, dtype)
        return self._table([records[f"f{i}"] for i in range(len(fields))])

    def from_csv(self, content: bytes) -> Table:
        """Read records in CSV; raises UpstreamFailed where a row has another number of cells."""
        text = io.StringIO(content.decode("utf-8", "replace"), newline="")
        rows = [row for row in csv.reader(text) if row]
        widths = [math.prod(parameter.shape) for parameter in self.resource.parameters]
        if any(len(row) != sum(widths) for row in rows):
            raise broken("gives rows of another number of columns than it says")
        columns: list[NDArray[Any]] = []
        first = 0
        for parameter, width, kind, length in zip(
            self.resource.parameters, widths, self.kinds, self.lengths, strict=True
        ):
            cells = [cell.strip() for row in rows for cell in row[first : first + width]]
            first += width
            columns.append(_cells(cells, kind, length).reshape(len(rows), *parameter.shape))
        return self._table(columns)

    def _table(self, columns: Sequence[NDArray[Any]]) -> Table:
        """Give columns as the kernel has them: times, NaN for the fill, text."""
        made: list[NDArray[Any]] = []
        for i, column in enumerate(columns):
            if self.kinds[i] == "isotime":
                made.append(_times(column, required=i == 0))
            elif self.kinds[i] == "string":
                flat = [cell.decode(errors="replace") for cell in column.reshape(-1).tolist()]
                made.append(objects(flat).reshape(column.shape))
            elif self.kinds[i] == "double" and self.fills[i] is not None:
                made.append(np.where(column == self.fills[i], np.nan, column))
            else:
                made.append(np.ascontiguousarray(column))
        return Table(Header(self.resource.parameters, self.resource.title), tuple(made))


def broken(what: str) -> UpstreamFailed:
    """Make the refusal that says what is wrong with the other server."""
    return UpstreamFailed(f"the server that this dataset comes from {what}")


def read_document(content: bytes) -> dict[str, Any]:
    """Read a JSON document of status 12xx; raises UpstreamFailed."""
    try:
        document = orjson.loads(content)
        code = int(document["status"]["code"])
    except (ValueError, TypeError, KeyError) as err:
        raise broken("gives no document of HAPI") from err
    if not 1200 <= code < 1300:
        raise broken(f"answers with HAPI {code}")
    return dict(document)


def remote(
    id: str, title: str, info: Mapping[str, Any], base: str, name: str, version: str
) -> Remote:
    """Make a dataset of an info document; base: what resource ids start with.

    Raises UpstreamFailed where the document is not what the standard wants.
    """
    try:
        return _remote(id, title, info, base, name, version)
    except (KeyError, TypeError, ValueError, AttributeError, BadArgument) as err:
        raise broken("describes the dataset in a way that is not understood") from err


def _remote(
    id: str, title: str, info: Mapping[str, Any], base: str, name: str, version: str
) -> Remote:
    told = info["parameters"]
    if not id.isprintable() or len(id) > _LONGEST_ID:
        raise ValueError("id")
    if not 1 <= len(told) <= _MOST_PARAMETERS:
        raise ValueError("parameters")
    parameters = tuple(_parameter(item, first=i == 0) for i, item in enumerate(told))
    if sum(math.prod(p.shape) for p in parameters) > _MOST_ELEMENTS:
        raise ValueError("size")
    lengths = tuple(int(item.get("length", 0) or 0) for item in told)
    if max(lengths) > _LONGEST_TEXT or lengths[0] < 1:
        raise ValueError("length")
    cadence = info.get("cadence")
    coverage = TimeInterval(_moment(info["startDate"]), _moment(info["stopDate"]))
    sample = None
    if "sampleStartDate" in info and "sampleStopDate" in info:
        sample = TimeInterval(_moment(info["sampleStartDate"]), _moment(info["sampleStopDate"]))
    modified = info.get("modificationDate")
    series = Series(
        name=name,
        coverage=coverage,
        digits=min(9, max(3, -(-(lengths[0] - 21) // 3) * 3)),
        cadence=parse_duration(cadence) if isinstance(cadence, str) else None,
        sample=sample,
        stamp=_STAMPS.get(str(info.get("timeStampLocation", "center")).lower(), "other"),
        description=_text(info, "description"),
        contact=_text(info, "contact"),
        contact_id=_text(info, "contactID"),
        citation=_text(info, "datasetCitation") or _text(info, "citation"),
        provenance=_text(info, "provenance"),
        resource_url=_text(info, "resourceURL"),
        resource_id=_text(info, "resourceID"),
        modified=_moment(modified) if isinstance(modified, str) else None,
    )
    resource = Resource(
        id=f"{base}/{identifier(id, 120)}",
        kind=Kind.SERIES,
        title=plain(title),
        parameters=parameters,
        version=version,
        source=base,
        series=series,
    )
    fills = tuple(None if p.fill is None or p.dtype != REAL else float(p.fill) for p in parameters)
    return Remote(id, resource, tuple(str(item["type"]) for item in told), lengths, fills)


def _parameter(item: Mapping[str, Any], *, first: bool) -> Parameter:
    kind = item["type"]
    dtypes: dict[str, np.dtype[Any]] = {
        "isotime": np.dtype("datetime64[ns]"), "double": REAL, "integer": _INTEGER, "string": TEXT,
    }  # fmt: skip
    name, units, fill = str(item["name"]), item.get("units"), item.get("fill")
    shape = tuple(int(n) for n in item.get("size", ()))
    if (
        not name.isprintable()
        or not 0 < len(name) <= 200
        or "," in name
        or min(shape, default=1) < 1
    ):
        raise ValueError("name or size")
    if first and (kind != "isotime" or shape):
        raise ValueError("time")
    label = item.get("label")
    return Parameter(
        name=name,
        dtype=dtypes[kind],
        unit=units if isinstance(units, str) and kind != "isotime" else None,
        shape=shape,
        units=_flat(units) if isinstance(units, list) else (),
        label=label if isinstance(label, str) else "",
        labels=tuple(str(text) for text in _flat(label)) if isinstance(label, list) else (),
        description=plain(str(item.get("description") or "")),
        fill=str(fill) if fill is not None and kind not in ("isotime",) else None,
        length=int(item["length"]) if kind == "string" else None,
        bins=tuple(_bins(bins) for bins in item.get("bins", ())),
        frame=str(item["coordinateSystemName"]) if "coordinateSystemName" in item else None,
    )


def _flat(nested: Any) -> tuple[Any, ...]:
    if not isinstance(nested, list):
        return (nested,)
    return tuple(element for part in nested for element in _flat(part))


def _bins(item: Mapping[str, Any]) -> Bins:
    centers, ranges = item.get("centers"), item.get("ranges")
    units = item.get("units")
    return Bins(
        str(item["name"]),
        units if isinstance(units, str) else None,
        tuple(float(x) for x in centers) if isinstance(centers, list) else centers,
        tuple((float(a), float(b)) for a, b in ranges) if isinstance(ranges, list) else ranges,
    )


def _text(info: Mapping[str, Any], key: str) -> str:
    value = info.get(key)
    return plain(value) if isinstance(value, str) else ""


def plain(text: str) -> str:
    """Give a text of another server without what no page can show."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text[:10_000])


def _moment(text: Any) -> np.datetime64:
    return parse_restricted(str(text), argument="time")


def _binary(kind: str, length: int) -> str:
    return {"double": "<f8", "integer": "<i4"}.get(kind, f"S{length}")


def _cells(cells: Sequence[str], kind: str, length: int) -> NDArray[Any]:
    try:
        if kind == "double":
            return np.array(list(map(float, cells)), np.float64)
        if kind == "integer":
            return np.array(list(map(int, cells)), np.int32)
    except (ValueError, OverflowError) as err:
        raise broken("gives a cell that is no number") from err
    return np.array([cell.encode() for cell in cells], f"S{length}")


def _times(column: NDArray[Any], *, required: bool) -> Times:
    """Read times all of one form, by month or by day of the year; others are read one by one."""
    flat = column.reshape(-1)
    texts = np.char.decode(flat.astype(bytes), "ascii", "replace")
    try:
        if len(flat) and flat[0][7:8] == b"-":
            plain = np.char.rstrip(texts, "Z")
            return plain.astype("datetime64[ns]").reshape(column.shape)
    except ValueError:
        pass
    moments = []
    for text in texts.tolist():
        try:
            moments.append(parse_restricted(text, argument="time"))
        except BadArgument as err:
            if required:
                raise broken("gives a record without a time") from err
            moments.append(np.datetime64("NaT"))
    return np.array(moments, "datetime64[ns]").reshape(column.shape)
