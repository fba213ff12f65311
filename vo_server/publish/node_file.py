"""Node file: the providers that read published files, written or added to `node.toml`."""

from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from vo_server.errors import BadArgument
from vo_server.ports import Site
from vo_server.publish.run_file import entry


def node_text(text: str, authority: str, folder: Path, wanted: dict[str, list[Path]]) -> str:
    """Give the text of a node file whose providers read the wanted files.

    folder: where it is; wanted: files by the name of their provider; text: as it is, '' for none.
    Raises BadArgument where a file lies elsewhere, or the text is no TOML.
    """
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as err:
        raise BadArgument(f"the node file is not valid TOML: {err}", argument="config") from err
    if "node" not in document:
        node = tomlkit.table()
        node["authority"] = authority
        document["node"] = node
    site = Site(authority, folder)
    for use, files in wanted.items():
        for pattern in dict.fromkeys(_pattern(file, folder) for file in files):
            tables: Any = document.get("providers", [])
            read = {
                path
                for table in tables
                if table.get("use") == use
                for path in site.match(str(table.get("path", "series/*/dataset.toml")))
            }
            if {path for path in files if _pattern(path, folder) == pattern} <= read:
                continue
            if "providers" not in document:
                document["providers"] = tomlkit.aot()
            table = entry()
            table["use"], table["path"] = use, pattern
            document["providers"].append(table)
    return tomlkit.dumps(document)


def _pattern(file: Path, folder: Path) -> str:
    """Give the pattern of a file: all of its kind beside it, relative to the node file."""
    if not file.is_relative_to(folder):
        raise BadArgument(
            f"{file} lies outside the folder of the node file, {folder}", argument="FILE"
        )
    place = file.relative_to(folder)
    name = place.name if file.suffix == ".toml" else f"*{file.suffix}"
    return (place.parent / name).as_posix()
