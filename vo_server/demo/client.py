"""A stranger's view of the node: SOAP envelopes and result tables over HTTP, nothing of ours."""

import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

from lxml import etree

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_FMI = "http://impex-fp7.fmi.fi"
_TIMEOUT = 60.0


class SoapFault(Exception):
    """The node refused a call; the text is its faultstring."""


def call(url: str, operation: str, arguments: dict[str, Any]) -> str:
    """Call an operation and give the text of its answer; dicts nest and lists repeat elements."""
    envelope = etree.Element(f"{{{_SOAP}}}Envelope", nsmap={"soap": _SOAP, "fmi": _FMI})
    body = etree.SubElement(envelope, f"{{{_SOAP}}}Body")
    _fill(etree.SubElement(body, f"{{{_FMI}}}{operation}"), arguments)
    request = urllib.request.Request(  # noqa: S310  # the node's own address
        url,
        etree.tostring(envelope, xml_declaration=True, encoding="UTF-8"),
        {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{operation}"'},
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
            content = answer.read()
    except HTTPError as err:
        fault = etree.fromstring(err.read()).findtext(".//faultstring")
        raise SoapFault(fault or str(err)) from err
    return str(etree.fromstring(content)[0].xpath("string(.)"))


def download(url: str) -> bytes:
    """Give what a URL of the node holds."""
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310  # the node's URL
        return bytes(answer.read())


def wait_until_up(url: str, seconds: float) -> bool:
    """Wait for a node to answer; tells whether it did in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            download(f"{url}/healthz")
        except (URLError, OSError):
            time.sleep(0.1)
        else:
            return True
    return False


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on a loopback port of its own, as another site would, and give its URL."""
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    """A file server that keeps its log lines to itself."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _fill(element: Any, arguments: dict[str, Any]) -> None:
    for name, value in arguments.items():
        for item in value if isinstance(value, list) else [value]:
            child = etree.SubElement(element, f"{{{_FMI}}}{name}")
            if isinstance(item, dict):
                _fill(child, item)
            else:
                child.text = str(item)
