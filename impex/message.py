"""Message: the elements of a request's body to the operation meant and its values by name.

The dialect's table is the only law. Local names count, upper and lower case do not; parameters
may come in any order, qualified or not, and members of `extraParams` also beside it.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from impex.dialect import Dialect, Operation, Parameter, Record
from impex.envelope import Element
from schemas.simple_type import SimpleType
from vo_server.errors import BadArgument, TooMuch, excerpt

# A single value, the items of a list, or the records of a parameter that may come often.
Value = str | tuple[str, ...] | list["Values"]
Values = dict[str, Value]

_SEPARATOR = re.compile(r"[\s,]+")

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def _is_number(text: str) -> bool:
    """Tell whether a text is a finite number as XML Schema spells it."""
    return _NUMBER.fullmatch(text) is not None and math.isfinite(float(text))


# What one item of a built-in type looks like: a test of it, and words for it.
_LEXICAL: dict[str, tuple[Callable[[str], object], str]] = {
    "anyURI": (re.compile(r"\S+").fullmatch, "a URL without blanks"),
    "boolean": (re.compile(r"true|false|0|1").fullmatch, "true or false"),
    "dateTime": (re.compile(r"[0-9T:.Z+-]{8,40}").fullmatch, "an ISO 8601 time"),
    "double": (_is_number, "a finite number"),
    "duration": (re.compile(r"[0-9A-Z.+-]{1,60}").fullmatch, "an ISO 8601 duration or seconds"),
    "float": (_is_number, "a finite number"),
    "ID": (re.compile(r"[^\W\d][\w.-]*").fullmatch, "a name of letters, digits, '_', '-', '.'"),
    "NMTOKEN": (re.compile(r"[\w.:-]+").fullmatch, "a word"),
    "positiveInteger": (
        re.compile(r"\+?0*[1-9][0-9]{0,17}").fullmatch,
        "a whole number from 1 on, of at most 18 digits",
    ),
}
# Characters that one item may have.
_LONGEST = {"string": 4096, "anyURI": 4096}
_LONG = 512


@dataclass(frozen=True, slots=True)
class Request:
    """An operation and the values of its parameters, lexically right and complete.

    A value is text, in the table's own spelling where it enumerates; a tuple of texts for lists;
    a list of values by name for records. What is optional, absent and without fallback is absent.
    """

    operation: Operation
    values: Values


def read_request(dialect: Dialect, body: Sequence[Element], action: str) -> Request:
    """Give the request that the elements of a body make; `action` is the SOAPAction.

    Raises BadArgument or TooMuch naming the parameter that is wrong.
    """
    operation = operation_of(dialect, body[0].name, action)
    elements = _parameters(operation, body)
    return Request(operation, _values(elements, operation.request, operation.name))


def operation_of(dialect: Dialect, name: str, action: str) -> Operation:
    """Give the operation that the first element of a body asks for; `action` is the SOAPAction.

    Where the element is no operation's but a parameter of the operation that the action names,
    the client has left out the wrapper, and the whole body are parameters (Axis 1). Raises
    BadArgument naming the operations there are.
    """
    named = [operation for operation in dialect.operations if operation.answers_to(name)]
    meant = [o for o in named or dialect.operations if o.has_action(action)]
    if named:
        return (meant or named)[0]
    for operation in meant:
        if name.casefold() in _known(operation.request):
            return operation
    names = ", ".join(operation.name for operation in dialect.operations)
    raise BadArgument(f"{excerpt(name)} is no operation of this service; it has {names}")


def _parameters(operation: Operation, body: Sequence[Element]) -> Sequence[Element]:
    """Give the elements of an operation's parameters."""
    first = body[0]
    if not operation.answers_to(first.name):
        return body
    if len(body) > 1:
        raise BadArgument(f"the Body holds {len(body)} elements; {first.name} must be the only one")
    _refuse_text(first, first.name)
    return first.children


def _values(elements: Iterable[Element], record: Record, where: str) -> Values:
    """Read the members of a record."""
    given: dict[str, list[Element]] = {}
    _gather(elements, record, where, given)
    values: Values = {}
    for parameter in record.flat():
        value = _value(parameter, given.get(parameter.name, []))
        if value is not None:
            values[parameter.name] = value
    return values


def _gather(
    elements: Iterable[Element], record: Record, where: str, given: dict[str, list[Element]]
) -> None:
    """Sort elements by the parameter they belong to; those in a spread record count as well."""
    known = _known(record)
    for element in elements:
        parameter = known.get(element.name.casefold())
        if parameter is None:
            names = ", ".join(parameter.name for parameter in record.flat()) or "none"
            raise BadArgument(
                f"{where} has no parameter {excerpt(element.name)}; its parameters are: {names}",
                argument=where,
            )
        found = given.setdefault(parameter.name, [])
        found.append(element)
        _refuse_more(parameter, len(found))
        if parameter.spread:
            _refuse_text(element, parameter.name)
            _gather(element.children, record, where, given)


def _refuse_more(parameter: Parameter, count: int) -> None:
    """Refuse a parameter that comes more often than it may."""
    if parameter.most is None and count > parameter.limit:
        raise TooMuch(
            f"{parameter.name} comes more than {parameter.limit} times", argument=parameter.name
        )
    if parameter.most is not None and count > parameter.most:
        raise BadArgument(f"{parameter.name} is given twice", argument=parameter.name)


def _known(record: Record) -> dict[str, Parameter]:
    """Give what a name may mean in a record."""
    spread = [member for member in record.members if member.spread]
    return {
        name.casefold(): parameter
        for parameter in (*spread, *record.flat())
        for name in (parameter.name, *parameter.aliases)
    }


def _value(parameter: Parameter, elements: list[Element]) -> Value | None:
    """Read one parameter from all its elements, None where it is absent and has no fallback."""
    kind = parameter.type
    if isinstance(kind, Record):
        for element in elements:
            _refuse_text(element, parameter.name)
        if len(elements) < parameter.least:
            raise _missing(parameter)
        return [_values(element.children, kind, parameter.name) for element in elements]
    text = (_text(parameter, kind, elements[0]) if elements else "") or parameter.fallback
    value: Value | None = None
    if kind.is_list:
        value = _items(parameter, kind, text)
    elif text:
        value = _checked(parameter, kind, text)
    hollow = bool(elements) and parameter.hollow
    if not value and parameter.least and not hollow:
        raise _missing(parameter)
    return value


def _missing(parameter: Parameter) -> BadArgument:
    return BadArgument(f"{parameter.name} is missing", argument=parameter.name)


def _text(parameter: Parameter, kind: SimpleType, element: Element) -> str:
    """Give the text of an element; a list may also come as one element an item (Axis 1)."""
    if not element.children:
        return element.text
    names = {child.name for child in element.children}
    deeper = any(child.children for child in element.children)
    if not kind.is_list or element.text or deeper or not names <= {"item", parameter.name}:
        raise BadArgument(
            f"{parameter.name} wants text, not elements in it", argument=parameter.name
        )
    return " ".join(child.text for child in element.children)


def _items(parameter: Parameter, kind: SimpleType, text: str) -> tuple[str, ...]:
    """Split a list at blanks and commas and check each item."""
    items = tuple(item for item in _SEPARATOR.split(text) if item)
    if parameter.count and items and len(items) != parameter.count:
        raise BadArgument(
            f"{parameter.name} wants {parameter.count} numbers, got {len(items)}",
            argument=parameter.name,
        )
    return tuple(_checked(parameter, kind.single, item) for item in items)


def _checked(parameter: Parameter, kind: SimpleType, text: str) -> str:
    """Give an item as its type spells it; raises BadArgument where it does not fit."""
    longest = _LONGEST.get(kind.root, _LONG)
    if len(text) > longest:
        raise TooMuch(
            f"{parameter.name} has more than {longest} characters", argument=parameter.name
        )
    if kind.values:
        spelled = {value.casefold(): value for value in kind.values}
        if text.casefold() not in spelled and not parameter.open:
            raise BadArgument(
                f"{parameter.name} {excerpt(text)} is not one of {', '.join(kind.values)}",
                argument=parameter.name,
            )
        return spelled.get(text.casefold(), text)
    fits, words = _LEXICAL.get(kind.root, (bool, "text"))
    if not fits(text):
        raise BadArgument(
            f"{parameter.name} must be {words}, got {excerpt(text)}", argument=parameter.name
        )
    if kind.pattern and re.fullmatch(kind.pattern, text) is None:
        raise BadArgument(
            f"{parameter.name} {excerpt(text)} has characters that are not allowed in it",
            argument=parameter.name,
        )
    return text


def _refuse_text(element: Element, name: str) -> None:
    """Refuse text where elements are wanted."""
    if element.text:
        raise BadArgument(f"{name} wants elements in it, not text", argument=name)
