"""The pages for people, in a real browser."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conformance.conftest import MarsNode

pytestmark = pytest.mark.conformance

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-logging=stderr", "--window-size=1100,900",
)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/", ("spase://VOSERVER/NumericalOutput/HYB/Mars/RunB-coarse/O+", "/impex/fmi?wsdl",
               "Density", "Mars radii")),
        ("/impex/fmi", ("getDataPointValue", "url_XYZ")),
    ],
)  # fmt: skip
def test_a_browser_shows_the_page(
    mars_node: "MarsNode",
    program: Callable[[str], str],
    tmp_path: Path,
    path: str,
    words: tuple[str, ...],
) -> None:
    done = subprocess.run(
        [program("chromium"), *_FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom",
         f"--screenshot={tmp_path / 'page.png'}", mars_node.url + path],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for word in words:
        assert word in done.stdout
    assert "CONSOLE" not in done.stderr, done.stderr
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
