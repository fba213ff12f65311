"""Command `vo-server publish`: describes bare files so that a node serves them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vo_server.publish.doubt import Answers, Doubt
    from vo_server.publish.work import Plan

_FLAGS = (
    ("authority", "Naming authority, where there is no node file yet."),
    ("model", "Name of the model."),
    ("model-type", "How it computes: MHD, Hybrid, PIC, TestParticle, Analytic, ..."),
    ("run", "Name of the run [default: its folder]."),
    ("title", "Title of the run or series."),
    ("body", "Body at the origin, such as Mars."),
    ("body-radius", "Its radius in the model, such as '3390 km'."),
    ("inner-boundary", "Radius of the model's obstacle, such as '3600 km'."),
    ("frame", "Frame of positions and vectors, such as MSO."),
    ("grid", "Where values lie: at the nodes of the axes, or amid cells that begin there."),
    ("axis-unit", "Unit of axes that have none: km, m, or Rp for radii of the body."),
    ("id", "Id of a time series."),
    ("mission", "Spacecraft of a time series."),
    ("instrument", "Instrument of a time series."),
    ("pattern", "Pattern of the files of a time series."),
)


def _flags(command: click.Command) -> click.Command:
    for name, told in reversed(_FLAGS):
        command = click.option(f"--{name}", help=told)(command)
    return command


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default="node.toml",
    show_default=True,
    help="Node file.",
)
@click.option("--unit", "units", multiple=True, metavar="NAME=UNIT", help="May be repeated.")
@click.option("--check", is_flag=True, help="Change nothing; say what would be.")
@_flags  # type: ignore[arg-type]
def publish(
    files: tuple[Path, ...], config: Path, units: tuple[str, ...], check: bool, **flags: str | None
) -> None:
    """Look into FILES and write, or extend, the run.toml or dataset.toml beside them.

    What no file tells is asked for, or taken from the options; what was written by hand stays.
    """
    from datetime import UTC, datetime

    from vo_server.errors import BadArgument
    from vo_server.publish.work import plan

    given = {name.replace("_", "-"): text for name, text in flags.items() if text is not None}
    for unit in units:
        name, _, text = unit.partition("=")
        given[f"unit {name}=..."] = text
    authority = _authority(config, given)
    answers = _answers(given)
    today = datetime.now(UTC).date().isoformat()
    made = plan(files, authority, answers, today)
    if answers.missing:
        told = {str(doubt): doubt.flag for doubt in answers.missing}
        for line in told:
            click.echo(line, err=True)
        wanted = ", ".join(f"--{flag}" for flag in dict.fromkeys(told.values()))
        raise BadArgument(f"the files do not tell everything; give {wanted}")
    _carry_out(made, config.resolve(), authority, check)


def _authority(config: Path, given: dict[str, str]) -> str:
    from vo_server.errors import BadArgument
    from vo_server.settings import load

    if config.is_file():
        return load(config).node.authority
    if not given.get("authority"):
        raise BadArgument(f"there is no {config}; give its naming --authority", argument="config")
    return given["authority"]


def _answers(given: dict[str, str]) -> "Answers":
    """Ask on a terminal, and nobody elsewhere."""
    from vo_server.publish.doubt import Answers

    known: dict[str, str] = {}

    def ask(doubt: "Doubt") -> str:
        if doubt.flag not in known:
            click.echo(doubt.why)
            kind = click.Choice(doubt.choices, case_sensitive=False) if doubt.choices else None
            likely = doubt.suggestion or None if kind else doubt.suggestion
            answer = click.prompt(doubt.asks, default=likely, type=kind, show_default=True)
            known[doubt.flag] = str(answer)
        return known[doubt.flag]

    return Answers(given, ask if sys.stdin.isatty() else None)


def _carry_out(made: "Plan", config: Path, authority: str, check: bool) -> None:
    """Write what is planned and say what is served of it; with `check` only say it."""
    from vo_server.publish.node_file import node_text
    from vo_server.publish.work import changes, write

    before = config.read_text(encoding="utf-8") if config.is_file() else ""
    texts = {**made.texts, config: node_text(before, authority, config.parent, made.wanted)}
    for remark in made.remarks:
        click.echo(f"note: {remark}")
    for path, text in texts.items():
        lines = list(changes(path, text))
        for line in lines if check else ():
            click.echo(line)
        if lines and not check:
            write(path, text)
            click.echo(f"wrote {path}")
    if not check:
        _served(config, {str(path) for files in made.wanted.values() for path in files})


def _served(config: Path, files: set[str]) -> None:
    """Say what a node serves of files, and what not and why."""
    from vo_server.context import providers
    from vo_server.errors import BadFile
    from vo_server.registry import Registry
    from vo_server.settings import load

    registry = Registry(providers(load(config)))
    for resource in registry.all():
        if resource.source in files:
            click.echo(f"serves {resource.id}")
    refused = [item for item in registry.refused() if item.source in files]
    for item in refused:
        click.echo(f"refused {item.source}: {item.reason}", err=True)
    if refused:
        raise BadFile(f"{len(refused)} of the files cannot be served yet")
