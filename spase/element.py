"""Element: nodes of records that are written here, put together from texts and other nodes."""

from collections.abc import Iterable

from spase.record import Node


def element(name: str, *parts: "str | Node | None", **attributes: str) -> Node:
    """Give an element of its text or its children; None is nothing."""
    texts = [part for part in parts if isinstance(part, str)]
    children = tuple(part for part in parts if isinstance(part, Node))
    return Node(name, clean("".join(texts)), tuple(attributes.items()), children)


def each(name: str, texts: Iterable[str]) -> list[Node]:
    """Give one element a text."""
    return [element(name, text) for text in texts]


def told(name: str, text: str | None, **attributes: str) -> Node | None:
    """Give an element of a text, None where there is nothing to tell."""
    return element(name, text, **attributes) if text else None


def clean(text: str) -> str:
    """Give text as XML may hold it: what cannot be printed becomes a blank."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def number(value: float) -> str:
    """Write a number as short as 15 digits allow."""
    return f"{value:.15g}"


def numbers(values: Iterable[float]) -> str:
    """Write numbers with blanks between."""
    return " ".join(number(value) for value in values)
