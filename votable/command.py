"""Command `vo-server samp`: sends tables to desktop tools, and flies those that they send."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from vo_server.model.table import Table
    from vo_server.registry import Registry
    from vo_server.settings import Settings
    from votable.message import Message
    from votable.shelf import Shelf

_config = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default="node.toml",
    show_default=True,
    help="Node file.",
)


@click.group()
def samp() -> None:
    """Exchange tables with TOPCAT, Aladin and other desktop tools by SAMP."""


@samp.command()
@click.argument("table")
@click.option("--to", help="Name of the client, such as TOPCAT [default: all that take tables].")
@_config
def send(table: str, to: str | None, config: Path) -> None:
    """Send TABLE: a file, the id of a served orbit or time series, or a URL.

    All but URLs are given out on loopback until Ctrl-C; their clients may ask again.
    """
    from vo_server.errors import BadArgument
    from votable import samp as clients
    from votable.shelf import open_shelf

    with (
        tempfile.TemporaryDirectory() as folder,
        open_shelf() as shelf,
        clients.connected("vo-server", "Sends tables of a node") as client,
    ):
        message = _message(table, config, Path(folder), shelf)
        with _until_interrupted():
            outcomes = clients.send(client, message, to)
            for outcome in outcomes:
                click.echo(f"{outcome.client}: {'loaded' if outcome.ok else outcome.reason}")
            if not any(outcome.ok for outcome in outcomes):
                raise BadArgument("no client took the table", argument="table")
            if "://" not in table or table.startswith("spase://"):
                click.echo("the table stays available until Ctrl-C", err=True)
                Event().wait()


@samp.command()
@click.argument("resource")
@click.option("--variable", "variables", multiple=True, help="Parameter; may be repeated.")
@click.option("--method", type=click.Choice(["linear", "nearest"]), default="linear")
@_config
def listen(resource: str, variables: tuple[str, ...], method: Any, config: Path) -> None:
    """Fly RESOURCE along every table that is sent here, and send the result back, until Ctrl-C."""
    from vo_server.settings import load
    from votable import samp as clients
    from votable.flight import Pilot
    from votable.shelf import open_shelf

    with tempfile.TemporaryDirectory() as folder, open_shelf() as shelf:
        pilot = Pilot(load(config), resource, variables, method, Path(folder), shelf)
        description = f"Flies a spacecraft through {resource}"
        with clients.connected("vo-server", description) as client, _until_interrupted():
            listener = clients.Listener(client, pilot.fly, click.echo)
            click.echo("listening for tables until Ctrl-C")
            listener.run()


def _message(table: str, config: Path, folder: Path, shelf: "Shelf") -> "Message":
    from vo_server import addresses, plugins
    from vo_server.errors import BadArgument
    from vo_server.settings import load
    from votable import message

    if table.startswith("spase://"):
        path = _served(load(config), table, folder)
        form = plugins.format_named("votable")
        return message.load(form.name, shelf.put(path, form.media_type), table)
    if "://" in table:
        name = addresses.parse(table, argument="TABLE").name
        form = plugins.format_named(name.rpartition(".")[2])
        return message.load(form.name, table, name)
    path = Path(table)
    form = plugins.format_named(path.suffix)
    if not path.is_file():
        raise BadArgument(f"there is no file {table}", argument="TABLE")
    if form.name not in message.MTYPES:
        path = _converted(path, form, folder)
        form = plugins.format_named("votable")
    return message.load(form.name, shelf.put(path, form.media_type), path.name)


def _converted(path: Path, form: Any, folder: Path) -> Path:
    """Write a table of a format that SAMP has no message for as VOTable."""
    from vo_server.budget import Budget
    from votable.write import write

    target = folder / f"{path.stem}.vot"
    with path.open("rb") as source, target.open("wb") as file:
        file.writelines(write(form.read(source, Budget())))
    return target


def _served(settings: "Settings", resource: str, folder: Path) -> Path:
    """Write a served orbit or time series as VOTable."""
    from vo_server.context import providers
    from vo_server.registry import Registry
    from votable.write import write

    target = folder / "table.vot"
    with target.open("wb") as file:
        file.writelines(write(_tables(Registry(providers(settings)), resource, settings)))
    return target


def _tables(registry: "Registry", resource: str, settings: "Settings") -> "Iterator[Table]":
    """Give an orbit, or a time series over all of its coverage."""
    from vo_server import series
    from vo_server.errors import BadArgument
    from vo_server.model.request import SeriesRequest
    from vo_server.ports import OrbitSource, SeriesSource

    entry = registry.get(resource, argument="TABLE")
    described = entry.resource.series
    if described is not None and isinstance(entry.provider, SeriesSource):
        names = tuple(parameter.name for parameter in entry.resource.parameters)
        request = SeriesRequest(entry.resource, described.coverage, names)
        yield from series.read(request, entry.provider, settings.limits.budget())
    elif isinstance(entry.provider, OrbitSource):
        yield entry.provider.orbit(entry.resource, None).table
    else:
        raise BadArgument(
            f"{resource} is no orbit and no time series; fly it and send the result",
            argument="TABLE",
        )


@contextmanager
def _until_interrupted() -> Iterator[None]:
    """Take Ctrl-C and SIGTERM for the end of the block, also where the shell lets them pass by."""
    import signal

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        click.echo()
