"""Server: the node's processes behind one listening socket."""

import os
import socket
import tempfile
from pathlib import Path

import uvicorn

from vo_server.app import CONFIG_VARIABLE
from vo_server.connection import Connection
from vo_server.errors import BadArgument
from vo_server.metrics import SHARED
from vo_server.signals import GRACE

# Seconds within which a busy worker must answer its supervisor before it is replaced.
_HEALTH = 60


def serve(config: Path, host: str, port: int, workers: int) -> None:
    """Serve the node of a node file with this many processes until SIGTERM or SIGINT."""
    os.environ[CONFIG_VARIABLE] = str(config.resolve())
    if workers > 1:
        os.environ.setdefault(SHARED, tempfile.mkdtemp(prefix="vo-server-metrics-"))
    uvicorn.run(
        "vo_server.app:from_environment",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        http=Connection,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=int(GRACE) + 2,
        timeout_worker_healthcheck=_HEALTH,
        limit_concurrency=1000,
    )


def check_port(host: str, port: int) -> None:
    """Raise BadArgument where the address cannot be listened on."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as err:
        raise BadArgument(
            f"cannot listen on {host}:{port}: {err.strerror}; give another --host or --port",
            argument="port",
        ) from err
