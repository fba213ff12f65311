"""SAMP messages that carry a table: mtype and parameters, made and understood.

Source: IVOA SAMP 1.3 and its list of MTypes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vo_server.errors import BadArgument

# MType by the name of the table format; its own name for what is sent.
MTYPES = {
    "votable": "table.load.votable",
    "cdf": "table.load.cdf",
    "fits": "table.load.fits",
}
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Message:
    """A table at a URL; name: for people; identity: by which later messages call it."""

    mtype: str
    url: str
    name: str = ""
    identity: str = ""

    @property
    def wire(self) -> dict[str, Any]:
        """The message as maps and strings, as every profile sends it."""
        params = {"url": self.url, "name": self.name, "table-id": self.identity or self.url}
        return {
            "samp.mtype": self.mtype,
            "samp.params": {key: text for key, text in params.items() if text},
        }


def load(form: str, url: str, name: str = "") -> Message:
    """Give the message that loads a table in a format; raises BadArgument where SAMP has none."""
    if form not in MTYPES:
        known = ", ".join(MTYPES)
        raise BadArgument(f"SAMP sends tables as {known}, not as {form}", argument="url")
    return Message(MTYPES[form], url, name)


def understood(mtype: str, params: Any) -> Message:
    """Understand a message that came in; raises BadArgument where it is malformed."""
    if mtype not in MTYPES.values():
        raise BadArgument("the message is none that loads a table", argument="samp.mtype")
    url = params.get("url") if isinstance(params, Mapping) else None
    if not isinstance(url, str) or not url:
        raise BadArgument("the message has no url", argument="url")
    name, identity = params.get("name"), params.get("table-id")
    return Message(
        mtype,
        url,
        name[:_LONGEST] if isinstance(name, str) else "",
        identity[:_LONGEST] if isinstance(identity, str) else "",
    )
