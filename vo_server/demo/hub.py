"""A SAMP hub beside the demonstration, for desktops where no program runs one.

Standard profile on loopback only: it has no door for pages of the web.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from vo_server.errors import BadArgument


@contextmanager
def hub() -> Iterator[None]:
    """Run a hub until the block ends; raises BadArgument where one runs already or pyvo lacks."""
    try:
        from pyvo.samp import SAMPHubServer
        from pyvo.samp.errors import SAMPHubError
        from pyvo.samp.lockfile_helpers import get_main_running_hub
    except ImportError as err:
        raise BadArgument(
            "a SAMP hub needs pyvo; install vo-server with the extra [samp]", argument="samp-hub"
        ) from err
    try:
        get_main_running_hub()
    except SAMPHubError:
        pass
    else:
        raise BadArgument("a SAMP hub runs already; leave --samp-hub out", argument="samp-hub")
    server = SAMPHubServer(web_profile=False, addr="127.0.0.1", label="vo-server demo")
    server.start()
    try:
        print("SAMP hub on loopback: vo-server samp send and listen, and desktop tools, use it")
        yield
    finally:
        server.stop()
