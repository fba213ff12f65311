"""Report: rows of measurements, and the page of the documentation that is made of them."""

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

PAGE = Path("docs/performance.md")
_HEAD = """# Performance

This page is written by `make bench`. Each row is the time of a peer divided by ours, of the same
work on the same arrays in the same run: above 1 we are quicker. Losses are shown as they came. The
machines that measure are shared, so a ratio may differ by a third from run to run.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: seconds of ours and of the peer's, and the ratio that is wanted, if any."""

    what: str
    ours: str
    peer: str
    seconds: float
    peer_seconds: float
    target: float | None

    @property
    def ratio(self) -> float:
        """How many times quicker ours is."""
        return self.peer_seconds / self.seconds


def machine() -> str:
    """Say where this runs."""
    cores = os.cpu_count()
    return f"{platform.machine()}, {cores} cores, Python {platform.python_version()}"


def write_rows(path: Path, title: str, where: str, rows: list[Row], notes: str = "") -> None:
    """Print rows, write them to a file, and make the page of all such files anew."""
    for row in rows:
        wanted = "" if row.target is None else f"   wanted {row.target:.2g}"
        print(f"{row.what:34} {row.ours:20} {row.ratio:8.2f} x {row.peer}{wanted}")
    content = {
        "title": title, "machine": where, "notes": notes, "rows": [asdict(row) for row in rows],
    }  # fmt: skip
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
    write_page(path.parent)


def write_page(folder: Path) -> None:
    """Make the page of the measurements that lie in a folder."""
    parts = [_HEAD]
    for path in sorted(folder.glob("bench-*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        if "rows" not in content:
            continue
        parts += [f"## {content['title']}\n", f"{content['machine']}.\n"]
        if content["notes"]:
            parts.append(f"{content['notes']}\n")
        parts += ["| work | ours | peer | ours, ms | ratio | wanted |", "|---|---|---|---|---|---|"]
        for given in content["rows"]:
            row = Row(**given)
            wanted = "" if row.target is None else f"{row.target:.2g}"
            parts.append(
                f"| {row.what} | {row.ours} | {row.peer} | {row.seconds * 1e3:.3g} "
                f"| {row.ratio:.3g} | {wanted} |"
            )
        parts.append("")
    PAGE.write_text("\n".join(parts), encoding="utf-8")
