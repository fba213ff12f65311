"""Work: from files to the texts that publish them, and what is then served of them."""

import difflib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from vo_server import plugins
from vo_server.errors import BadArgument, BadFile, Refusal
from vo_server.model.dataset import DATASET_FILE, parse_dataset
from vo_server.model.resource import Kind
from vo_server.model.run import RUN_FILE, parse_run
from vo_server.ports import Look, Looker
from vo_server.publish.dataset_file import dataset_text
from vo_server.publish.doubt import Answers
from vo_server.publish.run_file import Origin, run_text

_PROVIDERS = "vo_server.providers"


@dataclass(slots=True)
class Plan:
    """What is to be written: texts by path; remarks: for people; wanted: files by provider."""

    texts: dict[Path, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    wanted: dict[str, list[Path]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    use: str
    look: Look


def look_at(path: Path) -> tuple[str, Look]:
    """Give the provider that reads a file and what it tells; raises BadFile with every reason."""
    reasons = []
    for use in plugins.installed(_PROVIDERS):
        provider = plugins.load(_PROVIDERS, use)
        if not hasattr(provider, "look"):
            continue
        try:
            return use, cast(Looker, provider).look(path)
        except Refusal as err:
            reasons.append(f"{use}: {err.message}")
    raise BadFile(f"{path}: nothing here reads it ({'; '.join(reasons)})")


def plan(files: Sequence[Path], authority: str, answers: Answers, today: str) -> Plan:
    """Look at files and give what would publish them.

    Raises BadFile for a file that nothing reads and for a text that would be wrong, BadArgument
    where files of several kinds are in one folder. Where answers are missing the plan is of no use.
    """
    made = Plan()
    for folder, found in _folders(files).items():
        kinds = {each.look.kind for each in found}
        if len(kinds) > 1:
            raise BadArgument(f"{folder} has a simulation and time series; give each a folder")
        origin = Origin(authority, folder.name, today)
        if kinds == {Kind.OUTPUT}:
            _run(folder, found, answers, origin, made)
        else:
            _series(folder, found, answers, origin, made)
    return made


def _folders(files: Sequence[Path]) -> dict[Path, list[_Found]]:
    folders: dict[Path, list[_Found]] = {}
    for file in dict.fromkeys(path.resolve() for path in files):
        use, look = look_at(file)
        folders.setdefault(file.parent, []).append(_Found(file, use, look))
    return folders


def _run(
    folder: Path, found: Sequence[_Found], answers: Answers, origin: Origin, made: Plan
) -> None:
    path = folder / RUN_FILE
    before = _read(path)
    looks = {each.path.name: each.look for each in found}
    text, remarks = run_text(before, looks, answers, origin)
    if not answers.missing:
        parse_run(text, origin.authority)
    made.texts[path] = text
    made.remarks += remarks
    for each in found:
        made.wanted.setdefault(each.use, []).append(each.path)


def _series(
    folder: Path, found: Sequence[_Found], answers: Answers, origin: Origin, made: Plan
) -> None:
    path = folder / DATASET_FILE
    text = _read(path)
    if not text:
        looks = {each.path.name: each.look for each in found}
        text, remarks = dataset_text(looks, answers, origin)
        made.remarks += remarks
    else:
        made.remarks.append(f"{path.name} is there already and stays as it is")
    if not answers.missing:
        parse_dataset(text, origin.authority)
    made.texts[path] = text
    made.wanted.setdefault(found[0].use, []).append(path)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as err:
        raise BadFile(f"{path} cannot be read: {err}") from err


def changes(path: Path, text: str) -> Iterator[str]:
    """Give the lines that differ between a file and a text, none where they are alike."""
    before = _read(path)
    return difflib.unified_diff(
        before.splitlines(), text.splitlines(), str(path), str(path), lineterm="", n=1
    )


def write(path: Path, text: str) -> None:
    """Put a text in the place of a file, all of it or nothing; raises BadArgument."""
    if _read(path) == text:
        return
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as err:
        raise BadArgument(f"cannot write {path}: {err.strerror}", argument="FILE") from err
    finally:
        part.unlink(missing_ok=True)
