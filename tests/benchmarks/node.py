"""A node in a process of its own, for measurements."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import cube
from vo_server.demo import client
from vo_server.demo.node import write


@dataclass(frozen=True)
class BenchNode:
    """A running node and the site that its orbits come from."""

    url: str
    site: str
    orbits: Path
    config: Path
    pid: int

    def call(
        self, resource: str, orbit: str, names: tuple[str, ...], output: str = "VOTable"
    ) -> str:
        """Ask for values along an orbit and give the result's URL."""
        arguments = {
            "ResourceID": resource,
            "Variable": " ".join(names),
            "url_XYZ": orbit,
            "OutputFileType": output,
        }
        return client.call(f"{self.url}/impex/fmi", "getDataPointValue", arguments)

    def alive(self) -> str:
        """Ask whether the node is alive."""
        return client.call(f"{self.url}/impex/fmi", "emptyElement", {})


@contextmanager
def served(folder: Path) -> Iterator[BenchNode]:
    """Write the sample node into a folder and serve it and its orbits until the end."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    config = write(folder / "node", port)
    cube.write(folder / "node" / "runs" / "bench")
    orbits = folder / "orbits"
    orbits.mkdir()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "vo_server", "serve", "--config", str(config)]
    with (
        (folder / "log").open("wb") as log,
        client.served(orbits) as site,
        subprocess.Popen([*command, "--port", str(port)], stdout=log, stderr=log) as process,
    ):
        try:
            if not client.wait_until_up(url, 60.0):
                raise RuntimeError((folder / "log").read_text(encoding="utf-8"))
            yield BenchNode(url, site, orbits, config, process.pid)
        finally:
            process.terminate()
