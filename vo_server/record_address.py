"""Record address: where a record is below the node's base URL, by its id."""

from urllib.parse import quote

SCHEMES = ("spase", "impex")
FORMS = ("html", "xml", "json")


def page_url(base_url: str, id: str, form: str = "html") -> str | None:
    """Give the URL of a record; None for an id that cannot be part of one."""
    scheme, mark, rest = id.partition("://")
    steps = rest.split("/")
    if not mark or scheme not in SCHEMES or len(steps) < 2 or {"", ".", ".."} & {*steps}:
        return None
    return f"{base_url}/spase/{quote(rest)}.{form}"
