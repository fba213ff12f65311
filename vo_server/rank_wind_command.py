"""Command `vo-server rank-wind`: which run's solar wind comes nearest to an observed one."""

from pathlib import Path

import click


@click.command("rank-wind")
@click.argument("observed")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default="node.toml",
    show_default=True,
    help="Node file.",
)
@click.option("--body", required=True, help="Body of the runs.")
@click.option("--start", help="First time of the interval [default: all].")
@click.option("--stop", help="Time at which the interval ends [default: all].")
@click.option(
    "--variable", "variables", multiple=True, help="Quantity, such as Density; may be repeated."
)
@click.option(
    "--column", "columns", multiple=True, metavar="NAME=COLUMN", help="Where OBSERVED has it."
)
@click.option("--count", type=click.IntRange(min=1), default=10, show_default=True)
def rank_wind(  # noqa: PLR0913, PLR0917  # one a command-line option
    observed: str,
    config: Path,
    body: str,
    start: str | None,
    stop: str | None,
    variables: tuple[str, ...],
    columns: tuple[str, ...],
    count: int,
) -> None:
    """Rank runs by their solar wind against medians of OBSERVED, a file or a URL.

    OBSERVED is a table, or data of a HAPI server, of Density, Utot, Temperature, Btot and the
    like with their units.
    """
    from vo_server.cli import opened
    from vo_server.context import providers
    from vo_server.model.time import parse_time
    from vo_server.ranking import body_of
    from vo_server.registry import Registry
    from vo_server.settings import load
    from vo_server.wind import columns_of, nearest_runs, observe

    settings = load(config)
    span = tuple(
        None if text is None else parse_time(text, argument=name)
        for name, text in (("start", start), ("stop", stop))
    )
    with opened(observed, settings, settings.limits.budget(), "OBSERVED") as tables:
        seen = observe(
            tables, variables, (span[0], span[1]), columns_of(columns), argument="OBSERVED"
        )
    for one in seen:
        click.echo(
            f"{one.name}: {one.median:.6g} +- {one.spread:.3g} of {one.count} values", err=True
        )
    found = nearest_runs(Registry(providers(settings)), body_of(body), seen, count)
    for place, run in enumerate(found, 1):
        click.echo(f"{place:4} {run.id} {run.ranked.distance:.6g}")
