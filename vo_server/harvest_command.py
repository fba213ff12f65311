"""Command `vo-server harvest`: asks the sources of the node file now."""

import sys
from pathlib import Path

import click


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default="node.toml",
    show_default=True,
    help="Node file.",
)
def harvest(names: tuple[str, ...], config: Path) -> None:
    """Harvest the sources called NAMES now, all of the node file where none is named.

    Without NAMES, the records of sources that the node file does not name any more are deleted.
    Exit status 1 where one failed.
    """
    from threading import Event

    from vo_server.context import Context
    from vo_server.errors import BadArgument
    from vo_server.harvest import forget_unset, run
    from vo_server.settings import load

    settings = load(config)
    known = {source.name: source for source in settings.harvest}
    if missing := [name for name in names if name not in known]:
        told = ", ".join(known) or "none"
        raise BadArgument(f"no source {', '.join(missing)}; there are: {told}", argument="NAMES")
    context = Context(settings, Event())
    failed = False
    try:
        for gone in () if names else forget_unset(context):
            click.echo(f"{gone}: no longer in the node file, its records are deleted")
        for name in names or known:
            for outcome in run(context, known[name]):
                failed |= bool(outcome.error)
                click.echo(_line(outcome))
    finally:
        context.close()
    if failed:
        sys.exit(1)


def _line(outcome: object) -> str:
    from vo_server.harvest import Outcome

    assert isinstance(outcome, Outcome)
    if outcome.changes is None:
        return f"{outcome.source}: {outcome.error}"
    changes = outcome.changes
    told = f"{changes.new} new, {changes.modified} changed, {changes.deleted} gone"
    more = f", {len(changes.doubled)} more than once" if changes.doubled else ""
    return f"{outcome.source}: {told}{more}"
