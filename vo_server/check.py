"""Check: what a checker found wrong with a file, a folder or a service, and who checks what."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from vo_server import plugins
from vo_server.budget import Budget
from vo_server.errors import BadArgument, excerpt

GROUP = "vo_server.checkers"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    rule: its short name, such as 'unit'; message: one sentence; line: number in a file, from 1
    on, None where there is none; path: file, URL or element that it is about; level: a warning
    breaks no rule of the standard.
    """

    rule: str
    message: str
    line: int | None = None
    path: str = ""
    level: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.path, self.line) if part)
        level = "warning: " if self.level == "warning" else ""
        return f"{place}{': ' if place else ''}{level}{self.rule}: {self.message}"


@runtime_checkable
class Checker(Protocol):
    """Checks targets of one kind; found under its entry-point name in `vo_server.checkers`."""

    def recognises(self, target: str) -> bool:
        """Tell by the name of a target alone whether it is one of this kind."""
        ...

    def check(self, target: str, budget: Budget) -> Iterator[Finding]:
        """Give what is wrong; raises a Refusal where the target cannot be checked at all."""
        ...


def checker(target: str, name: str | None = None) -> Checker:
    """Give the checker of this name, else the one that recognises the target.

    Raises BadArgument where there is none, or the target is a path where nothing is.
    """
    if name is not None:
        return _load(name)
    for known in plugins.installed(GROUP):
        candidate = _load(known)
        if candidate.recognises(target):
            return candidate
    if "://" not in target and not Path(target).exists():
        raise BadArgument(f"there is no {excerpt(target)}", argument="target")
    kinds = ", ".join(plugins.installed(GROUP))
    raise BadArgument(f"nothing here checks such a target; say --as one of: {kinds}", argument="as")


def _load(name: str) -> Checker:
    made: Any = plugins.load(GROUP, name)()
    assert isinstance(made, Checker)
    return made
