"""REST: the operations of a dialect as JSON over plain HTTP, by the same tables as SOAP."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from impex.dialect import Dialect, Operation, Parameter, Record
from impex.envelope import Element
from impex.faults import parameter_of
from impex.message import Request, read_request
from impex.soap import SoapService
from vo_server.errors import (
    BadArgument,
    Failure,
    Refusal,
    Stopping,
    TooMuch,
    UnknownParameter,
    UnknownResource,
    UpstreamFailed,
    excerpt,
)

_DEEPEST = 8
_MOST = 20_000  # values of one request
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# HTTP status by class of refusal; the first that fits.
_STATUSES: tuple[tuple[type[Refusal], int], ...] = (
    (Stopping, 503),
    (Failure, 500),
    (UpstreamFailed, 502),
    (TooMuch, 413),
    (UnknownResource, 404),
    (UnknownParameter, 404),
    (Refusal, 400),
)


def operation_named(dialect: Dialect, name: str) -> Operation:
    """Give the operation of a name, in any spelling; raises UnknownResource naming them all."""
    for operation in dialect.operations:
        if name.casefold() in {n.casefold() for n in (operation.name, *operation.aliases)}:
            return operation
    names = ", ".join(operation.name for operation in dialect.operations)
    raise UnknownResource(f"there is no operation {excerpt(name)}; there are: {names}")


def from_query(operation: Operation, pairs: Sequence[tuple[str, str]]) -> list[Element]:
    """Give the parameters of a query as elements; raises BadArgument for what XML cannot carry.

    Members of a record, such as SW_parameters, stand for themselves. What is in one of them is
    NAME[MEMBER]=VALUE, or NAME=VALUE where MEMBER is the only one that must come.
    """
    inner = {name.casefold(): found for name, found in operation.inner().items()}
    elements: list[Element] = []
    made: dict[str, Element] = {}

    def around(name: str, siblings: list[Element]) -> list[Element]:
        """Give the children of the element of a name, made when it is first asked for."""
        if name.casefold() not in made:
            made[name.casefold()] = Element("", name)
            siblings.append(made[name.casefold()])
        return made[name.casefold()].children

    for told, value in pairs:
        name, _, member = told.partition("[")
        siblings = elements
        if name.casefold() in inner:
            record, parameter = inner[name.casefold()]
            siblings = around(record.name, elements)
            member = member or _only(parameter)
        if member:
            around(name, siblings).append(_element(member.removesuffix("]"), value))
        else:
            siblings.append(_element(told, value))
    return elements


def _only(parameter: Parameter) -> str:
    """Name the one member of a record that must come, "" where there is none such."""
    members = parameter.type.members if isinstance(parameter.type, Record) else ()
    needed = [member.name for member in members if member.least]
    return needed[0] if len(needed) == 1 else ""


def _element(name: str, text: str) -> Element:
    """Give a parameter as an element."""
    odd = _NO_XML.search(text)
    if odd is not None:
        raise BadArgument(
            f"{excerpt(name)} has the character U+{ord(odd[0]):04X}, which no message can carry",
            argument=name,
        )
    return Element("", name, text.strip())


def from_json(content: bytes) -> list[Element]:
    """Give the parameters of a JSON object as elements; nothing is no parameters.

    Raises BadArgument where it is no object or has what XML cannot carry, TooMuch for too many or
    too deeply nested values.
    """
    if not content.strip():
        return []
    try:
        given = orjson.loads(content)
    except orjson.JSONDecodeError as err:
        raise BadArgument("the request is no JSON, or nested too deeply") from err
    if not isinstance(given, dict):
        raise BadArgument("the request must be a JSON object of parameters by name")
    return _Reader().members(given, 1)


class _Reader:
    """Turns JSON into elements and counts as it goes."""

    def __init__(self) -> None:
        self._count = 0

    def members(self, given: Mapping[str, Any], depth: int) -> list[Element]:
        """Give the members of an object; null is a member that is not there."""
        if depth > _DEEPEST:
            raise TooMuch(f"the request is nested deeper than {_DEEPEST} levels")
        found: list[Element] = []
        for name, value in given.items():
            if value is None:
                continue
            listed = isinstance(value, list)
            if listed and value and all(isinstance(item, dict) for item in value):
                found += [self._element(name, item, depth) for item in value]
            else:
                found.append(self._element(name, value, depth))
        return found

    def _element(self, name: str, value: Any, depth: int) -> Element:
        self._count += 1
        if self._count > _MOST:
            raise TooMuch(f"the request has more than {_MOST} values")
        if isinstance(value, dict):
            return Element("", name, children=self.members(value, depth + 1))
        if isinstance(value, list):
            if any(isinstance(item, (dict, list)) for item in value):
                raise BadArgument(f"{excerpt(name)} is a list of lists or of mixed values")
            return _element(name, " ".join(_text(item) for item in value))
        return _element(name, _text(value))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def request_of(dialect: Dialect, operation: Operation, elements: list[Element]) -> Request:
    """Give the request that parameters make; raises what `read_request` does."""
    body = [Element(dialect.namespace, operation.name, children=elements)]
    return read_request(dialect, body, operation.name)


def answer(service: SoapService, request: Request) -> tuple[bytes, str]:
    """Give the answer to a request and its media type.

    JSON with the member `result`; what is a whole VOTable in SOAP is one here.
    """
    result = service.value(request)
    if isinstance(result, bytes):
        return result, "application/x-votable+xml"
    if request.operation.reply.element == "json_string":
        return b'{"result":%b}' % str(result).encode(), "application/json"
    return orjson.dumps({"result": result}), "application/json"


def error(refusal: Refusal) -> tuple[bytes, int]:
    """Give the JSON of a refusal and its HTTP status."""
    status = next(status for kind, status in _STATUSES if isinstance(refusal, kind))
    told = {"error": {"message": refusal.message, "argument": parameter_of(refusal)}}
    return orjson.dumps(told), status
