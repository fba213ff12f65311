"""Harvester: what brings records of other places here; a plug-in for each kind of place."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vo_server.budget import Budget
from vo_server.fetch import Fetcher
from vo_server.row import Row, SourceState
from vo_server.settings import Settings

GROUP = "vo_server.harvesters"


@dataclass(slots=True)
class Haul:
    """What one source brings.

    source: its name, that of the `[[harvest]]` table with more behind a dot where one place has
    several; rows: None where nothing is new. While these are taken the others are filled in:
    complete: whether they are all there are, so that others are gone; etag, modified, cursor: with
    what to ask next time; document: a file with the original, which becomes the source's own.
    """

    source: str
    rows: Iterable[Row] | None = None
    complete: bool = True
    etag: str = ""
    modified: str = ""
    cursor: str = ""
    document: Path | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a harvester works.

    source: name of its table; folder: where relative paths start; fetcher: for every URL; kept:
    folder of the originals; state: tells how it stands with a source.
    """

    source: str
    folder: Path
    fetcher: Fetcher
    kept: Path
    state: Callable[[str], SourceState]

    def part(self, source: str) -> Path:
        """Give the file that an original is brought into before it is known to be good."""
        self.kept.mkdir(parents=True, exist_ok=True)
        return self.kept / f".{source}.part"


class Harvester(Protocol):
    """A source of records, constructed with its validated `Options` and its `Ground`."""

    def hauls(self, budget: Budget) -> Iterator[Haul]:
        """Give each source in it; raises a Refusal where the place cannot be asked at all.

        A source that fails does so while its rows are taken, and takes no other with it.
        """
        ...


def kept_in(settings: Settings) -> Path:
    """Give the folder of the originals."""
    return settings.state / "harvested"


def document(kept: Path, source: str) -> Path:
    """Give the file of the last good original of a source."""
    return kept / f"{source}.xml"


def listing(kept: Path, source: str) -> Path:
    """Give the file in which a harvester keeps a list of what a source had."""
    return kept / f"{source}.files"
