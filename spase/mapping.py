"""Mapping: records of IMPEx in the words of SPASE 2.7.1, and the other way.

What one model has under another name, or in another order, is in tables; what follows is walked by
the types of both. What the other model has no place for is told in findings. Of an IMPEx record,
elements of the resource itself that SPASE has no place for go into its Extension, in IMPEx's own
words, and come back from there. Ids keep their spelling.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache

from schemas.impex import IMPEX
from schemas.model import Child, ElementType, Group, Model, Part, model
from schemas.simple_type import SimpleType
from spase.dictionary import fits, stated, title
from spase.record import COMMENT, Node, Record
from vo_server.check import Finding
from vo_server.errors import excerpt

SPASE_MODEL = "spase-2.7.1"
IMPEX_MODEL = "impex-1.0.2"

# Elements of IMPEx by their names in SPASE 2.6 and later.
_NAMES = {
    "SimulationModel": "Model",
    "SimulationRun": "ModelRun",
    "Model": "ModelSpecification",
    "SimulationType": "ModelType",
    "SimulationTime": "ModelTime",
    "SimulationDomain": "ModelDomain",
    "SimulationProduct": "ModelProduct",
    "SimulatedRegion": "ModeledRegion",
    "SimulatedInstrumentID": "ModeledInstrumentID",
    "VersionID": "VersionTag",
    "PopulationID": "Population",
    "Profile": "DensityProfile",
}
# Values that mean the same, by the element of SPASE: IMPEx's, SPASE's.
_VALUES = {
    "ModelType": (("Test_Particle", "TestParticle"),),
    "ObservedRegion": tuple(
        (moon, f"{planet}.{moon}")
        for planet, moons in (
            ("Jupiter", ("Callisto", "Europa", "Ganymede", "Io")),
            ("Saturn", ("Enceladus", "Rhea", "Titan")),
        )
        for moon in moons
    ),
}
_VALUES["ObservatoryRegion"] = _VALUES["ObservedRegion"]
# What stands for values that the other model does not have; it is told.
_NEAREST = {
    "MeasurementType": {"Current": "MagneticField"},
    "FieldQuantity": {"CurrentDensity": "Current"},
    "Format": {"CSV": "Text", "JSON": "Text"},
    "SupportQuantity": {"": "Other"},  # for any other
}
# What a model wants and the other need not say: what says nothing in its place.
_BLANK = {
    "RegionBegin": "",
    "RegionEnd": "",
    "SimulationTime": "",
    "LikelihoodRating": "Probable",
}
# Elements of SPASE that only ids may be in, and of what kind: IMPEx has names there as well.
_NAMED = {"PersonID": "Person", "RepositoryID": "Repository"}
# Elements whose name or text one of the two models does not have, or that may be empty in one.
_SPECIAL = {*_NAMES, *_NAMES.values(), *_BLANK, "Extension"}
# Elements whose children of SPASE are attributes in IMPEx.
_ATTRIBUTES = {"DiagnosisTimeStep": ("TimeStart", "Duration")}
# A number with a unit, and what that is in another: attributes of IMPEx, one text of SPASE.
_MAGNITUDE = re.compile(r"([-+0-9.eE]*|NaN) ([^;]+)(?:; (.+))?")


def to_spase(record: Record) -> tuple[Record | None, list[Finding]]:
    """Give a record of IMPEx in SPASE 2.7.1, None where it cannot be, and what is not in it."""
    return _Walk(record, model(SPASE_MODEL), _NAMES).made()


def to_impex(record: Record) -> tuple[Record | None, list[Finding]]:
    """Give a record of SPASE 2.6 or later in IMPEx, None where it cannot be, and what is lost."""
    return _Walk(record, model(IMPEX_MODEL), {new: old for old, new in _NAMES.items()}).made()


@dataclass(slots=True)
class _Walk:
    """The way through one record by the types of the target; names: of elements that change."""

    record: Record
    target: Model
    names: dict[str, str]
    findings: list[Finding] = field(default_factory=list)

    def made(self) -> tuple[Record | None, list[Finding]]:
        """Give the mapped record and what was found on the way."""
        node = self.record.resource
        name = self._name(node)
        if name not in self.target.resources:
            self._tell(node, f"{title(self.target)} has no such resource")
            return None, self.findings
        kind = self.target.type(name)
        assert isinstance(kind, ElementType)
        made = self._element(node, kind)
        if made is None:
            return None, self.findings
        header = (Node("Version", stated(self.target)),)
        return Record(made, header, self.target.namespace, self.target.name), self.findings

    @property
    def back(self) -> bool:
        """Whether the way leads to IMPEx."""
        return self.target.namespace == IMPEX

    def _name(self, node: Node) -> str:
        return self.names.get(node.name, node.name)

    def _tell(self, node: Node, why: str) -> None:
        told = f"{node.name}: {why}"
        self.findings.append(Finding("mapping", told, node.line or None, self.record.id, "warning"))

    def _element(self, node: Node, kind: ElementType) -> Node | None:
        """Give an element with what the target has of its children, in the target's order.

        None, which is told, where something is missing that the target wants.
        """
        top = node is self.record.resource
        kept = _restored(node) if top and self.back else []
        keeps = top and not self.back and "Extension" in kind.children
        given = {child.name for child in kept}
        children, homeless = list(kept), []
        shape = _shape(self.target.name, kind.name)
        for child in _children(node, kind):
            if not given and shape.takes(child):
                children.append(child)
                continue
            told = len(self.findings)
            made = None if self._name(child) in given else self._child(child, kind)
            if made is not None:
                children.append(made)
            if keeps and (made is None or (not child.children and len(self.findings) > told)):
                homeless.append(child.name)
                del self.findings[told:]
                self._tell(child, "it is kept in the Extension, in the words of IMPEx")
        if homeless:
            originals = [child for child in node.children if child.name in homeless]
            children.append(Node("Extension", children=tuple(c.within(IMPEX) for c in originals)))
        children = self._counted(children, shape)
        for name in shape.missing({child.name for child in children}):
            if name not in _BLANK:
                self._tell(node, f"it is left out, as {title(self.target)} wants a {name} in it")
                return None
            children.append(Node(name, _BLANK[name]))
        return _put(node, self._name(node), children, shape)

    def _child(self, child: Node, kind: ElementType) -> Node | None:
        """Give a child in the target's words; None where it has none, which is told."""
        place = kind.children.get(self._name(child))
        if child.namespace is not None or place is None or child.name == "Extension":
            if not (self.back and _foreign(child)):
                self._tell(child, f"{title(self.target)} has no place for it")
            return None
        below = self.target.type(place.type)
        renamed = child if child.name == place.name else replace(child, name=place.name)
        if isinstance(below, SimpleType):
            return self._text(_joined(renamed), below)
        if below.mixed:
            return _split(renamed)
        return self._element(_listed(child, below), below)

    def _text(self, node: Node, kind: SimpleType) -> Node | None:
        """Give an element of text; a value that the target does not have is told."""
        text = node.text.strip()
        if self.back and not text and node.name in _BLANK:
            return None
        if fits(text, kind):
            return node if text == node.text or _is_free(kind) else replace(node, text=text)
        pairs = _VALUES.get(self.names.get(node.name, node.name), _VALUES.get(node.name, ()))
        same = {said: meant for pair in pairs for said, meant in (pair, pair[::-1])}
        if text in same and fits(same[text], kind):
            return replace(node, text=same[text])
        told = f"{title(self.target)} has no value {excerpt(text)}"
        if node.name in _NAMED and text:
            id = self._id(text, _NAMED[node.name])
            self._tell(node, f"{told}; {id} stands for it")
            return replace(node, text=id)
        others = _NEAREST.get(node.name, {})
        nearest = others.get(text) or others.get("", "")
        if nearest and fits(nearest, kind):
            self._tell(node, f"{told}; {nearest} stands for it")
            return replace(node, text=nearest)
        self._tell(node, f"{told} for it")
        return None

    def _id(self, name: str, kind: str) -> str:
        """Give the id of what the record names by a word, of its own authority."""
        authority = self.record.id.partition("://")[2].partition("/")[0]
        word = ".".join(name.rpartition("://")[2].split()).replace("/", ".")
        return f"spase://{authority}/{kind}/{word}"

    def _counted(self, children: list[Node], shape: "_Shape") -> list[Node]:
        """Leave out, and tell, what there is more of than the target takes."""
        names = [child.name for child in children]
        if not shape.choices and len({*names}) == len(names):
            return children
        counts = Counter(names)
        most = shape.most(counts)
        if all(count <= most.get(name, count) for name, count in counts.items()):
            return children
        kept: list[Node] = []
        seen: Counter[str] = Counter()
        for child in children:
            seen[child.name] += 1
            if seen[child.name] > most.get(child.name, seen[child.name]):
                self._tell(child, f"{title(self.target)} has no room for it")
            else:
                kept.append(child)
        return kept


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a type of elements asks of its children, worked out once.

    limits: of children in no group that repeats, how often they may be there; choices: what may be
    in each part of a choice; must: names that have to be there, None where that depends on others;
    places: see `_places`; attributes: their names; texts: of children that hold text, what it may
    be, nothing where that is anything.
    """

    content: Group
    limits: dict[str, int | None]
    choices: tuple[tuple[frozenset[str], ...], ...]
    must: tuple[str, ...] | None
    places: dict[str, int]
    attributes: frozenset[str]
    texts: dict[str, frozenset[str]]

    def takes(self, child: Node) -> bool:
        """Tell at once of a child that holds nothing but text whether it can stay as it is."""
        values = self.texts.get(child.name)
        return (
            values is not None
            and (not values or child.text in values)
            and not (child.children or child.attributes or child.tail)
            and child.namespace is None
        )

    def most(self, counts: Counter[str]) -> dict[str, int]:
        """Give how often each child may be there, beside the others that are."""
        most = {name: limit or counts[name] for name, limit in self.limits.items()}
        for choice in self.choices:
            there = [names for names in choice if counts.keys() & names]
            most |= {name: 0 for other in there[1:] for name in other}
        return most

    def missing(self, there: set[str]) -> list[str]:
        """Give the names of children that must be there and are not."""
        if self.must is not None:
            return [name for name in self.must if name not in there]
        return list(_missing(self.content, there))


@cache
def _shape(model_name: str, type_name: str) -> _Shape:
    kind = model(model_name).type(type_name)
    assert isinstance(kind, ElementType)
    top = kind.content
    limits: dict[str, int | None] = {}
    choices = []
    for part in _single_parts(top):
        if isinstance(part, Child):
            limits.setdefault(part.name, part.most)
        elif isinstance(part, Group) and part.choice:
            choices.append(tuple(frozenset(_names_in(each)) for each in part.parts))
    is_plain = not top.choice and all(isinstance(p, Child) or p.least == 0 for p in top.parts)
    must = tuple(part.name for part in top.parts if isinstance(part, Child) and part.least)
    attributes = frozenset(attribute.name for attribute in kind.attributes)
    texts = {}
    for name, child in kind.children.items():
        below = model(model_name).type(child.type)
        is_text = isinstance(below, SimpleType) and below.items is None and name not in _SPECIAL
        if isinstance(below, SimpleType) and is_text and (_is_free(below) or below.values):
            texts[name] = frozenset(below.values)
    wanted = must if is_plain else None
    return _Shape(top, limits, tuple(choices), wanted, _places(top), attributes, texts)


def _children(node: Node, kind: ElementType) -> list[Node]:
    """Give the elements in a node; attributes as elements where the target has them so."""
    given = dict(node.attributes)
    wanted = [name for name in _ATTRIBUTES.get(node.name, ()) if name in kind.children]
    made = [Node(name, given[name]) for name in wanted if name in given]
    return made + [child for child in node.children if child.name != COMMENT]


def _put(node: Node, name: str, children: list[Node], shape: _Shape) -> Node:
    """Put an element together; children of one repeated choice keep their order."""
    places, known = shape.places, shape.attributes
    if len(children) > 1:
        children.sort(key=lambda child: places.get(child.name, len(places)))
    attributes = {key: text for key, text in node.attributes if key in known}
    if name in _ATTRIBUTES:
        wanted = known.intersection(_ATTRIBUTES[name])
        attributes |= {child.name: child.text for child in node.children if child.name in wanted}
    return Node(name, "", tuple(attributes.items()), tuple(children), line=node.line)


def _places(group: Group) -> dict[str, int]:
    """Give the place of each child; those of a repeated choice share one."""
    places: dict[str, int] = {}
    for part in group.parts:
        if isinstance(part, Group):
            shared = part.choice and part.most is None
            place = len(places)
            for name, own in _places(part).items():
                places[name] = place if shared else place + own
        elif isinstance(part, Child):
            places[part.name] = len(places)
    return places


def _all_parts(group: Group) -> Iterator[Part]:
    for part in group.parts:
        yield part
        if isinstance(part, Group):
            yield from _all_parts(part)


def _single_parts(group: Group) -> Iterator[Part]:
    """Give the parts that are in no group that repeats."""
    for part in group.parts:
        if isinstance(part, Group):
            if part.most == 1:
                yield part
                yield from _single_parts(part)
        else:
            yield part


def _names_in(part: Part) -> set[str]:
    parts = (part, *_all_parts(part)) if isinstance(part, Group) else (part,)
    return {each.name for each in parts if isinstance(each, Child)}


def _missing(group: Group, there: set[str]) -> Iterator[str]:
    """Give the names of children that must be there and are not."""
    if group.choice and not there & _names_in(group):
        first = next(part for part in _all_parts(group) if isinstance(part, Child))
        yield from [first.name] if first.least else []
        return
    for part in group.parts:
        if part.least == 0 or (group.choice and not there & _names_in(part)):
            continue
        if isinstance(part, Child) and part.name not in there:
            yield part.name
        elif isinstance(part, Group):
            yield from _missing(part, there)


def _is_free(kind: SimpleType) -> bool:
    """Tell whether a text may be anything, so that its outer blanks harm nobody."""
    at: SimpleType | None = kind
    while at is not None and not (at.values or at.pattern):
        at = at.base
    return at is None and kind.root == "string"


def _listed(node: Node, kind: ElementType) -> Node:
    """Take the elements out of a text that `_joined` made of them."""
    if node.children or not node.text.strip():
        return node
    found = re.split(rf"(?:^|; )({'|'.join(kind.children)}): ", node.text.strip())
    children = tuple(map(Node, found[1::2], found[2::2]))
    return replace(node, text="", children=children)


def _joined(node: Node) -> Node:
    """Put a number's unit and conversion, or the elements of a text, into the text."""
    if node.children:
        told = [f"{child.name}: {child.text.strip()}" for child in node.children]
        return Node(node.name, "; ".join(told), line=node.line)
    if not node.attributes and not node.tail:
        return node
    given = dict(node.attributes)
    told = [" ".join(given[name].split()) for name in ("Units", "UnitsConversion") if name in given]
    text = f"{node.text.strip()} {'; '.join(told)}" if told else node.text
    return Node(node.name, text, line=node.line)


def _split(node: Node) -> Node:
    """Take the unit and the conversion of a number out of its text."""
    match = _MAGNITUDE.fullmatch(node.text)
    if match is None:
        return Node(node.name, node.text, line=node.line)
    told = zip(("Units", "UnitsConversion"), match.groups()[1:], strict=True)
    attributes = tuple((name, text) for name, text in told if text)
    return Node(node.name, match[1], attributes, line=node.line)


def _foreign(extension: Node) -> bool:
    """Tell whether an Extension holds elements of IMPEx."""
    return any(child.namespace == IMPEX for child in extension.children)


def _restored(node: Node) -> list[Node]:
    """Give the elements of IMPEx that are kept in the Extension of a resource of SPASE."""
    kept = (child for extension in node.all("Extension") for child in extension.children)
    return [child.within(None) for child in kept if child.namespace == IMPEX]
