"""Row: one record as the store keeps it: the bytes it came in, and what it is found by."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import orjson

from vo_server.check import Finding

OWN = "node"  # the source of what the node tells of itself

Facets = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Row:
    """A record of a source.

    kind: what it is, such as 'NumericalOutput'; content: a document of its own, as it came;
    source: where it comes from, `OWN` for the node itself; namespace, version: what the document
    says; judge: name of the data model that judged it, '' for none; facets: words of closed lists
    by the name of the list, such as 'region'; start, stop: the time it covers, None where that is
    not known or open; forms: documents that it is given away as, by their prefixes, as far as they
    are kept (see `vo_server.record_format`); the store gives them back only where they are asked.

    The store tells the rest: datestamp, created: seconds since 1970 UTC of its last change and of
    its first; revision: number of the last; deleted: whether only this is left to say of it.
    """

    id: str
    kind: str
    content: bytes
    source: str = OWN
    namespace: str = ""
    version: str = ""
    judge: str = ""
    title: str = ""
    description: str = ""
    parent: str = ""
    start: np.datetime64 | None = None
    stop: np.datetime64 | None = None
    facets: Facets = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    forms: Mapping[str, bytes] = field(default_factory=dict)
    datestamp: int = 0
    created: int = 0
    revision: int = 0
    deleted: bool = False

    @property
    def authority(self) -> str:
        """The naming authority in its id; '' where there is none."""
        return authority(self.id)

    @property
    def place(self) -> tuple[int, str]:
        """Where it stands in the order of changes."""
        return self.revision, self.id


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; an empty member asks for nothing.

    words: all of them somewhere in it, or any where `any_word`; kinds, sources: any of them;
    facets: of each list any of the words, or one below it ('Earth' finds 'Earth.Magnetosheath');
    start, stop: overlapped by the time it covers; start_of_id: with which its id begins.
    """

    words: str = ""
    kinds: tuple[str, ...] = ()
    authority: str = ""
    sources: tuple[str, ...] = ()
    facets: Facets = field(default_factory=dict)
    parent: str = ""
    start: np.datetime64 | None = None
    stop: np.datetime64 | None = None
    start_of_id: str = ""
    any_word: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """What an update did to the rows of its source; doubled: ids that came more than once."""

    new: int = 0
    modified: int = 0
    deleted: int = 0
    doubled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceState:
    """How it stands with a source.

    tried, succeeded: seconds since 1970 UTC of the last try and the last that went well, None for
    never; etag, modified: what the peer said of its last good answer; cursor: where to go on, in
    the words of the peer's protocol; error: why the last try failed, '' where it did not.
    """

    name: str
    tried: int | None = None
    succeeded: int | None = None
    etag: str = ""
    modified: str = ""
    cursor: str = ""
    error: str = ""


def authority(id: str) -> str:
    """Give the naming authority of an id such as `spase://CNES/NumericalData/...`."""
    return id.partition("://")[2].partition("/")[0]


def packed(row: Row) -> tuple[str, str]:
    """Give what is kept of a row as JSON, and a digest of everything that may change in it."""
    more = orjson.dumps(
        {
            "namespace": row.namespace,
            "version": row.version,
            "judge": row.judge,
            "description": row.description,
            "facets": {name: list(values) for name, values in sorted(row.facets.items())},
            "findings": [asdict(finding) for finding in row.findings],
        }
    )
    digest = hashlib.sha256(more)
    for part in (row.kind, row.title, row.parent, str(row.start), str(row.stop)):
        digest.update(b"\0" + part.encode())
    digest.update(b"\0" + row.content)
    for prefix, content in sorted(row.forms.items()):
        digest.update(b"\0" + prefix.encode() + b"\0" + content)
    return more.decode(), digest.hexdigest()


def unpacked(fields: Any, forms: Mapping[str, bytes] | None = None) -> Row:
    """Make a row of what is kept, given by the names of the columns; see `packed`."""
    more = orjson.loads(fields["more"])
    return Row(
        fields["id"], fields["kind"], fields["content"], fields["source"],
        more["namespace"], more["version"], more["judge"],
        fields["title"], more["description"], fields["parent"],
        _moment(fields["start"]), _moment(fields["stop"]),
        {name: tuple(values) for name, values in more["facets"].items()},
        tuple(Finding(**finding) for finding in more["findings"]), forms or {},
        fields["stamp"], fields["created"], fields["revision"], bool(fields["deleted"]),
    )  # fmt: skip


def seconds(moment: np.datetime64 | None) -> int | None:
    """Give a time as whole seconds since 1970 UTC."""
    return None if moment is None else int(moment.astype("datetime64[s]").astype(np.int64))


def _moment(stored: int | None) -> np.datetime64 | None:
    return None if stored is None else np.datetime64(stored, "s")
