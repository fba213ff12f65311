"""Page: a record, or all of them, for people; whatever is in a record is text and nothing else."""

from collections.abc import Iterable, Sequence

from lxml import html
from lxml.html import builder as E

from spase.json_ld import described
from spase.record import COMMENT, Node
from spase.rows import record_of
from vo_server.leaf import plain, render
from vo_server.record_address import FORMS, page_url
from vo_server.records import Count
from vo_server.row import Row, SourceState

_MOST = 5000  # elements shown of one record


def record_page(row: Row, base_url: str) -> bytes:
    """Give the page of a record."""
    record = record_of(row)
    said = f"{row.kind}, SPASE {row.version}" if row.version else row.kind
    forms = [
        link for form in FORMS[1:] if (address := page_url(base_url, row.id, form)) is not None
        for link in (E.A(form.upper(), href=address), " ")
    ]  # fmt: skip
    body = [
        E.H1(plain(row.title)),
        E.P(E.CODE(plain(row.id)), E.BR(), E.SPAN(E.CLASS("quiet"), plain(said)), " ", *forms),
        *_findings(row),
        _Shown(base_url).table(record.resource),
    ]
    return render(row.title, body, described(row, record, base_url))


def front_page(
    title: str, base_url: str, counts: Iterable[Count], states: Iterable[SourceState]
) -> bytes:
    """Give the page of the registry: what there is, and how to look for it."""
    held: dict[str, dict[str, int]] = {}
    for count in counts:
        if not count.deleted:
            kinds = held.setdefault(count.authority, {})
            kinds[count.kind] = kinds.get(count.kind, 0) + count.records
    rows = [
        E.TR(E.TD(E.CODE(plain(name or "none"))), E.TD(plain(_counted(kinds))))
        for name, kinds in sorted(held.items())
    ]
    body = [
        E.H1(plain(f"{title}: records")),
        E.P("Records of SPASE, each as a page, as XML and as JSON."),
        E.P(*(part for name, path in _PLACES for part in
              (E.A(name, href=f"{base_url}{path}"), " "))),
        E.TABLE(E.TR(E.TH("authority"), E.TH("records")), *rows),
        *_sources(states),
    ]  # fmt: skip
    return render(f"{title}: records", body)


_PLACES = (
    ("all pages", "/spase/sitemap.xml"),
    ("OAI-PMH", "/oai?verb=Identify"),
    ("status", "/spase/status?i=1"),
)


def _counted(kinds: dict[str, int]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))


def _sources(states: Iterable[SourceState]) -> list[html.HtmlElement]:
    told = [E.LI(plain(f"{s.name}: {s.error or 'well'}")) for s in states]
    return [E.H2("Sources"), E.UL(*told)] if told else []


def _findings(row: Row) -> Sequence[html.HtmlElement]:
    if not row.findings:
        return ()
    told = [E.LI(plain(f"{finding.rule}: {finding.message}")) for finding in row.findings[:20]]
    return (E.P("What is wrong with this record:"), E.UL(*told))


class _Shown:
    """The elements of a record as nested tables, up to a number of them."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._left = _MOST

    def table(self, node: Node) -> html.HtmlElement:
        """Give what is in an element as a table."""
        rows = []
        for child in node.children:
            if child.name == COMMENT or self._left <= 0:
                continue
            self._left -= 1
            inside = self.table(child) if child.children else self._text(child.text.strip())
            rows.append(E.TR(E.TH(plain(child.name)), E.TD(inside)))
        return E.TABLE(*rows)

    def _text(self, text: str) -> html.HtmlElement | str:
        """Give a text, and a link where it is the id of a record or the URL of a page."""
        if text.startswith(("https://", "http://")) and " " not in text:
            return E.A(plain(text), href=plain(text), rel="nofollow noopener")
        address = page_url(self._base_url, text) if " " not in text else None
        return plain(text) if address is None else E.A(plain(text), href=address)
