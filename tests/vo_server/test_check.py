"""Checkers: the one asked for, else the one that knows the target by its name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vo_server import check, plugins
from vo_server.budget import Budget
from vo_server.errors import BadArgument


class Tea:
    """Checks everything that ends in .tea."""

    def recognises(self, target: str) -> bool:
        return target.endswith(".tea")

    def check(self, target: str, budget: Budget) -> Iterator[check.Finding]:
        yield check.Finding("cold", "it is cold", 3, target)


@pytest.fixture(autouse=True)
def _one_checker(monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, Any] = {"tea": Tea}
    monkeypatch.setattr(plugins, "installed", lambda group: known)
    monkeypatch.setattr(plugins, "load", lambda group, name: known[name])


def test_by_name_and_by_target(tmp_path: Path) -> None:
    for found in (check.checker("a.tea"), check.checker("a.pot", "tea")):
        assert isinstance(found, Tea)
    with pytest.raises(BadArgument, match="say --as one of: tea"):
        check.checker(str(tmp_path))
    with pytest.raises(BadArgument, match="say --as one of: tea"):
        check.checker("http://example.org/pot")
    with pytest.raises(BadArgument, match=r"there is no .*a\.pot"):
        check.checker("a.pot")


def test_a_finding_as_a_line() -> None:
    (finding,) = check.checker("a.tea").check("a.tea", Budget())
    assert str(finding) == "a.tea:3: cold: it is cold"
    assert str(check.Finding("cold", "it is cold")) == "cold: it is cold"
