"""What all tests share: reference files, other people's programs, and sample nodes."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]


def _absent(reason: str) -> None:
    """Skip with a reason, or fail where everything is required."""
    if os.environ.get("VO_REQUIRE_ALL") == "1":
        pytest.fail(f"VO_REQUIRE_ALL=1, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the standards' reference files and of real data."""
    folder = Path(os.environ.get("VO_SHARED", _ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        _absent(f"no reference files at {folder}; set VO_SHARED")
    return folder.resolve()


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Give the path of somebody else's program by its name."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            _absent(f"the program '{name}' is not installed")
        assert path is not None
        return path

    return find
