"""Leaf: one HTML page for people, with what machines read in it as JSON-LD."""

from collections.abc import Sequence

import orjson
from lxml import html
from lxml.html import builder as E

# Sent along with every page: nothing in it is ever run or guessed at.
SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}
_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } th, td { text-align: left; padding: .2rem 1rem .2rem 0 }
th, td { vertical-align: top } code { font-size: .9rem } .quiet { color: #555 }
"""


def plain(text: str) -> str:
    """Give a text without control characters, which XML and HTML cannot hold."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in text)


def render(title: str, body: Sequence[html.HtmlElement], described: object = None) -> bytes:
    """Give the page as UTF-8 HTML; described: a JSON-LD object, None for none."""
    head = [
        E.META(charset="utf-8"),
        E.META(name="viewport", content="width=device-width, initial-scale=1"),
        E.TITLE(plain(title)),
        E.STYLE(_STYLE),
    ]
    if described is not None:
        text = orjson.dumps(described).decode().replace("<", "\\u003c")
        head.append(E.SCRIPT(text, type="application/ld+json"))
    page = E.HTML(E.HEAD(*head), E.BODY(*body), lang="en")
    return bytes(html.tostring(page, doctype="<!DOCTYPE html>", encoding="utf-8"))
