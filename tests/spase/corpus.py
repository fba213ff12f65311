"""Corpus: as many records as wanted, seeded variations of the real ones."""

import gzip
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from spase.read import read
from spase.record import Record
from spase.rows import row
from spase.write import write
from vo_server.budget import Budget
from vo_server.row import OWN, Row

# Trees of which the first records are varied; larger ones take long to read.
_TREES = ("LATMOS", "FMI_HYB", "SINP", "CLWEB")
_OF_EACH = 40
_WORDS = ("shock", "sheath", "ionosphere", "flux", "wake", "tail", "comet", "proton", "oxygen")


@cache
def originals(shared: Path) -> tuple[Record, ...]:
    """Give real records of both data models."""
    found: list[Record] = []
    for name in _TREES:
        for path in sorted((shared / "standards/impex/trees" / name).rglob("*.xml*")):
            content = path.read_bytes()
            packed = path.suffix == ".gz"
            records, _ = read(gzip.decompress(content) if packed else content, Budget())
            found += [record for record in records if record.judge][:_OF_EACH]
    for path in sorted((shared / "standards/spase/records").rglob("*.xml")):
        found += read(path.read_bytes(), Budget())[0]
    return tuple(found)


def corpus(
    shared: Path, count: int, seed: int = 1, source: str = OWN,
    fits: Callable[[Row], bool] = lambda row: True,
) -> Iterator[Row]:  # fmt: skip
    """Give rows made of real records that `fits` takes, each with an id and words of its own."""
    rows = [row(record, source, write(record)) for record in originals(shared)]
    chosen = [made for made in rows if fits(made)]
    dice = random.Random(seed)
    for number in range(count):
        made = chosen[number % len(chosen)]
        yield varied(made, f"V{number:05d}", " ".join(dice.sample(_WORDS, 4)))


def varied(made: Row, name: str, words: str) -> Row:
    """Give a row with a step more in its id and other words in its title and description."""
    id, title = f"{made.id}/{name}", f"{made.title} {name}"
    content = made.content
    for tag, before, after in (
        ("ResourceID", made.id, id),
        ("ResourceName", made.title, title),
        ("Description", made.description, f"{made.description} {words}"),
    ):
        old = f"<{tag}>{_text(before)}</{tag}>".encode()
        content = content.replace(old, f"<{tag}>{_text(after)}</{tag}>".encode(), 1)
    return replace(
        made, id=id, title=title, description=f"{made.description} {words}", content=content
    )


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
