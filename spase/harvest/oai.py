"""OAI: harvests an OAI-PMH 2.0 endpoint, after the first time only what has changed."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import urlencode

import orjson
from lxml import etree
from pydantic import BaseModel, ConfigDict, Field

from spase.harvest.document import only
from vo_server.budget import Budget
from vo_server.errors import BadArgument, TooMuch, UpstreamFailed, excerpt
from vo_server.harvester import Ground, Haul
from vo_server.model.time import parse_time
from vo_server.namespaces import check_namespace
from vo_server.row import Row, seconds

_OAI = "{http://www.openarchives.org/OAI/2.0/}"
_IDENTIFIER = re.compile(r"(?:oai:[^:/]+:)?((?:spase|impex)://)?(.+)")
_FULL_AGAIN = 30 * 86_400  # seconds after which everything is harvested anew
_MOST_RECORDS = 2_000_000
_MOST_PAGES = 200_000
_MOST_NODES = 500_000  # elements, attributes, namespaces and comments of one record
_MOST_BYTES = 2**32  # of all metadata of one harvest
_LONGEST_TOKEN = 65_536


class OaiOptions(BaseModel):
    """Options of `oai`; url: of the endpoint; prefix: of the metadata; set: only records of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: str
    prefix: str = Field("spase", pattern=r"^[A-Za-z0-9_.!~*'()-]+$")
    set: str = ""


@dataclass(frozen=True, slots=True)
class _Peer:
    """What an endpoint says of itself: its clock, as its answers tell it, and what it keeps."""

    now: str
    seconds: bool
    keeps_deleted: bool


class OaiHarvester:
    """Harvests one endpoint, page by page, none of which is held."""

    Options = OaiOptions

    def __init__(self, options: OaiOptions, ground: Ground) -> None:
        self._options = options
        self._ground = ground

    def hauls(self, budget: Budget) -> Iterator[Haul]:
        """Give what is new; raises UpstreamFailed where the peer does not speak OAI-PMH."""
        peer = self._identify(budget)
        haul = Haul(self._ground.source)
        asked = [self._options.url, self._options.prefix, self._options.set]
        last = _cursor(self._ground.state(haul.source).cursor, asked)
        full = not last or not peer.keeps_deleted
        full = full or (_moment(peer.now) or 0) - last["full"] > _FULL_AGAIN
        haul.complete = full
        begun = _moment(peer.now) if full else last["full"]
        haul.cursor = orjson.dumps({"from": peer.now, "full": begun, "asked": asked}).decode()
        arguments = {"metadataPrefix": self._options.prefix}
        if self._options.set:
            arguments["set"] = self._options.set
        if not full:
            arguments["from"] = last["from"] if peer.seconds else last["from"][:10]
        haul.rows = self._rows(arguments, haul.source, budget)
        yield haul

    def _identify(self, budget: Budget) -> _Peer:
        with self._ask({"verb": "Identify"}, budget) as stream:
            told = {
                etree.QName(element).localname: (element.text or "").strip()
                for element in _elements(stream, ("responseDate", "granularity", "deletedRecord"))
            }
        if _moment(told.get("responseDate", "")) is None:
            raise self._wrong("gives no date of its answer")
        return _Peer(
            told["responseDate"],
            told.get("granularity", "").endswith("Z"),
            told.get("deletedRecord") in ("persistent", "transient"),
        )

    def _rows(self, arguments: dict[str, str], source: str, budget: Budget) -> Iterator[Row]:
        """Give the rows of all pages."""
        asked = {"verb": "ListRecords", **arguments}
        tokens: set[bytes] = set()
        count = size = 0
        while asked:
            token = ""
            with self._ask(asked, budget) as stream:
                for element in _elements(stream, ("record", "error", "resumptionToken")):
                    match etree.QName(element).localname:
                        case "error":
                            self._error(element)
                        case "resumptionToken":
                            token = (element.text or "").strip()
                        case _:
                            found = _row(element, source, budget)
                            if found is not None:
                                count, size = count + 1, size + len(found.content)
                                yield found
                    if count > _MOST_RECORDS or size > _MOST_BYTES:
                        raise TooMuch("the endpoint has more records than are harvested here")
            mark = hashlib.sha256(token.encode()).digest()
            if mark in tokens or len(token) > _LONGEST_TOKEN:
                raise self._wrong("goes in a circle, or gives a resumption token without end")
            tokens.add(mark)
            if len(tokens) > _MOST_PAGES:
                raise TooMuch("the endpoint has more pages than are harvested here")
            asked = {"verb": "ListRecords", "resumptionToken": token} if token else {}

    def _error(self, element: Any) -> None:
        """Raise what an error says; that nothing matches is none."""
        code = element.get("code", "")
        if code != "noRecordsMatch":
            told = excerpt(element.text or "", 200)
            raise self._wrong(f"answers with the error {excerpt(code)}: {told}")

    def _ask(self, arguments: dict[str, str], budget: Budget) -> Any:
        url = self._options.url
        url += f"{'&' if '?' in url else '?'}{urlencode(arguments)}"
        return self._ground.fetcher.fetch(url, budget, argument="url").stream

    def _wrong(self, what: str) -> UpstreamFailed:
        return UpstreamFailed(f"the OAI-PMH endpoint {what}", argument="url")


def _elements(stream: BinaryIO, names: tuple[str, ...]) -> Iterator[Any]:
    """Give the elements of these names as they end, and let go of them.

    Raises UpstreamFailed where the stream is no answer of OAI-PMH.
    """
    parse = etree.iterparse(
        stream,
        events=("start", "end", "comment", "pi", "start-ns"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
    )
    wanted = {f"{_OAI}{name}" for name in names}
    depth = nodes = 0
    try:
        for event, element in parse:
            if event != "end":
                nodes += _nodes(event, element)
                depth += event == "start"
                if event == "start" and depth == 1:
                    _begin(element)
                if nodes > _MOST_NODES:
                    raise UpstreamFailed("the OAI-PMH endpoint gives a record without end")
                continue
            depth -= 1
            if element.tag in wanted:
                nodes = 0
                yield element
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
    except BadArgument as err:
        raise UpstreamFailed(f"the OAI-PMH endpoint answers wrongly: {err.message}") from err
    except etree.XMLSyntaxError as err:
        told = (err.msg or "it is empty")[:200]
        raise UpstreamFailed(f"the OAI-PMH endpoint answers with no XML: {told}") from err


def _nodes(event: str, element: Any) -> int:
    """Count what an event brings; raises BadArgument for a namespace without end."""
    if event == "start-ns":
        check_namespace(element[1])
    return 1 + len(element.attrib) if event == "start" else 1


def _begin(root: Any) -> None:
    if root.getroottree().docinfo.doctype or root.tag != f"{_OAI}OAI-PMH":
        raise UpstreamFailed("the endpoint's answer is none of OAI-PMH 2.0")


def _row(record: Any, source: str, budget: Budget) -> Row | None:
    """Give the row of a record; None where it has none that can be read."""
    header = record.find(f"{_OAI}header")
    if header is None:
        return None
    if header.get("status") == "deleted":
        match = _IDENTIFIER.fullmatch((header.findtext(f"{_OAI}identifier") or "").strip())
        return Row(f"{match[1] or 'spase://'}{match[2]}", "", b"", deleted=True) if match else None
    metadata = record.find(f"{_OAI}metadata")
    inside = None if metadata is None else next(metadata.iterchildren(etree.Element), None)
    if inside is None:
        return None
    content = etree.tostring(inside, xml_declaration=True, encoding="UTF-8", with_tail=False)
    try:
        return only(content, source, budget)
    except BadArgument:
        return None


def _cursor(text: str, asked: list[str]) -> dict[str, Any]:
    """Give where to go on; nothing where that is not known, or something else was asked for."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(found, dict) or found.get("asked") != asked:
        return {}
    known = _moment(found.get("from", "")) is not None and isinstance(found.get("full"), int)
    return found if known else {}


def _moment(text: str) -> int | None:
    try:
        return seconds(parse_time(text))
    except BadArgument:
        return None
