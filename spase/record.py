"""Record: one resource with everything that its document says of it, a tree typed by a model."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from schemas.model import ElementType, Model, model
from schemas.simple_type import SimpleType
from vo_server.check import Finding

COMMENT = "#comment"


@dataclass(frozen=True, slots=True)
class Node:
    """An element, or a comment (its name is `COMMENT`).

    name: without namespace; namespace: where it is not the record's own; text: as written, before
    the first child; tail: text after the element, where it is more than blanks; line: in the
    document it was read from, 0 where there was none. Two nodes are equal wherever they stood.
    """

    name: str
    text: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    children: "tuple[Node, ...]" = ()
    namespace: str | None = None
    tail: str = ""
    line: int = field(default=0, compare=False)

    def all(self, path: str) -> "Iterator[Node]":
        """Give every descendant at a path such as 'ResourceHeader/Contact/PersonID'."""
        name, _, rest = path.partition("/")
        for child in self.children:
            if child.name == name and child.namespace is None:
                if rest:
                    yield from child.all(rest)
                else:
                    yield child

    def get(self, path: str) -> str:
        """Give the text of the first descendant at a path without outer blanks, else ''."""
        return next((node.text.strip() for node in self.all(path)), "")

    def within(self, namespace: str | None) -> "Node":
        """Give it and all below it in a namespace, None for the record's own; without comments."""
        below = tuple(child.within(namespace) for child in self.children if child.name != COMMENT)
        return replace(self, namespace=namespace, children=below)


@dataclass(frozen=True, slots=True)
class Record:
    """One resource.

    header: what stands before it in its document (Version, Status, ...); attributes: of the
    document's root; namespace: of the document, None for trees without one (`dataRoot`); judge:
    name of the model that judged it, '' for none; findings: what is wrong with it.
    """

    resource: Node
    header: tuple[Node, ...]
    namespace: str | None
    judge: str
    attributes: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = field(default=(), compare=False)

    @property
    def id(self) -> str:
        """The ResourceID without outer blanks; '' where there is none."""
        if self.model is None:
            return dict(self.resource.attributes).get(_XML_ID, "")
        return self.resource.get("ResourceID")

    @property
    def kind(self) -> str:
        """What it is, such as 'NumericalOutput'."""
        return self.resource.name

    @property
    def version(self) -> str:
        """The version that it says; '' where it says none."""
        return next((node.text.strip() for node in self.header if node.name == "Version"), "")

    @property
    def model(self) -> Model | None:
        """The model that judged it; None where it is of no model."""
        return model(self.judge) if self.judge else None

    def walk(self) -> "Iterator[tuple[str, Node, ElementType | SimpleType | None]]":
        """Give every element with its path and type; None is the type of what has no place."""
        source = self.model
        known = source is not None and self.kind in source.types
        kind = source.type(self.kind) if source is not None and known else None
        yield from _walk(self.kind, self.resource, kind, source)


_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"


def _walk(
    path: str, node: Node, kind: ElementType | SimpleType | None, source: Model | None
) -> "Iterator[tuple[str, Node, ElementType | SimpleType | None]]":
    yield path, node, kind
    for child in node.children:
        if child.name == COMMENT:
            continue
        place = kind.children.get(child.name) if isinstance(kind, ElementType) else None
        known = child.namespace is None and place is not None and source is not None
        below = source.type(place.type) if known and source and place else None
        yield from _walk(f"{path}/{child.name}", child, below, source)
