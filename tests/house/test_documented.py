"""What users rely on stands in the documentation."""

import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import BaseModel

from vo_server import plugins
from vo_server.cli import cli
from vo_server.model.dataset import DatasetFile
from vo_server.model.run import Run
from vo_server.settings import Settings

_DOCS = Path(__file__).parents[2] / "docs"
_ROOT = _DOCS.parent


def _text(name: str) -> str:
    return (_DOCS / name).read_text(encoding="utf-8")


def _commands() -> dict[str, click.Command]:
    """Give every command by its words, those of plug-ins and of groups too."""
    context = click.Context(cli)
    found: dict[str, click.Command] = {}
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": made for inner, made in command.commands.items()}
        else:
            found[name] = command
    return found


@pytest.mark.parametrize("name", sorted(_commands()))
def test_commands_and_options(name: str) -> None:
    reference = _text("reference.md")
    assert f"`vo-server {name}" in reference
    for parameter in _commands()[name].params:
        if parameter.param_type_name == "argument":
            assert parameter.name is not None
            assert parameter.name.upper() in reference
        else:
            assert any(option in reference for option in (*parameter.opts, "-o OUT")), parameter


def _keys(model: Any) -> set[str]:
    """Name every key of a settings model and of those it holds."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        found.add(name)
        inner = [field.annotation, *getattr(field.annotation, "__args__", ())]
        for kind in inner:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found |= _keys(kind)
    return found


@pytest.mark.parametrize("model", [Settings, Run, DatasetFile])
def test_keys_of_the_files_that_people_write(model: Any) -> None:
    page = _text("run-a-node.md")
    missing = {key for key in _keys(model) - {"folder"} if key not in page}
    assert missing == set()


def test_the_examples_of_the_page_are_valid(tmp_path: Path) -> None:
    blocks = _text("run-a-node.md").split("```toml\n")[1:]
    node, run, changing, dataset = (tomllib.loads(block.partition("```")[0]) for block in blocks)
    Settings(**node)
    Run(**run["run"])
    Run(**{**run["run"], **changing["run"]})
    DatasetFile(**dataset["dataset"])


@pytest.mark.parametrize("group", plugins.GROUPS)
def test_plugins(group: str) -> None:
    assert f"`{group}`" in _text("reference.md")
    if group == "vo_server.providers":
        for name in plugins.installed(group):
            assert f"`{name}`" in _text("run-a-node.md")


def test_readme_names_every_provider_and_command() -> None:
    readme = (_ROOT / "README.md").read_text(encoding="utf-8")
    for name in (*plugins.installed("vo_server.providers"), "make demo", "make test"):
        assert name in readme
