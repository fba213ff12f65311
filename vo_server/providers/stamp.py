"""Stamp of files: a word that changes when one of them is written, replaced or made readable."""

from pathlib import Path


def stamp(*paths: Path) -> str:
    """Give the stamp of files together; '' when one of them is gone."""
    try:
        stats = [path.stat() for path in paths]
    except OSError:
        return ""
    return "-".join(
        f"{s.st_mtime_ns:x}.{s.st_ctime_ns:x}.{s.st_size:x}.{s.st_ino:x}" for s in stats
    )
