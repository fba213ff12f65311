"""Plug-ins: whatever comes in through entry points; options checked by name."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from pydantic import ValidationError

from vo_server.errors import BadArgument
from vo_server.model.run import explain
from vo_server.ports import AddressedFormat, Format

GROUPS = (
    "vo_server.providers",
    "vo_server.fronts",
    "vo_server.formats",
    "vo_server.checkers",
    "vo_server.commands",
    "vo_server.record_formats",
    "vo_server.harvesters",
)


@cache
def installed(group: str) -> dict[str, EntryPoint]:
    """Give the entry points of a group by name; two plug-ins of one name are refused."""
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=group), key=lambda p: (p.name, p.value)):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise BadArgument(
                f"two plug-ins are called '{point.name}' in {group}: {other.value}, {point.value}"
            )
    return found


def load(group: str, name: str) -> Any:
    """Give the class of a plug-in; raises BadArgument naming those installed."""
    points = installed(group)
    if name not in points:
        known = ", ".join(points) or "none"
        raise BadArgument(f"no plug-in '{name}' in {group}; installed: {known}", argument="use")
    return points[name].load()


def build(group: str, name: str, options: Mapping[str, Any], *arguments: Any) -> Any:
    """Construct a plug-in with its validated Options and further arguments.

    Raises BadArgument naming every wrong option.
    """
    plugin = load(group, name)
    try:
        checked = plugin.Options(**options)
    except ValidationError as err:
        raise BadArgument(f"{name}: {explain(err)}", argument=name) from err
    return plugin(checked, *arguments)


@cache
def formats() -> dict[str, Format]:
    """Give every installed table format by name."""
    group = "vo_server.formats"
    return {name: cast(Format, load(group, name)()) for name in installed(group)}


def address(url: str) -> str:
    """Give the URL to fetch for a table, in the form that its service's format needs."""
    for known in _addressed():
        url = known.address(url)
    return url


@cache
def _addressed() -> tuple[AddressedFormat, ...]:
    return tuple(known for known in formats().values() if isinstance(known, AddressedFormat))


def format_named(name: str) -> Format:
    """Give a table format by name, extension or media type; raises BadArgument naming them."""
    wanted = name.lower().lstrip(".")
    for known in formats().values():
        if wanted in (known.name, known.media_type, *known.extensions):
            return known
    names = ", ".join(sorted(extension for f in formats().values() for extension in f.extensions))
    raise BadArgument(f"no table format '{name[:40]}'; known: {names}", argument="format")
