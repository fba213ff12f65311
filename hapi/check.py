"""Check: what the standard wants of a HAPI server, asked of a running one.

Beyond what the public verifier asks: all formats and whether they say the same, headers, every
status code, HEAD, and whether adjacent intervals make the whole.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np

from hapi.remote import remote
from vo_server.budget import Budget
from vo_server.check import Finding
from vo_server.errors import BadArgument, Refusal
from vo_server.model.table import Table
from vo_server.model.time import parse_duration, parse_restricted, print_time

_SECONDS = 60.0
_MOST_BYTES = 64 * 2**20
_NOBODY = "no_dataset_of_this_name"
# What is wrong with a request, the code that it gets, and since which version; {ok} is a request
# that is right, {id} a dataset.
_WRONG: tuple[tuple[str, int, float], ...] = (
    ("capabilities?nothing=1", 1401, 2.0),
    ("catalog?nothing=1", 1401, 2.0),
    ("info?id={id}&nothing=1", 1401, 2.0),
    ("data?{ok}&nothing=1", 1401, 2.0),
    ("data?{ok}&Format=csv", 1401, 2.0),
    (f"info?id={_NOBODY}", 1406, 2.0),
    ("info?id={id}&parameters=no_parameter_of_this_name", 1407, 2.0),
    ("data?{ok}&parameters=no_parameter_of_this_name", 1407, 2.0),
    ("data?{ok}&format=excel", 1409, 2.0),
    ("data?{ok}&include=everything", 1410, 2.0),
    ("data?id={id}&time.min=yesterday&time.max={stop}", 1402, 2.0),
    ("data?id={id}&time.min=2001-02-30Z&time.max={stop}", 1402, 2.0),
    ("data?id={id}&time.min={start}&time.max=tomorrow", 1403, 2.0),
    ("data?id={id}&time.min={stop}&time.max={start}", 1404, 2.0),
    ("data?id={id}&time.min={start}&time.max={start}", 1404, 2.0),
    ("data?id={id}&time.min=1700-01-01Z&time.max={stop}", 1405, 2.0),
    ("data?id={id}&time.min={start}&time.max=2250-01-01Z", 1405, 2.0),
    ("data?{ok}&parameters={second},{first}", 1411, 2.1),
    ("data?{ok}&parameters={first},{first}", 1411, 2.1),
    ("info?id={id}&resolve_references=maybe", 1412, 3.0),
    ("nothing", 1400, 3.0),
    ("catalog?depth=bottomless", 1413, 3.2),
)
_NOT_FOUND = (1406, 1407)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes

    def document(self) -> dict[str, Any]:
        """Give the JSON document, empty where it is none."""
        try:
            found = json.loads(self.content)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def code(self) -> object:
        """Give the HAPI status code, None where there is none."""
        told = self.document().get("status")
        return told.get("code") if isinstance(told, dict) else None


class HapiChecker:
    """Checks a HAPI server by its URL, which ends with `/hapi`."""

    def recognises(self, target: str) -> bool:
        """Tell whether this looks like a HAPI server."""
        return target.startswith(("http://", "https://")) and target.rstrip("/").endswith("/hapi")

    def check(self, target: str, budget: Budget) -> Iterator[Finding]:
        """Ask the server and give what is wrong; raises BadArgument where it cannot be reached."""
        for finding in _Server(target.rstrip("/")).check():
            budget.spend()
            yield finding


class _Server:
    def __init__(self, url: str) -> None:
        self._url = url
        self._version = 0.0

    def check(self) -> Iterator[Finding]:
        """Check capabilities, catalog, codes, and every dataset."""
        capabilities = self._ask("capabilities")
        told = capabilities.document()
        try:
            self._version = float(told["HAPI"])
            formats = list(told["outputFormats"])
        except (KeyError, ValueError, TypeError):
            yield Finding("server", "capabilities tells no version and formats")
            return
        if "csv" not in formats:
            yield Finding("server", "capabilities has no csv among its formats")
        catalog = self._ask("catalog").document().get("catalog")
        for name in ("capabilities", "catalog", *(["about"] if self._version >= 3 else [])):
            yield from self._document(name)
        if not isinstance(catalog, list) or not catalog:
            yield Finding("server", "catalog lists no dataset")
            return
        ids = [str(item.get("id", "")) for item in catalog if isinstance(item, dict)]
        if len(set(ids)) != len(ids):
            yield Finding("server", "catalog lists an id twice")
        for number, id in enumerate(ids):
            yield from self._dataset(id, formats, errors=number == 0)

    def _document(self, name: str) -> Iterator[Finding]:
        """Check what goes for every document."""
        answer = self._ask(name)
        if answer.status != 200 or answer.code() != 1200:
            yield Finding("document", f"{name}: HTTP {answer.status}, HAPI {answer.code()}")
        media_type = answer.headers.get("content-type", "")
        if not media_type.startswith("application/json"):
            yield Finding("document", f"{name}: Content-Type is '{media_type[:60]}'")
        if answer.headers.get("access-control-allow-origin", "").strip() != "*":
            yield Finding("document", f"{name}: no Access-Control-Allow-Origin: *", level="warning")
        head = self._ask(name, method="HEAD")
        if head.status != answer.status or head.content:
            yield Finding("document", f"{name}: HEAD gives {head.status}, GET {answer.status}")
        posted = self._ask(name, method="POST")
        if posted.status < 400:
            yield Finding("document", f"{name}: POST is answered with {posted.status}")

    def _dataset(self, id: str, formats: Sequence[str], *, errors: bool) -> Iterator[Finding]:
        """Check one dataset: its description, its records in every format, and wrong requests."""
        info = self._ask(f"info?id={quote(id, safe='')}").document()
        try:
            described = remote(id, id, info, "spase://check", id, "")
        except Refusal as err:
            yield Finding("dataset", f"{id}: {err.message}")
            return
        interval = _interval(info)
        if interval is None:
            yield Finding(
                "dataset",
                f"{id}: neither a sample nor a cadence to ask for records by",
                level="warning",
            )
            return
        start, stop = interval
        asked = f"id={quote(id, safe='')}&time.min={start}&time.max={stop}"
        tables: dict[str, Table] = {}
        for form in formats:
            if form not in ("csv", "binary", "json"):
                continue
            try:
                tables[form] = self._records(form, asked, described)
                yield from self._header(id, form, asked)
            except (Refusal, ValueError, KeyError, TypeError) as err:
                yield Finding("dataset", f"{id}: {form}: {err}")
        yield from _compared(id, tables)
        if "csv" in tables:
            yield from self._adjacent(id, start, stop)
        if errors:
            names = [parameter.name for parameter in described.resource.parameters]
            words = {
                "id": quote(id, safe=""), "ok": asked, "start": start, "stop": stop,
                "first": quote(names[0], safe=""), "second": quote(names[-1], safe=""),
            }  # fmt: skip
            yield from self._wrong(words)

    def _records(self, form: str, asked: str, described: Any) -> Table:
        content = self._ask(f"data?{asked}&format={form}").content
        if form == "binary":
            return described.from_binary(content)  # type: ignore[no-any-return]
        if form == "csv":
            return described.from_csv(content)  # type: ignore[no-any-return]
        rows = json.loads(content)["data"]
        lines = [",".join(_spelled(cell) for cell in _flat(row)) for row in rows]
        return described.from_csv("\n".join(lines).encode())  # type: ignore[no-any-return]

    def _header(self, id: str, form: str, asked: str) -> Iterator[Finding]:
        """Check that include=header puts the description in front, and nothing else changes."""
        plain = self._ask(f"data?{asked}&format={form}").content
        headed = self._ask(f"data?{asked}&format={form}&include=header").content
        if form == "json":
            document = json.loads(plain)
            if list(document)[-1] != "data":
                yield Finding("header", f"{id}: json: data is not the last member")
            return
        if not headed.endswith(plain):
            yield Finding("header", f"{id}: {form}: the records differ with include=header")
            return
        lines = headed[: len(headed) - len(plain)].splitlines()
        text = b"".join(line[1:] for line in lines if line.startswith(b"#"))
        try:
            if json.loads(text).get("format") != form:
                yield Finding("header", f"{id}: {form}: the header does not tell the format")
        except ValueError:
            yield Finding("header", f"{id}: {form}: include=header gives no JSON in comment lines")

    def _adjacent(self, id: str, start: str, stop: str) -> Iterator[Finding]:
        """Check that two halves of an interval make the whole."""
        first, last = (parse_restricted(text, argument="time") for text in (start, stop))
        middle = print_time(first + (last - first) // 2)
        asked = f"data?id={quote(id, safe='')}&time.min="
        whole = self._ask(f"{asked}{start}&time.max={stop}").content
        halves = [
            self._ask(f"{asked}{a}&time.max={b}").content for a, b in ((start, middle),
                                                                        (middle, stop))
        ]  # fmt: skip
        if b"".join(halves) != whole:
            yield Finding("interval", f"{id}: two halves of an interval do not make the whole")

    def _wrong(self, words: Mapping[str, str]) -> Iterator[Finding]:
        """Check that wrong requests get the codes of the standard."""
        for request, code, since in _WRONG:
            if self._version < since:
                continue
            asked = request.format(**words)
            answer = self._ask(asked)
            http = 404 if code in _NOT_FOUND else 400
            if (answer.code(), answer.status) != (code, http):
                yield Finding(
                    "status",
                    f"{asked[:200]}: HAPI {answer.code()} with HTTP {answer.status}, "
                    f"wanted {code} with {http}",
                )
            if _NOBODY in asked and _NOBODY.encode() in answer.content:
                yield Finding("status", f"{asked[:200]}: the answer repeats what was asked")

    def _ask(self, path: str, method: str = "GET") -> _Answer:
        request = urllib.request.Request(  # noqa: S310  # the operator names the server
            f"{self._url}/{path}", method=method,
            headers={"User-Agent": "vo-server check; https://hapi-server.org", "Origin": "null"},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as found:  # noqa: S310
                content = found.read(_MOST_BYTES)
                return _Answer(found.status, _lower(found.headers.items()), content)
        except urllib.error.HTTPError as err:
            with err:
                return _Answer(err.code, _lower(err.headers.items()), err.read(_MOST_BYTES))
        except (OSError, ValueError) as err:
            raise BadArgument(f"{self._url} cannot be asked: {err}", argument="TARGET") from err


def _lower(headers: Any) -> dict[str, str]:
    return {key.lower(): value for key, value in headers}


def _interval(info: Mapping[str, Any]) -> tuple[str, str] | None:
    """Give the interval to ask for: the sample, else some records from the start."""
    if "sampleStartDate" in info and "sampleStopDate" in info:
        return str(info["sampleStartDate"]), str(info["sampleStopDate"])
    step = parse_duration(str(info.get("cadence", "")))
    if step is None:
        return None
    start = parse_restricted(str(info["startDate"]), argument="startDate")
    stop = parse_restricted(str(info["stopDate"]), argument="stopDate")
    return print_time(start), print_time(min(start + 100 * step, stop))


def _compared(id: str, tables: Mapping[str, Table]) -> Iterator[Finding]:
    """Check that the formats say the same, numbers bit for bit."""
    if len(tables) < 2:
        return
    (first, wanted), *others = tables.items()
    for form, table in others:
        for i, parameter in enumerate(wanted.header.parameters):
            if not _same(wanted.columns[i], table.columns[i]):
                yield Finding("formats", f"{id}: {parameter.name} differs in {first} and {form}")


def _same(a: "np.ndarray[Any, Any]", b: "np.ndarray[Any, Any]") -> bool:
    if a.shape != b.shape:
        return False
    if a.dtype.kind == "f":
        missing = np.isnan(a) & np.isnan(b)
        return bool(np.all((a.view(np.int64) == b.view(np.int64)) | missing))
    return bool(np.all(a == b))


def _flat(row: Any) -> Iterator[Any]:
    if isinstance(row, list):
        for part in row:
            yield from _flat(part)
    else:
        yield row


def _spelled(cell: Any) -> str:
    """Spell a JSON value as CSV has it."""
    if isinstance(cell, str):
        return '"' + cell.replace('"', '""') + '"'
    if cell is None:
        return "nan"
    return repr(cell)
