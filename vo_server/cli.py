"""Command line: `vo-server`; each command imports what it needs when it runs."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from vo_server.budget import Budget
    from vo_server.model.resource import Resource
    from vo_server.model.table import Table
    from vo_server.model.trajectory import Trajectory
    from vo_server.registry import Registry
    from vo_server.settings import Settings

_REFUSED = 1
_SPACE = 3

_config = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default="node.toml",
    show_default=True,
    help="Node file.",
)
_method = click.option(
    "--method",
    type=click.Choice(["linear", "nearest", "cubic", "nearest-cell", "corner-averaged"]),
    default="linear",
    show_default=True,
)
_out = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File to write; its extension gives the format.",
)


class _Commands(click.Group):
    """The commands below, and those that plug-ins bring."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_plugged()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in _plugged():
            return own
        command = _plugged()[cmd_name].load()
        assert isinstance(command, click.Command)
        return command


def _plugged() -> dict[str, EntryPoint]:
    """Give the entry points of commands by name; `plugins` would import NumPy for it."""
    return {point.name: point for point in entry_points(group="vo_server.commands")}


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vo-server", prog_name="vo-server")
def cli() -> None:
    """A Virtual Observatory node for space-plasma simulations."""


@cli.command()
@_config
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True)
def serve(config: Path, host: str, port: int, workers: int) -> None:
    """Serve the node until SIGTERM or Ctrl-C."""
    from vo_server import app, server

    settings = _settings(config)
    app.build(settings)  # what is wrong in the node file is said here, once, not by every worker
    server.check_port(host, port)
    click.echo(f"listening on {host}:{port}; public URLs start with {settings.node.base_url}")
    server.serve(config, host, port, workers)


@cli.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default="demo-node",
    show_default=True,
    help="Where the sample node is written.",
)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--serve/--no-serve", default=True, help="Keep serving after the flight.")
@click.option("--samp-hub", is_flag=True, help="Run a SAMP hub on loopback while it serves.")
def demo(folder: Path, port: int, serve: bool, samp_hub: bool) -> None:
    """Write a sample node, fly a spacecraft through it over SOAP, and serve it."""
    from vo_server.demo.show import show

    if not samp_hub:
        show(folder, port, keep=serve)
        return
    from vo_server.demo.hub import hub

    with hub():
        show(folder, port, keep=serve)


@cli.command()
@_config
def resources(config: Path) -> None:
    """List what is served, and each refused file with its reason."""
    from vo_server.model.resource import Kind

    registry = _registry(_settings(config))
    for resource in registry.all():
        click.echo(f"{resource.kind:7} {resource.id}")
        if resource.kind in (Kind.OUTPUT, Kind.ORBIT, Kind.SERIES):
            names = ", ".join(f"{p.name} [{p.unit or '-'}]" for p in resource.parameters)
            click.echo(f"        frame {resource.frame}; {names}")
        for remark in resource.remarks:
            click.echo(f"        note: {remark}")
    for refused in registry.refused():
        click.echo(f"refused {refused.source}: {refused.reason}")


@cli.command()
def plugins() -> None:
    """List the installed plug-ins."""
    from vo_server import plugins as installed

    for group in installed.GROUPS:
        for name, point in installed.installed(group).items():
            click.echo(f"{group.partition('.')[2]:10} {name:14} {point.value}")


@cli.command()
@click.argument("resource")
@click.argument("trajectory")
@_out
@_config
@click.option("--variable", "variables", multiple=True, help="Parameter; may be repeated.")
@_method
@click.option("--status", is_flag=True, help="Add the column Status: why there is no value.")
@click.option("--error", is_flag=True, help="Add an estimate of the error of each parameter.")
def fly(  # noqa: PLR0913, PLR0917  # one a command-line option
    resource: str,
    trajectory: str,
    output: Path,
    config: Path,
    variables: tuple[str, ...],
    method: Any,
    status: bool,
    error: bool,
) -> None:
    """Sample RESOURCE along TRAJECTORY, a file, a URL or the id of a served orbit."""
    from vo_server import sampling
    from vo_server.model.request import SampleRequest

    settings = _settings(config)
    registry = _registry(settings)
    entry = sampling.find_output(registry, resource, variables, argument="RESOURCE")
    budget = settings.limits.budget()
    _keep_apart(trajectory, output)
    read = Reader(settings, registry, entry.resource, budget)
    path = read.trajectory(trajectory, "TRAJECTORY")
    names = sampling.parameter_names(entry.resource, variables, argument="variable")
    source = sampling.source_of(entry, "RESOURCE")
    request = SampleRequest(entry.resource, names, path, method, status, error)
    _write(output, sampling.fly(request, source, budget, argument="TRAJECTORY"), len(path))


@cli.command()
@click.argument("resource")
@click.argument("seeds")
@_out
@_config
@click.option("--quantity", default="B", show_default=True, help="Vector to follow, B or U.")
@click.option("--direction", type=click.Choice(["both", "forward", "backward"]), default="both")
@click.option("--step", help="Step length with unit, such as '50 km' [default: half a cell].")
@click.option("--max-steps", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--radius", help="Lines end below it, with unit [default: the run's boundary].")
@click.option("--tolerance", help="Error of a step, with unit; steps are then chosen by it.")
def trace(  # noqa: PLR0913, PLR0917  # one a command-line option
    resource: str,
    seeds: str,
    output: Path,
    config: Path,
    quantity: str,
    direction: Any,
    step: str | None,
    max_steps: int,
    radius: str | None,
    tolerance: str | None,
) -> None:
    """Trace lines of RESOURCE from SEEDS, a file, a URL or the id of a served orbit."""
    from vo_server import lines, sampling, units
    from vo_server.model.request import LineRequest

    settings = _settings(config)
    registry = _registry(settings)
    wanted = [f"{quantity}{axis}" for axis in "xyz"]
    entry = sampling.find_output(registry, resource, wanted, argument="RESOURCE")
    budget = settings.limits.budget()
    _keep_apart(seeds, output)
    read = Reader(settings, registry, entry.resource, budget)
    start = read.trajectory(seeds, "SEEDS")
    request = LineRequest(
        entry.resource,
        quantity,
        start,
        direction,
        None if step is None else units.quantity(step, "m", argument="step"),
        max_steps,
        None if radius is None else units.quantity(radius, "m", argument="radius"),
        tolerance=None
        if tolerance is None
        else units.quantity(tolerance, "m", argument="tolerance"),
    )
    source = sampling.source_of(entry, "RESOURCE")
    _write(output, lines.follow(request, source, budget, argument="SEEDS"), None)


@cli.command()
@click.argument("resource")
@_out
@_config
@click.option("--point", required=True, help="A point of the plane: '0 km,0 km,1000 km'.")
@click.option("--normal", required=True, help="Its normal in the run's frame: '0,0,1'.")
@click.option("--resolution", help="Distance of the points, with unit [default: smallest cell].")
@click.option("--variable", "variables", multiple=True, help="Parameter; may be repeated.")
@_method
def cut(  # noqa: PLR0913, PLR0917  # one a command-line option
    resource: str,
    output: Path,
    config: Path,
    point: str,
    normal: str,
    resolution: str | None,
    variables: tuple[str, ...],
    method: Any,
) -> None:
    """Sample RESOURCE on a plane."""
    from vo_server import cuts, sampling, units
    from vo_server.errors import BadArgument
    from vo_server.model.request import CutRequest

    settings = _settings(config)
    registry = _registry(settings)
    entry = sampling.find_output(registry, resource, variables, argument="RESOURCE")
    lengths, numbers = point.split(","), normal.split(",")
    if len(lengths) != _SPACE:
        raise BadArgument("point wants three lengths, such as '0 km,0 km,1000 km'")
    x, y, z = (units.quantity(length.strip(), "m", argument="point") for length in lengths)
    try:
        u, v, w = map(float, numbers)
    except ValueError as err:
        raise BadArgument("normal wants three numbers, such as '0,0,1'") from err
    request = CutRequest(
        entry.resource,
        sampling.parameter_names(entry.resource, variables, argument="variable"),
        (x, y, z),
        (u, v, w),
        None if resolution is None else units.quantity(resolution, "m", argument="resolution"),
        method,
    )
    source = sampling.source_of(entry, "RESOURCE")
    _write(output, cuts.cut(request, source, settings.limits.budget()), None)


@cli.command()
@click.argument("target")
@click.option("--as", "kind", metavar="KIND", help="What TARGET is, where its name does not tell.")
def check(target: str, kind: str | None) -> None:
    """Say what is wrong with TARGET, such as a VOTable or the URL of a HAPI server.

    Exit status 1 where there is an error.
    """
    from vo_server import check as checks
    from vo_server.budget import Budget

    count = errors = 0
    for finding in checks.checker(target, kind).check(target, Budget()):
        click.echo(str(finding))
        count += 1
        errors += finding.level == "error"
    click.echo(f"{count or 'no'} finding{'' if count == 1 else 's'}", err=True)
    if errors:
        sys.exit(_REFUSED)


def _settings(config: Path) -> "Settings":
    from vo_server.settings import load

    return load(config)


def _registry(settings: "Settings") -> "Registry":
    from vo_server.context import providers
    from vo_server.registry import Registry

    return Registry(providers(settings))


@dataclass(frozen=True)
class Reader:
    """Reads positions for a resource from a file, a URL, or a served orbit."""

    settings: "Settings"
    registry: "Registry"
    resource: "Resource"
    budget: "Budget"

    def trajectory(self, given: str, name: str) -> "Trajectory":
        """Read what an argument of this name gives."""
        from vo_server.errors import BadArgument
        from vo_server.ports import OrbitSource
        from vo_server.roles import trajectory

        if given.startswith("spase://"):
            entry = self.registry.get(given, argument=name)
            if not isinstance(entry.provider, OrbitSource):
                raise BadArgument(f"{given} is no orbit", argument=name)
            return entry.provider.orbit(entry.resource, None)
        body = self.resource.body
        with opened(given, self.settings, self.budget, name) as tables:
            return trajectory(
                tables,
                body=body.name if body else "",
                radius=body.radius if body else None,
                argument=name,
            )


@contextmanager
def opened(
    given: str, settings: "Settings", budget: "Budget", name: str
) -> "Iterator[Iterator[Table]]":
    """Open the table that an argument of this name gives, a file or a URL."""
    from vo_server import plugins
    from vo_server.context import read
    from vo_server.errors import BadArgument
    from vo_server.fetch import Fetcher

    if "://" in given:
        fetcher = Fetcher(settings.fetch)
        with fetcher.fetch(plugins.address(given), budget, argument=name) as fetched:
            yield read(fetched.stream, (fetched.name, fetched.media_type), budget, name)
        return
    try:
        with Path(given).open("rb") as stream:
            yield read(stream, (given,), budget, name)
    except OSError as err:
        raise BadArgument(f"cannot read {given}: {err.strerror}", argument=name) from err


def _keep_apart(given: str, output: Path) -> None:
    """Refuse to write over what is read."""
    from vo_server.errors import BadArgument

    if Path(given).resolve() == output.resolve():
        raise BadArgument(f"{output} is the input too; name another output", argument="output")


def _write(output: Path, tables: Iterator[Any], total: int | None) -> None:
    """Write a stream in the format of the file's extension, with a progress bar on a terminal."""
    from vo_server.errors import BadArgument
    from vo_server.plugins import format_named

    form = format_named(output.suffix)
    partial = output.with_name(f".{output.name}.part")
    try:
        with partial.open("wb") as file, _progress(total) as advance:
            file.writelines(form.write(advance(tables)))
        partial.replace(output)
    except OSError as err:
        raise BadArgument(f"cannot write {output}: {err.strerror}", argument="output") from err
    finally:
        partial.unlink(missing_ok=True)
    click.echo(f"wrote {output}", err=True)


@contextmanager
def _progress(total: int | None) -> Iterator[Any]:
    """Give a function that passes table blocks on and moves a bar by their rows."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("rows", total=total)

        def advance(tables: Iterator[Any]) -> Iterator[Any]:
            for table in tables:
                yield table
                bar.advance(task, len(table))

        yield advance


def main() -> None:
    """Run the command line; a refusal is one line on stderr and exit status 1."""
    from vo_server.errors import Refusal

    logging.getLogger("vo_server").addHandler(logging.NullHandler())
    try:
        cli(standalone_mode=True)
    except Refusal as refusal:
        click.echo(f"vo-server: {refusal.message}", err=True)
        sys.exit(_REFUSED)
