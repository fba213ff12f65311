"""Mutants: real documents of SPASE and IMPEx, each with something wrong, by a seed."""

import copy
import random
from collections.abc import Iterator
from typing import Any

from lxml import etree
from lxml.etree import _Element as Element

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_NAMES = ("FooID", "StartDate", "Units", "Extension", "ParameterKey", "ResourceID", "Version", "X")
_TEXTS = (
    *("", " ", "x", "2020-13-01T00:00:00Z", " 2020-01-01T00:00:00Z ", "2014-07-3119:39:54Z", "P"),
    *("2020-02-30T00:00:00Z", "2020-01-01T24:00:00Z", "2020-01-01", "0000-01-01T00:00:00Z"),
    *("99999-01-01T00:00:00Z", "2020-01-01T00:00:00+15:00", "\nPT1H\n", "P1Y2M3DT4H5M6.7S"),
    *("1e400", "NaN", " 12 ", "-1", "1.", ".5", "+INF", "0x1", "1 2 3", "true"),
    *("spase://A/B", "spase://A/NumericalData/../x", "Magnetic ", " HAPI"),
)
_OTHER = b"https://www.spase-group.org/data/schema"


def singles(documents: list[bytes]) -> Iterator[bytes]:
    """Give documents of a few resources of each, one by one with what stands before them."""
    for content in documents:
        root = etree.fromstring(content, etree.XMLParser(recover=True, resolve_entities=False))
        inside = list(root.iterchildren(etree.Element))
        header = [child for child in inside if etree.QName(child).localname == "Version"]
        for resource in [child for child in inside if child not in header][:4]:
            spaces: Any = root.nsmap
            made = etree.Element(root.tag, nsmap=spaces)
            made.extend(copy.deepcopy(child) for child in (*header, resource))
            yield etree.tostring(made)


def mutants(documents: list[bytes], count: int, seed: int = 1) -> Iterator[bytes]:
    """Give mutants of well-formed documents, some of which are not well-formed any more."""
    dice = random.Random(seed)
    for _ in range(count):
        root = etree.fromstring(dice.choice(documents))
        for _ in range(dice.choice((1, 1, 2))):
            _mutate(root, dice)
        yield _broken(etree.tostring(root), dice)


def _mutate(root: Element, dice: random.Random) -> None:
    inside: list[Any] = list(root.iterdescendants(etree.Element))
    element = dice.choice(inside)
    leaf = dice.choice([each for each in inside if len(each) == 0])
    around, space = element.getparent(), etree.QName(root).namespace
    match dice.randrange(9):
        case 0:
            around.remove(element)
        case 1:
            around.insert(around.index(element), copy.deepcopy(element))
        case 2:
            (around.getprevious() if around.getprevious() is not None else around).append(element)
        case 3:
            element.tag = dice.choice((f"{{{space}}}{dice.choice(_NAMES)}", "{urn:x}a", "Bare"))
        case 4 | 5:
            leaf.text = dice.choice(_TEXTS)
        case 6:
            leaf.text = f"\n{leaf.text or ''} "
        case 7:
            element.set(
                dice.choice(("x", f"{{{_XSI}}}type", f"{{{_XSI}}}nil")), dice.choice(_TEXTS)
            )
        case 8:
            element.append(etree.Comment("aside"))
            element.tail = dice.choice(("more", "\n"))


def _broken(content: bytes, dice: random.Random) -> bytes:
    match dice.randrange(40):
        case 0:
            return content[: dice.randrange(len(content))]
        case 1:
            return b'<!DOCTYPE a [<!ENTITY e "x">]>' + content
        case 2:
            return content.replace(b"http://www.spase-group.org/data/schema", _OTHER)
        case 3:
            return content.replace(b"</", b"&nope;</", 3)
        case 4:
            return content.replace(b"><", b">&nope;<", 3)
    return content
