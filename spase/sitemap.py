"""Sitemap: the pages of all records, for search engines, by the rules of sitemaps.org."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from xml.sax.saxutils import escape

from vo_server.record_address import page_url

MOST = 50_000  # pages of one sitemap
_SPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
_BATCH = 500


def sitemap(base_url: str, identities: Iterable[tuple[str, str, int]]) -> Iterator[bytes]:
    """Write the pages of records, given with id, kind and datestamp, in blocks."""
    yield _start("urlset")
    pages = (
        _place("url", address, stamp)
        for id, _, stamp in identities
        if (address := page_url(base_url, id)) is not None
    )
    while batch := "".join(islice(pages, _BATCH)):
        yield batch.encode()
    yield b"</urlset>\n"


def index(urls: Iterable[str], stamp: int) -> Iterator[bytes]:
    """Write a list of sitemaps."""
    yield _start("sitemapindex")
    yield "".join(_place("sitemap", url, stamp) for url in urls).encode()
    yield b"</sitemapindex>\n"


def _start(name: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{_SPACE}">\n'.encode()


def _place(name: str, url: str, stamp: int) -> str:
    day = datetime.fromtimestamp(stamp, UTC).date()
    return f"<{name}><loc>{escape(url)}</loc><lastmod>{day}</lastmod></{name}>\n"
