"""Schema: the XML Schemas of a dialect's messages, made from its table.

Borrowed types stand in a schema of their own beside the dialect's; nothing is imported from
elsewhere. Every name of a type or element has a prefix that is declared on the root.
"""

from collections.abc import Iterator
from typing import Any

from lxml import etree

from impex.dialect import Dialect, Operation, Parameter, Record, Reply
from schemas.impex import PREFIXES, VOTABLE
from schemas.simple_type import XS, SimpleType


def prefixes(dialect: Dialect) -> dict[str, str]:
    """Give the prefixes that the schemas of a dialect use; `tns` is its own namespace."""
    used = {kind.namespace for kind in dialect.simple_types()}
    used |= {VOTABLE} if dialect.documents else set()
    borrowed = {prefix: uri for prefix, uri in PREFIXES.items() if uri in used}
    return {"xs": XS, "tns": dialect.namespace, **borrowed}


def add_schemas(parent: Any, dialect: Dialect) -> None:
    """Write the schemas of a dialect into an element that declares its prefixes."""
    writer = _Writer(dialect)
    writer.borrowed(parent)
    writer.own(parent)


def add(parent: Any, namespace: str, tag: str, /, **attributes: str) -> Any:
    """Append a child element and give it."""
    return etree.SubElement(parent, f"{{{namespace}}}{tag}", attributes)


def _members(operation: Operation) -> Iterator[Parameter]:
    """Give every parameter of an operation, and of what it answers."""
    yield from operation.request.walk()
    if isinstance(operation.reply.type, Record):
        yield from operation.reply.type.walk()


class _Writer:
    """Writes the schemas of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._kinds = dialect.simple_types()
        self._prefixes = {uri: prefix for prefix, uri in prefixes(dialect).items()}
        self._foreign = [uri for uri in self._prefixes if uri not in (XS, dialect.namespace)]
        self._written: set[str] = set()

    def borrowed(self, parent: Any) -> None:
        """Write a schema for each namespace that types are borrowed from."""
        for namespace in self._foreign:
            schema = self._schema(parent, namespace)
            self._simple_types(schema, namespace)
            if namespace == VOTABLE and self._dialect.documents:
                self._document(schema)

    def own(self, parent: Any) -> None:
        """Write the dialect's schema: simple types, global elements, then the messages."""
        dialect = self._dialect
        schema = self._schema(parent, dialect.namespace)
        for namespace in self._foreign:
            add(schema, XS, "import", namespace=namespace)
        self._simple_types(schema, dialect.namespace)
        for parameter in (p for o in dialect.operations for p in _members(o)):
            if parameter.ref and self._new(parameter.name):
                self._element(schema, parameter)
        for operation in dialect.operations:
            self._request(schema, operation)
            self._reply(schema, operation.reply)

    def _schema(self, parent: Any, namespace: str) -> Any:
        return add(
            parent, XS, "schema", targetNamespace=namespace, elementFormDefault="unqualified"
        )

    def _document(self, schema: Any) -> None:
        """Declare a VOTable whose content clients take as it comes."""
        kind = add(add(schema, XS, "element", name="VOTABLE"), XS, "complexType")
        lax = {"processContents": "lax"}
        sequence = add(kind, XS, "sequence")
        add(sequence, XS, "any", minOccurs="0", maxOccurs="unbounded", **lax)
        add(kind, XS, "anyAttribute", **lax)

    def _new(self, name: str) -> bool:
        """Tell whether something is to be written for the first time."""
        new = name not in self._written
        self._written.add(name)
        return new

    def _simple_types(self, schema: Any, namespace: str) -> None:
        for kind in self._kinds:
            if kind.namespace == namespace:
                self._simple_type(schema, kind)

    def _simple_type(self, schema: Any, kind: SimpleType) -> None:
        element = add(schema, XS, "simpleType", name=kind.name)
        if kind.items is not None:
            add(element, XS, "list", itemType=self._name(kind.items))
        elif kind.base is not None:
            restriction = add(element, XS, "restriction", base=self._name(kind.base))
            for value in kind.values:
                add(restriction, XS, "enumeration", value=value)
            if kind.pattern:
                add(restriction, XS, "pattern", value=kind.pattern)

    def _request(self, schema: Any, operation: Operation) -> None:
        """Write the body element of a request and the types it is made of."""
        record = operation.request
        if not self._new(operation.element):
            return
        element = add(schema, XS, "element", name=operation.element)
        if not record.members:
            add(add(element, XS, "complexType"), XS, "sequence")
            return
        element.set("type", f"tns:{record.name}")
        request = self._record(schema, record)
        # Without an attribute in sight, Axis 1 leaves out the element around the parameters.
        add(request, XS, "anyAttribute", processContents="lax")
        self._inner_records(schema, record)

    def _reply(self, schema: Any, reply: Reply) -> None:
        """Write the body element of an answer and the types it is made of."""
        if reply.type is None or not self._new(reply.element):
            return
        if not isinstance(reply.type, Record):
            add(schema, XS, "element", name=reply.element, type=self._name(reply.type))
            return
        add(schema, XS, "element", name=reply.element, type=f"tns:{reply.type.name}")
        if self._new(f"type {reply.type.name}"):
            self._record(schema, reply.type)
        self._inner_records(schema, reply.type)

    def _inner_records(self, schema: Any, record: Record) -> None:
        for parameter in record.walk():
            if isinstance(parameter.type, Record) and self._new(f"type {parameter.type.name}"):
                self._record(schema, parameter.type)

    def _record(self, schema: Any, record: Record) -> Any:
        kind = add(schema, XS, "complexType", name=record.name)
        sequence = add(kind, XS, "sequence")
        for member in record.members:
            if member.ref:
                element = add(sequence, XS, "element", ref=f"tns:{member.name}")
            else:
                element = self._element(sequence, member)
            element.set("minOccurs", str(member.least))
            element.set("maxOccurs", "unbounded" if member.most is None else str(member.most))
        return kind

    def _element(self, parent: Any, parameter: Parameter) -> Any:
        kind = parameter.type
        name = f"tns:{kind.name}" if isinstance(kind, Record) else self._name(kind)
        element = add(parent, XS, "element", name=parameter.name, type=name)
        if parameter.declared:
            element.set("default", parameter.declared)
        if parameter.note:
            add(add(element, XS, "annotation"), XS, "documentation").text = parameter.note
        return element

    def _name(self, kind: SimpleType) -> str:
        return f"{self._prefixes[kind.namespace]}:{kind.name}"
