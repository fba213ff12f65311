"""Server: the node's processes behind one listening socket."""

import logging
import os
from pathlib import Path

import uvicorn

from vo_server.app import CONFIG_VARIABLE
from vo_server.signals import GRACE

# Seconds within which a busy worker must answer its supervisor before it is replaced.
_HEALTH = 60


def serve(config: Path, host: str, port: int, workers: int) -> None:
    """Serve the node of a node file with this many processes until SIGTERM or SIGINT."""
    os.environ[CONFIG_VARIABLE] = str(config.resolve())
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    uvicorn.run(
        "vo_server.app:from_environment",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=int(GRACE) + 2,
        timeout_worker_healthcheck=_HEALTH,
        limit_concurrency=1000,
    )
