"""Record address: where a record is below the node's base URL, by its id."""

from urllib.parse import quote

SCHEMES = ("spase", "impex")
FORMS = ("html", "xml", "json")


def page_url(base_url: str, id: str, form: str = "html") -> str | None:
    """Give the URL of a record; None for an id that has no place here."""
    scheme, mark, rest = id.partition("://")
    if not mark or scheme not in SCHEMES or "/" not in rest:
        return None
    return f"{base_url}/spase/{quote(rest)}.{form}"
