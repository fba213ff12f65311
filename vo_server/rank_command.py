"""Command `vo-server rank`: which run comes nearest to what a spacecraft observed."""

from pathlib import Path

import click


@click.command()
@click.argument("observed")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default="node.toml",
    show_default=True,
    help="Node file.",
)
@click.option(
    "--variable", "variables", multiple=True, required=True, help="Parameter; may be repeated."
)
@click.option("--body", default="", help="Body of the runs [default: any].")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the flown series, one VOTable an output.",
)
def rank(
    observed: str, config: Path, variables: tuple[str, ...], body: str, keep: Path | None
) -> None:
    """Fly every output along OBSERVED, a file or a URL, and rank them by misfit.

    OBSERVED is a table with X, Y, Z and the named variables, each with its unit.
    """
    from rich.console import Console
    from rich.progress import track

    from vo_server.cli import Reader
    from vo_server.context import providers
    from vo_server.misfit import ranked
    from vo_server.model.resource import Resource
    from vo_server.model.trajectory import Trajectory
    from vo_server.observation import comparable, compared
    from vo_server.plugins import format_named
    from vo_server.registry import Registry
    from vo_server.settings import load

    settings = load(config)
    registry = Registry(providers(settings))
    outputs = comparable(registry, variables, body)
    budget = settings.limits.budget()

    def read(resource: Resource) -> Trajectory:
        return Reader(settings, registry, resource, budget).trajectory(observed, "OBSERVED")

    console = Console(stderr=True)
    steps = track(
        compared(read, variables, outputs, budget),
        "flying",
        len(outputs),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    found = ranked(list(steps))
    for place, misfit in enumerate(found, 1):
        told = misfit.why or f"{misfit.value:.6g} over {misfit.points} points"
        click.echo(f"{place:4} {misfit.output} {told}")
        if keep is not None and misfit.flown is not None:
            keep.mkdir(parents=True, exist_ok=True)
            name = f"{place:04}_{misfit.output.rpartition('/')[2]}.vot"
            with (keep / name).open("wb") as file:
                file.writelines(format_named("votable").write([misfit.flown]))
