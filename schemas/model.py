"""Data models as tables: which elements a record may have, in which order, how often.

A table is a text of declarations, one a line; lines that begin with blanks add to the one above.

    namespace URI               of all elements
    base TABLE                  everything of another table, which the lines below change
    without TYPE: VALUE ...     values that the enumeration of the base has and this one has not
    element TYPE: NAME ...      elements declared for all; `named` is for TYPE where it is NAME
    default NAME: VALUE         what an empty element means
    type NAME: CONTENT          elements inside an element, and its attributes (`@name:type`)
    mixed NAME: CONTENT         the same with text between
    text BASE: NAME ...         types of text that add nothing to their base
    enum NAME: VALUE ...        types of text with a closed list of values
    list NAME: ITEM             white-space separated lists
    union NAME: MEMBER ...      any of some types
    pattern NAME: BASE REGEX

CONTENT is written as in a DTD: `A, B?, (C | D)*`. `A:T` is an element A of type T, `A='x'` one that
can only be x, ANY any element at all, DECLARED any element declared for all.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from schemas.simple_type import STRING, SimpleType

VERSIONS = ("impex-1.0.2", "impex-1.0.3", "spase-2.6.1", "spase-2.7.1")

_TOKEN = re.compile(r"\s*(?:([(),|])|([\w.-]+(?::[\w.:-]+)?)(?:='([^']*)')?|([?*+]))")
_ATTRIBUTE = re.compile(r"\s@(\w+):([\w:]+)(?:='([^']*)')?")
_OFTEN: dict[str, tuple[int, int | None]] = {"?": (0, 1), "*": (0, None), "+": (1, None)}


@dataclass(frozen=True, slots=True)
class Child:
    """An element inside another: its name, type, fixed value, and how often (most: None = any)."""

    name: str
    type: str
    shared: bool
    fixed: str | None = None
    least: int = 1
    most: int | None = 1


@dataclass(frozen=True, slots=True)
class Any:
    """Any element; `declared` is for only those that the model declares for all."""

    declared: bool
    least: int = 1
    most: int | None = 1


@dataclass(frozen=True, slots=True)
class Group:
    """Some parts, one after the other or one of them."""

    parts: "tuple[Part, ...]"
    choice: bool = False
    least: int = 1
    most: int | None = 1


Part = Child | Any | Group


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute: its name, type and what its absence means."""

    name: str
    type: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class ElementType:
    """What an element holds. children: every element that may be in it, by name, in order."""

    name: str
    content: Group
    attributes: tuple[Attribute, ...] = ()
    mixed: bool = False
    children: dict[str, Child] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Model:
    """A version of a data model.

    elements: type of each element declared for all; defaults: what it means where it is empty;
    types: of elements and of text, by name; types built into XML Schema are written `xs:...`.
    """

    name: str
    namespace: str
    elements: dict[str, str]
    defaults: dict[str, str]
    types: dict[str, ElementType | SimpleType]

    @property
    def version(self) -> str:
        """Number of the version of the model, such as '2.7.1'."""
        return self.name.rpartition("-")[2]

    @property
    def resources(self) -> tuple[str, ...]:
        """Names of the elements that are resources."""
        top = self.types["Spase"]
        assert isinstance(top, ElementType)
        return tuple(
            child.name
            for child in top.children.values()
            if isinstance(kind := self.type(child.type), ElementType)
            and "ResourceID" in kind.children
        )

    def type(self, name: str) -> ElementType | SimpleType:
        """Give a type by its name; raises KeyError where there is none."""
        return SimpleType(name[3:]) if name.startswith("xs:") else self.types[name]


@cache
def model(name: str) -> Model:
    """Give a model of `VERSIONS`; raises KeyError for any other."""
    if name not in VERSIONS:
        raise KeyError(name)
    text = files("schemas").joinpath(f"tables/{name}.txt").read_text(encoding="utf-8")
    return _Table(name, text).made()


class _Table:
    """The declarations of a table, put together in two passes: names first, then what they hold."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.namespace = ""
        self.elements: dict[str, str] = {}
        self.defaults: dict[str, str] = {}
        self.types: dict[str, ElementType | SimpleType] = {}
        self.later: list[tuple[str, str, str]] = []
        for line in re.sub(r"\n +", " ", text).splitlines():
            if line and not line.startswith("#"):
                word, _, rest = line.partition(" ")
                key, _, value = rest.partition(": ")
                getattr(self, f"_{word}")(key.rstrip(":"), value)

    def made(self) -> Model:
        for word, key, value in self.later:
            if word in ("type", "mixed"):
                self.types[key] = self._element_type(key, value, word == "mixed")
        return Model(self.name, self.namespace, self.elements, self.defaults, self.types)

    def _namespace(self, uri: str, _: str) -> None:
        self.namespace = uri

    def _base(self, name: str, _: str) -> None:
        base = model(name)
        self.namespace = base.namespace
        self.elements |= base.elements
        self.defaults |= base.defaults
        self.types |= base.types

    def _without(self, name: str, values: str) -> None:
        gone = values.split()
        old = self.types[name]
        assert isinstance(old, SimpleType)
        kept = tuple(value for value in old.values if value not in gone)
        self.types[name] = SimpleType(name, self.namespace, STRING, values=kept)

    def _element(self, type: str, names: str) -> None:
        self.elements |= {name: name if type == "named" else type for name in names.split()}

    def _default(self, name: str, value: str) -> None:
        self.defaults[name] = value

    def _type(self, name: str, content: str) -> None:
        self.later.append(("type", name, content))

    def _mixed(self, name: str, content: str) -> None:
        self.later.append(("mixed", name, content))

    def _text(self, base: str, names: str) -> None:
        for name in names.split():
            self.types[name] = SimpleType(name, self.namespace, self._known(base))

    def _enum(self, name: str, values: str) -> None:
        self.types[name] = SimpleType(name, self.namespace, STRING, values=tuple(values.split()))

    def _list(self, name: str, item: str) -> None:
        self.types[name] = SimpleType(name, self.namespace, items=self._known(item))

    def _union(self, name: str, members: str) -> None:
        kinds = tuple(self._known(member) for member in members.split())
        self.types[name] = SimpleType(name, self.namespace, union=kinds)

    def _pattern(self, name: str, value: str) -> None:
        base, _, pattern = value.partition(" ")
        self.types[name] = SimpleType(name, self.namespace, self._known(base), pattern=pattern)

    def _known(self, name: str) -> SimpleType:
        if name.startswith("xs:"):
            return SimpleType(name[3:])
        found = self.types[name]
        assert isinstance(found, SimpleType)
        return found

    def _element_type(self, name: str, text: str, mixed: bool) -> ElementType:
        text = " " + text
        attributes = tuple(
            Attribute(match[1], match[2], match[3]) for match in _ATTRIBUTE.finditer(text)
        )
        content = self._content(_tokens(_ATTRIBUTE.sub("", text)))
        children = {child.name: child for child in _children(content)}
        return ElementType(name, content, attributes, mixed, children)

    def _content(self, tokens: list[tuple[str, str, str | None, str]]) -> Group:
        """Read tokens up to a closing bracket; they are taken from the list."""
        parts: list[Part] = []
        choice = False
        while tokens:
            sign, word, fixed, _ = tokens.pop(0)
            if sign == ")":
                break
            if sign == "|":
                choice = True
            elif sign == "(":
                inner = self._content(tokens)
                parts.append(Group(inner.parts, inner.choice, *_often(tokens)))
            elif word in ("ANY", "DECLARED"):
                parts.append(Any(word == "DECLARED", *_often(tokens)))
            elif word:
                name, _, type = word.partition(":")
                shared = not type and name in self.elements
                type = self.elements[name] if shared else type or name
                parts.append(Child(name, type, shared, fixed, *_often(tokens)))
        return Group(tuple(parts), choice)


def _tokens(text: str) -> list[tuple[str, str, str | None, str]]:
    return [(m[1] or "", m[2] or "", m[3], m[4] or "") for m in _TOKEN.finditer(text)]


def _often(tokens: list[tuple[str, str, str | None, str]]) -> tuple[int, int | None]:
    if tokens and tokens[0][3]:
        return _OFTEN[tokens.pop(0)[3]]
    return 1, 1


def _children(group: Group) -> Iterator[Child]:
    for part in group.parts:
        if isinstance(part, Group):
            yield from _children(part)
        elif isinstance(part, Child):
            yield part
