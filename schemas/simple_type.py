"""Simple types of XML Schema as data: what a text may be."""

from collections.abc import Iterator
from dataclasses import dataclass

XS = "http://www.w3.org/2001/XMLSchema"


@dataclass(frozen=True, slots=True)
class SimpleType:
    """A type of text: built into XML Schema, or made from another one.

    base: the type that this one restricts; items: the type of each item of a white-space
    separated list; union: the types of which a text may be any. A type with none of them is built
    in. values, pattern: facets of the restriction.
    """

    name: str
    namespace: str = XS
    base: "SimpleType | None" = None
    items: "SimpleType | None" = None
    values: tuple[str, ...] = ()
    pattern: str = ""
    union: "tuple[SimpleType, ...]" = ()

    @property
    def is_list(self) -> bool:
        """Whether values are lists."""
        return self.items is not None

    @property
    def single(self) -> "SimpleType":
        """The type of one item of a list; a type that is no list is its own."""
        return self if self.items is None else self.items

    @property
    def root(self) -> str:
        """Name of the built-in type that one item comes from in the end."""
        kind = self.single
        while kind.base is not None:
            kind = kind.base
        return kind.name

    def lineage(self) -> Iterator["SimpleType"]:
        """Give every type that this one is made from, the first of all first, then itself."""
        for kind in (self.base, self.items, *self.union):
            if kind is not None:
                yield from kind.lineage()
        yield self


ANY_URI = SimpleType("anyURI")
BOOLEAN = SimpleType("boolean")
DATE_TIME = SimpleType("dateTime")
DOUBLE = SimpleType("double")
DURATION = SimpleType("duration")
FLOAT = SimpleType("float")
ID = SimpleType("ID")
NMTOKEN = SimpleType("NMTOKEN")
POSITIVE_INTEGER = SimpleType("positiveInteger")
STRING = SimpleType("string")
TOKEN = SimpleType("token")
