"""Dialect: what one IMPEx SOAP service says on the wire, as data.

Reading, defaults, the service description and the page for people all come from these tables;
nothing about an operation is written a second time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from schemas.simple_type import SimpleType

KIB = 1024


@dataclass(frozen=True, slots=True)
class Record:
    """A type with members; name: of its complex type in the dialect's namespace."""

    name: str
    members: tuple["Parameter", ...]

    def flat(self) -> Iterator["Parameter"]:
        """Give the members, those of a spread record in its place."""
        for member in self.members:
            if member.spread and isinstance(member.type, Record):
                yield from member.type.flat()
            else:
                yield member

    def published(self) -> "Record":
        """Give the record without what is this node's own."""
        return Record(
            self.name,
            tuple(
                replace(member, type=member.type.published())
                if isinstance(member.type, Record)
                else member
                for member in self.members
                if not member.own
            ),
        )

    def walk(self) -> Iterator["Parameter"]:
        """Give every member, each followed by its own members."""
        for member in self.members:
            yield member
            if isinstance(member.type, Record):
                yield from member.type.walk()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One element of a request.

    least, most: how often it may come, None for any number; ref: whether it is a global element
    that types refer to, else a local one; declared: default in the published schema; fallback:
    what its absence, or an empty element, means here; count: items that a list must have, 0 for
    any number; hollow: whether a list that must come may have none; limit: how often it may come
    here, where the schema sets no bound; spread: whether the members of its record are understood
    beside it too; open: whether values beyond those that its type enumerates are taken as well;
    own: whether it is understood without being a part of the published service, and so of its
    WSDL.
    """

    name: str
    type: SimpleType | Record
    least: int = 1
    most: int | None = 1
    ref: bool = True
    declared: str = ""
    fallback: str = ""
    count: int = 0
    hollow: bool = False
    limit: int = 1000
    spread: bool = False
    open: bool = False
    own: bool = False
    aliases: tuple[str, ...] = ()
    note: str = ""

    @property
    def many(self) -> bool:
        """Whether it may come more than once."""
        return self.most is None or self.most > 1


EMPTY = Record("", ())


@dataclass(frozen=True, slots=True)
class Reply:
    """What an operation answers: one bare element.

    type: of its text, or the record of what is in it; None where it is a whole VOTable.
    """

    message: str
    element: str
    type: SimpleType | Record | None
    part: str = "parameters"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a dialect.

    element: body element of the request; action: SOAPAction as published; message, part: names
    of the request's message and of its part; request: type of the body element, EMPTY where
    nothing is in it; method: what it does, its name where it is left out; aliases: further names
    of the body element; limit: bytes that a request may have; quick: whether it is answered
    without standing in line behind work.
    """

    name: str
    element: str
    action: str
    message: str
    reply: Reply
    request: Record = EMPTY
    part: str = "parameters"
    method: str = ""
    aliases: tuple[str, ...] = ()
    limit: int = 256 * KIB
    note: str = ""
    quick: bool = False

    def inner(self) -> dict[str, tuple["Parameter", "Parameter"]]:
        """Give the members of records that come once, by name, each behind its record."""
        return {
            member.name: (parameter, member)
            for parameter in self.request.flat()
            if isinstance(parameter.type, Record) and not parameter.many
            for member in parameter.type.members
        }

    @property
    def does(self) -> str:
        """Name of the method that answers."""
        return self.method or self.name

    def answers_to(self, element: str) -> bool:
        """Tell whether a body element of this local name asks for the operation."""
        return element.casefold() in self.elements

    @property
    def elements(self) -> frozenset[str]:
        """Local names of the body element that ask for the operation, case-folded."""
        return frozenset(n.casefold() for n in (self.element, self.name, *self.aliases))

    def has_action(self, action: str) -> bool:
        """Tell whether a SOAPAction, quoted or not, asks for the operation."""
        word = action.strip().strip("\"'").casefold()
        return word != "" and word in {n.casefold() for n in (self.action, self.name)}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One service: its names, and its operations in their published order.

    name: path segment of the endpoint; prefix: that of the namespace in answers, which clients
    look for literally; actor: faultactor.
    """

    name: str
    title: str
    namespace: str
    definitions: str
    service: str
    port: str
    port_type: str
    binding: str
    actor: str
    operations: tuple[Operation, ...]
    prefix: str = "ns1"

    @property
    def documents(self) -> bool:
        """Whether an answer is a whole VOTable."""
        return any(operation.reply.type is None for operation in self.operations)

    def published(self) -> "Dialect":
        """Give the dialect without what is this node's own."""
        operations = (replace(o, request=o.request.published()) for o in self.operations)
        return replace(self, operations=tuple(operations))

    def simple_types(self) -> dict[SimpleType, None]:
        """Give every simple type in use, each after those it is made from."""
        found: dict[SimpleType, None] = {}
        for operation in self.operations:
            reply = operation.reply.type
            answered = reply.walk() if isinstance(reply, Record) else ()
            kinds = [p.type for p in (*operation.request.walk(), *answered)]
            for kind in (k for k in (*kinds, reply) if isinstance(k, SimpleType)):
                found |= dict.fromkeys(kind.lineage())
        return found
