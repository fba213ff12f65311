"""The shelf: what was put on it is given out whole, and nothing else."""

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from votable.shelf import open_shelf


def test_files_are_given_out_under_names_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "a table.vot"
    path.write_bytes(b"<VOTABLE/>")
    with open_shelf() as shelf:
        urls = {shelf.put(path, "application/x-votable+xml") for _ in range(2)}
        assert len(urls) == 2
        for url in urls:
            assert url.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(url, timeout=30) as answer:
                assert answer.read() == b"<VOTABLE/>"
                assert answer.headers["Content-Disposition"] == 'inline; filename="a_table.vot"'
        root = url.rpartition("/")[0]
        for bad in (f"{root}/", f"{root}/b.vot", f"{root}/../a.vot", f"{url}?x"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(bad, timeout=30)
        shelf.drop(url)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(url, timeout=30)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=30)
