"""The reference files at hand are those that the list names."""

import hashlib
import re
import tomllib
from pathlib import Path

_TESTS = Path(__file__).parents[1]
_LIST = tomllib.loads((_TESTS / "references.toml").read_text(encoding="utf-8"))


def _listed() -> dict[str, str]:
    return {name: digest for source in _LIST["sources"] for name, digest in source["files"].items()}


def test_every_file_has_its_digest(shared: Path) -> None:
    for name, digest in _listed().items():
        assert hashlib.sha256((shared / name).read_bytes()).hexdigest() == digest, name


def test_every_file_that_a_test_names_is_listed() -> None:
    folders = {str(Path(name).parent) for name in _listed()} | set(_listed())
    named: set[str] = set()
    for path in _TESTS.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r'shared / f?"((?:data|standards)/[^"{]*)', text))
    assert named
    for name in named:
        known = any(f == name.rstrip("/") or f.startswith(name) for f in folders)
        assert known or name == "data", name
