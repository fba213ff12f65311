"""The command line starts without scientific packages; packages import nothing by themselves."""

import subprocess
import sys

import pytest

_HEAVY = {"numpy", "scipy", "astropy", "netCDF4", "lxml", "spyne", "starlette", "matplotlib",
          "pydantic", "uvicorn"}  # fmt: skip


def _imported(*arguments: str) -> set[str]:
    """Give the top-level packages that a Python command imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def test_help_imports_no_scientific_package() -> None:
    imported = _imported("-m", "vo_server", "--help")
    assert "click" in imported
    assert imported & _HEAVY == set()


@pytest.mark.parametrize(
    "command", ["serve", "demo", "fly", "trace", "resources", "plugins", "check", "samp"]
)
def test_help_of_every_command(command: str) -> None:
    assert _imported("-m", "vo_server", command, "--help") & _HEAVY == set()


@pytest.mark.parametrize(
    "package", ["vo_server", "spase", "impex", "hapi", "votable", "interpolation", "schemas"]
)
def test_packages_import_nothing(package: str) -> None:
    assert _imported("-c", f"import {package}") & _HEAVY == set()
