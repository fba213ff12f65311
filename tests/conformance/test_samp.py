"""SAMP with other people's hubs and clients: pyvo's and jsamp's, STILTS, and a browser."""

import gc
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vo_server.budget import Budget
from vo_server.demo import client as soap
from vo_server.model.table import concatenate
from votable.read import read

if TYPE_CHECKING:
    from tests.conformance.conftest import MarsNode

pytestmark = [pytest.mark.conformance, pytest.mark.filterwarnings("ignore")]

_NODE = """
[node]
authority = "VOSERVER"
[[providers]]
use = "hc-cubes"
path = "{data}/mars-hyb/*.hc"
[[providers]]
use = "orbit-files"
path = "{data}/trajectories/latmos_orbite_60sec.xml"
spacecraft = "MEX"
body = "Mars"
"""
_RUN = "spase://VOSERVER/SimulationRun/HYB/Mars/RunB-coarse"
_OUTPUT = "spase://VOSERVER/NumericalOutput/HYB/Mars/RunB-coarse/H+"
_ORBIT = "spase://VOSERVER/NumericalData/MEX/Orbit"
_PATIENCE = 60.0


class Desktop:
    """A desktop tool: takes tables, fetches them, and says so."""

    def __init__(self, name: str) -> None:
        from pyvo.samp import SAMPIntegratedClient

        self.client = SAMPIntegratedClient(name=name, addr="127.0.0.1")
        self.client.connect()
        self.messages: queue.Queue[tuple[dict[str, str], bytes, dict[str, str]]] = queue.Queue()
        self.client.bind_receive_call("table.load.votable", self._take)

    def _take(
        self, key: str, sender: str, identity: str, mtype: str, params: Any, extra: Any
    ) -> None:
        with urllib.request.urlopen(params["url"], timeout=_PATIENCE) as answer:
            self.messages.put((params, answer.read(), dict(answer.headers)))
        self.client.ereply(identity, "samp.ok", result={})

    def listener(self) -> str:
        """Give the identity of the program that listens for tables, once it is there."""
        for _ in range(600):
            for identity in self.client.get_subscribed_clients("table.load.votable"):
                if self.client.get_metadata(identity).get("samp.name") == "vo-server":
                    return str(identity)
            time.sleep(0.1)
        pytest.fail("nobody listens")


@pytest.fixture(autouse=True)
def _sockets_of_others() -> Iterator[None]:
    """Let go of the sockets that pyvo leaves open here, where it is no fault of ours."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


@pytest.fixture(params=["pyvo", "jsamp"])
def hub(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: Callable[[str], str],
) -> Iterator[str]:
    """Run a hub of the standard profile; its lock file is where only this test looks."""
    lock = tmp_path / "samp"
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:file://{lock}")
    if request.param == "pyvo":
        from pyvo.samp import SAMPHubServer

        server = SAMPHubServer(web_profile=False, addr="127.0.0.1", lockfile=str(lock))
        server.start()
        yield "pyvo"
        with suppress(Exception):
            server.stop()
        return
    with _jsamp(program("jsamp"), tmp_path):
        yield "jsamp"


@contextmanager
def _jsamp(program: str, home: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run jsamp's hub; Java takes its home from a property alone."""
    process = subprocess.Popen(
        [program, "hub", "-mode", "no-gui", "-profiles", "std"],
        env=os.environ | {"JAVA_TOOL_OPTIONS": f"-Duser.home={home}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for_hub()
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _wait_for_hub() -> None:
    """Wait until a hub takes clients."""
    from pyvo.samp import SAMPIntegratedClient

    for _ in range(300):
        client = SAMPIntegratedClient(name="probe", addr="127.0.0.1", callable=False)
        with suppress(Exception):
            client.connect()
            client.disconnect()
            return
        time.sleep(0.1)
    pytest.fail("the hub did not start")


@pytest.fixture
def folder(tmp_path: Path, shared: Path) -> Path:
    """Give a folder with a node file over real data."""
    (tmp_path / "node.toml").write_text(_NODE.format(data=shared / "data"), encoding="utf-8")
    return tmp_path


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a command until it is interrupted; it must then end by itself."""
    with subprocess.Popen(
        [sys.executable, "-m", "vo_server", "samp", *arguments], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        try:
            yield process
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()


def rows(content: bytes) -> int:
    """Give the rows of a VOTable."""
    import io

    return len(concatenate(list(read(io.BytesIO(content), Budget()))))


def test_send(hub: str, folder: Path, shared: Path) -> None:
    desktop = Desktop("TOPCAT")
    orbit = shared / "data/trajectories/latmos_orbite_60sec.xml"
    (folder / "points.csv").write_text("X [km],Y [km],Z [km]\n1,2,3\n", encoding="utf-8")
    for given, count in ((str(orbit), 1440), (_ORBIT, 1440), ("points.csv", 1)):
        with running(folder, "send", given, "--to", "topcat"):
            params, content, headers = desktop.messages.get(timeout=_PATIENCE)
            assert params["url"].startswith("http://127.0.0.1:")
            assert rows(content) == count
            assert int(headers["Content-Length"]) == len(content)
            assert headers["Content-Type"] == "application/x-votable+xml"
            assert headers["Access-Control-Allow-Origin"] == "*"
            assert "filename=" in headers["Content-Disposition"]
            request = urllib.request.Request(params["url"], method="HEAD")
            with urllib.request.urlopen(request, timeout=_PATIENCE) as head:
                assert int(head.headers["Content-Length"]) == len(content)
                assert head.read() == b""
            time.sleep(0.5)
    desktop.client.disconnect()


def test_listen_fly_and_send_back(hub: str, folder: Path, shared: Path) -> None:
    from votable.shelf import open_shelf

    desktop = Desktop("AMDA")
    orbit = shared / "data/trajectories/latmos_orbite_60sec.xml"
    with open_shelf() as shelf, running(folder, "listen", _OUTPUT, "--variable", "Density"):
        listener = desktop.listener()

        def ask(params: dict[str, str]) -> Any:
            message = {"samp.mtype": "table.load.votable", "samp.params": params}
            return desktop.client.call_and_wait(listener, message, "60")

        url = shelf.put(orbit, "application/x-votable+xml")
        assert ask({"url": url, "name": "orbit"})["samp.status"] == "samp.ok"
        params, content, _ = desktop.messages.get(timeout=_PATIENCE)
        assert "orbit through" in params["name"]
        assert rows(content) == 1440
        assert b'name="Density"' in content
        for bad, words in (
            ({"url": f"file://{orbit}"}, "http://"),
            ({"url": "http://10.0.0.1/a.vot"}, "public internet"),
            ({"url": "http://169.254.169.254/"}, "public internet"),
            ({"url": "gopher://127.0.0.1/"}, "http://"),
            ({"url": f"{url}x"}, "404"),
            ({"name": "orbit"}, "no url"),
            ({"url": ""}, "no url"),
        ):
            answer = ask(bad)
            assert answer["samp.status"] == "samp.error"
            assert words in answer["samp.error"]["samp.errortxt"], answer
        assert ask({"url": url})["samp.status"] == "samp.ok"
        desktop.messages.get(timeout=_PATIENCE)
    desktop.client.disconnect()


def test_stilts_sends_and_is_gone(hub: str, folder: Path, shared: Path, program: Any) -> None:
    desktop = Desktop("witness")
    with running(folder, "listen", _OUTPUT, "--variable", "Density") as listening:
        desktop.listener()
        environment = os.environ | {"JAVA_TOOL_OPTIONS": f"-Duser.home={folder}"}
        if hub == "pyvo":  # STILTS looks for the lock file in its home only where it is told so
            environment["SAMP_HUB"] = os.environ["SAMP_HUB"]
        orbit = shared / "data/trajectories/latmos_orbite_60sec.xml"
        said = subprocess.run(
            [program("stilts"), "tpipe", f"in={orbit}", "ifmt=votable", "omode=samp",
             "client=vo-server"],
            env=environment, capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        assert "samp.ok" in said.stdout + said.stderr
        assert listening.stdout is not None
        assert listening.stdout.readline().startswith("listening")
        assert "the result" in listening.stdout.readline()
    desktop.client.disconnect()


def test_no_hub_and_nobody_there(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyvo.samp import SAMPHubServer

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "vo_server", "samp", *arguments],
            cwd=folder, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        return done.stderr

    lock = tmp_path / "samp"
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:file://{lock}")
    assert "no SAMP hub answers; start TOPCAT" in run("send", _ORBIT)
    assert "no SAMP hub answers" in run("listen", _OUTPUT)
    server = SAMPHubServer(web_profile=False, addr="127.0.0.1", lockfile=str(lock))
    server.start()
    try:
        assert "no client takes table.load.votable; there are: none" in run("send", _ORBIT)
        desktop = Desktop("Aladin")
        assert "there are: Aladin" in run("send", _ORBIT, "--to", "TOPCAT")
        assert "http://" in run("send", "ftp://127.0.0.1/a.vot")
        assert "there is no file none.vot" in run("send", "none.vot")
        assert "is no orbit" in run("send", _OUTPUT)
        desktop.client.disconnect()
        process = subprocess.Popen(
            [sys.executable, "-m", "vo_server", "samp", "listen", _OUTPUT],
            cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().startswith("listening")
    finally:
        server.stop()
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "the SAMP hub went away" in said
    assert "Traceback" not in said


def test_the_hub_is_gone_in_mid_send(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, program: Callable[[str], str]
) -> None:
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:file://{tmp_path / 'samp'}")
    with _jsamp(program("jsamp"), tmp_path) as process:
        desktop = Desktop("TOPCAT")
        desktop.client.unbind_receive_call("table.load.votable")
        desktop.client.bind_receive_call("table.load.votable", lambda *message: process.kill())
        done = subprocess.run(
            [sys.executable, "-m", "vo_server", "samp", "send", _ORBIT],
            cwd=folder, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        with suppress(Exception):
            desktop.client.disconnect()
    assert done.returncode == 1
    assert done.stderr == "vo-server: the SAMP hub went away\n"


def test_the_hub_of_the_demonstration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vo_server.demo.hub import hub as demo_hub
    from vo_server.errors import BadArgument

    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:file://{tmp_path / 'samp'}")
    with demo_hub():
        Desktop("Aladin").client.disconnect()
        with pytest.raises(BadArgument, match="runs already"), demo_hub():
            pytest.fail("two hubs")
    assert not (tmp_path / "samp").exists()


class Browser:
    """A headless Chromium, driven through its debugging pipe."""

    def __init__(self, program: str, folder: Path) -> None:
        reading, theirs_out = os.pipe()
        theirs_in, writing = os.pipe()
        flags = (
            "--headless --no-sandbox --disable-gpu --no-first-run --disable-sync "
            "--disable-background-networking --disable-component-update --remote-debugging-pipe"
        )
        script = f'exec "$0" {flags} "$1" about:blank 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, program, f"--user-data-dir={folder / 'browser'}"],
            pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._out, self._in = os.fdopen(reading, "rb", 0), os.fdopen(writing, "wb", 0)
        self._number = 0
        self._session = ""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self._ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        told = {"id": self._number, "method": method, "params": params}
        if self._session:
            told["sessionId"] = self._session
        self._in.write(json.dumps(told).encode() + b"\0")
        while True:
            answer = json.loads(self._line())
            if answer.get("id") == self._number:
                result: dict[str, Any] = answer["result"]
                return result

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\0"):
            piece = self._out.read(1)
            assert piece, "the browser is gone"
            line += piece
        return line[:-1]

    def show(self, url: str) -> None:
        """Go to a page."""
        self._ask("Page.navigate", url=url)
        self.wait("document.readyState", "complete")

    def value(self, expression: str) -> Any:
        """Evaluate an expression in the page."""
        return self._ask("Runtime.evaluate", expression=expression)["result"].get("value")

    def wait(self, expression: str, words: str) -> str:
        """Wait until the text of an expression has words in it."""
        found = ""
        for _ in range(300):
            found = str(self.value(expression))
            if words in found:
                return found
            time.sleep(0.1)
        pytest.fail(f"{found!r} has no {words!r}")

    def close(self) -> None:
        """End the browser."""
        self._in.close()
        self._process.terminate()
        self._process.wait(20)
        self._out.close()


def test_the_page_in_a_browser(
    mars_node: "MarsNode",
    program: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pyvo.samp import SAMPHubServer
    from pyvo.samp.hub import WebProfileDialog

    class Consent(WebProfileDialog):  # type: ignore[misc]
        def show_dialog(self, *request: Any) -> None:
            self.consent()

    url = soap.call(
        mars_node.endpoint,
        "getDataPointValue",
        {"ResourceID": f"{_OUTPUT}netcdf", "Variable": "Bx", "url_XYZ": mars_node.orbit},
    )
    name = url.rpartition("/")[2]
    browser = Browser(program("chromium"), tmp_path)
    state = "document.getElementById('state').textContent"
    try:
        browser.show(f"{mars_node.url}/samp?result={name}")
        assert browser.value("document.getElementById('result').value") == name
        browser.value("document.getElementById('send').click()")
        browser.wait(state, "No SAMP hub answers on this computer; start TOPCAT or Aladin")

        monkeypatch.setenv("SAMP_HUB", f"std-lockurl:file://{tmp_path / 'samp'}")
        dialog = Consent()
        server = SAMPHubServer(
            addr="127.0.0.1", lockfile=str(tmp_path / "samp"), web_profile_dialog=dialog
        )
        server.start()
        over = threading.Event()

        def agree() -> None:
            while not over.wait(0.05):
                dialog.handle_queue()

        threading.Thread(target=agree, daemon=True).start()
        try:
            browser.value("document.getElementById('send').click()")
            browser.wait(state, "No program that takes tables is connected")
            desktop = Desktop("TOPCAT")
            browser.value("document.getElementById('send').click()")
            params, content, _ = desktop.messages.get(timeout=_PATIENCE)
            assert params["url"].startswith(mars_node.url)
            assert rows(content) == 1440
            browser.wait(state, "Loaded by 1 of 1")
            listed = "document.getElementById('clients').textContent"
            assert "TOPCAT: has loaded it" in browser.value(listed)
            browser.show(f"{mars_node.url}/samp?result=nothing.vot")
            browser.value("document.getElementById('send').click()")
            browser.wait(state, "this node keeps no such result")
            desktop.client.disconnect()
        finally:
            over.set()
            server.stop()
    finally:
        browser.close()


def test_the_message_for_other_portals(mars_node: "MarsNode") -> None:
    url = soap.call(
        mars_node.endpoint,
        "getDataPointValue",
        {"ResourceID": f"{_OUTPUT}netcdf", "Variable": "By", "url_XYZ": mars_node.orbit},
    )
    told = json.loads(mars_node.get(f"{mars_node.url}/samp/message?result={url}"))
    assert told["samp.mtype"] == "table.load.votable"
    assert told["samp.params"]["url"] == url
    request = urllib.request.Request(url, method="HEAD", headers={"Origin": "https://a.example"})
    with urllib.request.urlopen(request, timeout=_PATIENCE) as head:
        assert int(head.headers["Content-Length"]) > 1000
        assert head.headers["Content-Type"] == "application/x-votable+xml"
        assert head.headers["Access-Control-Allow-Origin"] == "*"
        assert "filename=" in head.headers["Content-Disposition"]
    for bad, status in (("", 400), ("nothing.vot", 404), ("http://x/y.vot", 404)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            mars_node.get(f"{mars_node.url}/samp/message?result={bad}")
        assert refused.value.code == status
