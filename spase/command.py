"""Command `vo-server export`: writes the node's records as files, the path of each its id."""

import sys
from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default="node.toml",
    show_default=True,
    help="Node file.",
)
def export(folder: Path, config: Path) -> None:
    """Write the node's own records into FOLDER, as registries lay them out.

    Files that were written here before and have no record any more are removed; any other file
    stays as it is. Exit status 1 where one stood in the way.
    """
    from threading import Event

    from spase.export import Export
    from spase.own import told_by
    from vo_server.check import Finding
    from vo_server.context import Context
    from vo_server.settings import load

    context = Context(load(config), Event())
    try:
        with Export(folder) as made:
            for found in told_by(context):
                if isinstance(found, Finding):
                    click.echo(f"note: {found.message}", err=True)
                else:
                    made.put(found)
    finally:
        context.close()
    click.echo(f"{made.written} written, {made.same} as they were, {made.removed} removed")
    for path in made.in_the_way:
        click.echo(f"left alone: {path} was not written here", err=True)
    if made.in_the_way:
        sys.exit(1)
