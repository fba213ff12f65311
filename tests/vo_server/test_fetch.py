"""Fetching a client's URL from a server on loopback that answers by script."""

import gzip
import hashlib
import socket
import ssl
import tempfile
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NoReturn, Self

import httpcore
import pytest

from vo_server import fetch
from vo_server.budget import Budget
from vo_server.errors import ForbiddenAddress, Refusal, Stopping, StorageFull, TooMuch
from vo_server.errors import UpstreamFailed as Failed
from vo_server.fetch import Fetcher
from vo_server.settings import Fetch

TLS_HANDSHAKE = b"\x16"
LOOPBACK = ip_network("127.0.0.1/32")
Script = Callable[[socket.socket, threading.Event], None]

# A self-signed certificate of orbits.test, valid from 2020 to 2120, made for this test alone.
CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg3pskZLSl5a0jEWqP
XgajuJpQN/rY5HTmbqUvAIwcJQChRANCAATaz4w0zJjfOVxof31E6ER29gKwucoB
43lMG7FdT+qN9vNkO39nSH9CiIHhhcLIDLzGupATlQQUZe0iE27SEQ0J
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBeDCCAR2gAwIBAgIBATAKBggqhkjOPQQDAjAWMRQwEgYDVQQDDAtvcmJpdHMu
dGVzdDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFjEUMBIGA1UE
AwwLb3JiaXRzLnRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATaz4w0zJjf
OVxof31E6ER29gKwucoB43lMG7FdT+qN9vNkO39nSH9CiIHhhcLIDLzGupATlQQU
Ze0iE27SEQ0Jo1owWDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIChDAd
BgNVHQ4EFgQUAfpGoaD8qp1gZqgBoTjP3RfZ6wEwFgYDVR0RBA8wDYILb3JiaXRz
LnRlc3QwCgYIKoZIzj0EAwIDSQAwRgIhAKlghjEmkSYfPgZQ0q4E+UhUP5tCKLMj
0CSQlD9J9ckYAiEA0mOeqeU0c9zR9qYkDPlFZq/knLHpBnVFAxHrE/EAtH4=
-----END CERTIFICATE-----
"""


class Server:
    """Answers each connection as the next script says, the last one again and again."""

    def __init__(self, *scripts: bytes | Script, tls: ssl.SSLContext | None = None) -> None:
        self._scripts = list(scripts)
        self._tls = tls
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.01)
        self._thread = threading.Thread(target=self._serve)
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[bytes] = []

    def url(self, path: str = "/orbit.vot", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(20.0)
                try:
                    self._answer(connection)
                except OSError:
                    continue  # the client has left

    def _answer(self, connection: socket.socket) -> None:
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True)
        with connection:
            request = b""
            while not request.endswith(b"\r\n\r\n") and not request.startswith(TLS_HANDSHAKE):
                received = connection.recv(65536)
                if not received:
                    return
                request += received
            self.requests.append(request)
            script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
            if isinstance(script, bytes):
                connection.sendall(script)
            else:
                script(connection, self._stop)


def answer(body: bytes, *fields: str, status: str = "200 OK") -> bytes:
    head = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    return answer(b"moved", f"Location: {location}", status=status)


def drip(start: bytes, drop: bytes) -> Script:
    """Send the start, then a drop every 20 ms, for a minute at most."""

    def script(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(start)
        for _ in range(3000):
            if stop.wait(0.02):
                return
            connection.sendall(drop)

    return script


def pour(start: bytes, block: bytes, times: int) -> Script:
    """Send the start, then the block many times, as fast as it is read."""

    def script(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(start)
        for _ in range(times):
            if stop.is_set():
                return
            connection.sendall(block)

    return script


def fetcher(**settings: Any) -> Fetcher:
    return Fetcher(Fetch.model_validate({"allow": (LOOPBACK,), "seconds": 10.0} | settings))


def refusal(
    server: Server, kind: type[Refusal] = Failed, url: str | None = None, **settings: Any
) -> str:
    """Fetch from a server that must be refused; gives the message."""
    with pytest.raises(kind) as caught:
        fetcher(**settings).fetch(url or server.url(), Budget(), argument="url_XYZ")
    assert caught.value.argument == "url_XYZ"
    assert "secret" not in caught.value.message
    assert "\n" not in caught.value.message
    return caught.value.message


def content(server: Server, url: str | None = None, **settings: Any) -> bytes:
    with fetcher(**settings).fetch(url or server.url(), Budget(), argument="url_XYZ") as found:
        body = found.stream.read()
    assert found.stream.closed
    assert found.digest == hashlib.sha256(body).hexdigest()
    return body


def test_gives_content_type_name_and_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Server(answer(b"<VOTABLE/>", "Content-Type: Text/XML; charset=utf-8")) as server:
        url = server.url("/a/orbit.vot?x=1#part")
        with fetcher().fetch(url, Budget(), argument="url_XYZ") as found:
            assert found.stream.tell() == 0
            assert found.stream.read() == b"<VOTABLE/>"
        assert (found.media_type, found.name) == ("text/xml", "orbit.vot")
        assert found.digest == hashlib.sha256(b"<VOTABLE/>").hexdigest()
    assert server.requests == [
        b"GET /a/orbit.vot?x=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: vo-server\r\n"
        b"Accept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n" % server.port
    ]


@pytest.mark.parametrize("kind", ["", "x", "text/", "a/b/c", "text/html x", "ä/b"])
def test_an_odd_media_type_is_none(kind: str) -> None:
    with (
        Server(answer(b"x", f"Content-Type: {kind}")) as server,
        fetcher().fetch(server.url(), Budget(), argument="url_XYZ") as found,
    ):
        assert found.media_type == "application/octet-stream"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNSIZED = b"HTTP/1.1 200 OK\r\n\r\n"
LARGE = bytes(range(256)) * 20_000  # 5.1 MB: beyond what is kept in memory


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (answer(b""), b""),
        (answer(LARGE), LARGE),
        (CHUNKED + b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX: y\r\n\r\n", b"hello world"),
        (UNSIZED + b"until the end", b"until the end"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"x"), b"x"),
        (answer(b"x", "Content-Encoding: identity"), b"x"),
        (answer(gzip.compress(LARGE), "Content-Encoding: gzip"), LARGE),
        (answer(gzip.compress(b"ab") * 3, "Content-Encoding: x-gzip"), b"ababab"),
        (answer(zlib.compress(LARGE), "Content-Encoding: deflate"), LARGE),
        (answer(b"", "Content-Encoding: gzip"), b""),
        (CHUNKED + b"1\r\n\x1f\r\n1\r\n\x00\r\n0\r\n\r\n", b"\x1f\x00"),
    ],
)
def test_reads_bodies_of_every_make(raw: bytes, body: bytes) -> None:
    with Server(raw) as server:
        assert content(server) == body


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (answer(b"secret", status="404 Not Found"), "answered with status 404"),
        (answer(b"secret", status="500 secret"), "answered with status 500"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "answered with status 204"),
        (answer(b"x", status="206 Partial Content"), "answered with status 206"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "did not answer in well-formed HTTP"),
        (answer(b"secret")[:-1], "ended early"),
        (CHUNKED + b"5\r\nhel", "ended early"),
        (CHUNKED + b"5\r\nhello\r\n", "ended early"),
        (CHUNKED + b"zz\r\nhello\r\n", "ended early"),
        (answer(gzip.compress(b"secret" * 99)[:-9], "Content-Encoding: gzip"), "ended early"),
        (answer(b"secret", "Content-Encoding: gzip"), "compressed data that is broken"),
        (answer(gzip.compress(b"x") + b"secret", "Content-Encoding: gzip"), "broken"),
        (answer(b"x", "Content-Encoding: br"), "encodes its answer though asked not to"),
        (answer(b"x", "Content-Encoding: gzip, gzip"), "encodes its answer though asked not to"),
        (answer(gzip.compress(b"x")), "delivers a gzip file"),
        (CHUNKED + b"1\r\n\x1f\r\n1\r\n\x8b\r\n0\r\n\r\n", "delivers a gzip file"),
        (
            answer(gzip.compress(gzip.compress(b"x")), "Content-Encoding: gzip"),
            "delivers a gzip file",
        ),
        (b"", "did not answer in well-formed HTTP"),
        (b"220 mail.example.org secret\r\n", "did not answer in well-formed HTTP"),
        (b"HTTP/1.1 200 OK\r\nsecret\r\n\r\n", "did not answer in well-formed HTTP"),
        (answer(b"", "Content-Length: 5"), "did not answer in well-formed HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "did not answer in well-formed HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 30_000, "did not answer in well-formed HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "limit of 67108864 bytes"),
        (answer(b"x", status="302 Found"), "redirects without saying where to"),
        (redirect("http://[secret"), "redirects to a malformed URL"),
    ],
)
def test_refuses_what_went_wrong_behind_the_url(raw: bytes, says: str) -> None:
    with Server(raw) as server:
        message = refusal(server, url=server.url("/secret.vot?secret"))
    assert message.startswith("127.0.0.1 ")
    assert says in message


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
def test_follows_redirects(status: str) -> None:
    with Server(answer(b"there")) as far, Server(redirect(far.url(), status)) as near:
        assert content(near, redirects=1) == b"there"
    assert far.requests[0].startswith(b"GET /orbit.vot HTTP/1.1\r\nHost: 127.0.0.1:%d" % far.port)


def test_resolves_relative_redirects_and_keeps_the_extension() -> None:
    def absolute(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(redirect(f"//127.0.0.1:{server.port}/ä"))

    hops = redirect("b?x=1#f"), absolute, redirect("../blob/77"), answer(b"there")
    with (
        Server(*hops) as server,
        fetcher().fetch(server.url("/a/o.vot"), Budget(), argument="url_XYZ") as found,
    ):
        assert found.stream.read() == b"there"
    assert found.name == "o.vot"
    targets = [request.split(b" ")[1] for request in server.requests]
    assert targets == [b"/a/o.vot", b"/a/b?x=1", b"/%C3%A4", b"/blob/77"]


def test_ends_a_redirect_loop() -> None:
    with Server(redirect("/again")) as server:
        assert "redirects more than 3 times" in refusal(server)
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://10.0.0.1/secret", "10.0.0.1 is not on the public internet"),
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254 is not on the public"),
        ("//[::ffff:192.168.0.1]/", "is not on the public internet"),
        ("file:///etc/secret", "only URLs that start with http"),
        ("http://secret:secret@127.0.0.1/", "user name or password"),
        ("http://8.8.8.8:22/", "port 22 of 8.8.8.8 is not opened"),
    ],
)
def test_holds_every_redirect_to_the_rules(location: str, says: str) -> None:
    with Server(redirect(location)) as server:
        assert says in refusal(server, ForbiddenAddress)


def test_refuses_loopback_unless_allowed() -> None:
    with Server(answer(b"x")) as server:
        assert "not on the public" in refusal(server, ForbiddenAddress, allow=())
        assert "not on the public" in refusal(server, ForbiddenAddress, allow=("10.0.0.0/8",))
        assert content(server, allow=("127.0.0.0/8",)) == b"x"
        assert content(server, url=server.url(host="[::ffff:127.0.0.1]")) == b"x"


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Make orbits.test resolve to one answer after the other; gives the list of look-ups."""
    real = socket.getaddrinfo

    def give(*answers: tuple[str, ...]) -> list[str]:
        asked: list[str] = []

        def look_up(host: str, *args: Any, **kwargs: Any) -> list[Any]:
            if host != "orbits.test":
                return real(host, *args, **kwargs)
            asked.append(host)
            ips = answers[min(len(asked), len(answers)) - 1]
            return [entry for ip in ips for entry in real(ip, *args, **kwargs)]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        return asked

    return give


def test_resolves_a_name_once_so_that_it_cannot_be_rebound(
    resolver: Callable[..., list[str]],
) -> None:
    asked = resolver(("127.0.0.1",), ("10.0.0.1",))
    with Server(answer(b"x"), redirect("http://orbits.test/")) as server:
        url = server.url(host="orbits.test")
        assert content(server, url) == b"x"
        assert asked == ["orbits.test"]
        assert b"Host: orbits.test:%d\r\n" % server.port in server.requests[0]
        assert "orbits.test is not on the public" in refusal(server, ForbiddenAddress, url)


def test_connects_to_the_checked_address_itself(
    resolver: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver(("93.184.216.34",), ("127.0.0.1",))
    real = httpcore.SyncBackend.connect_tcp
    reached: list[tuple[str, int]] = []
    with Server(answer(b"x")) as server:

        def connect(backend: httpcore.SyncBackend, host: str, port: int, **rest: Any) -> Any:
            reached.append((host, port))
            return real(backend, "127.0.0.1", server.port, **rest)

        monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
        assert content(server, "http://orbits.test/") == b"x"
    assert reached == [("93.184.216.34", 80)]


def test_tries_the_next_address(resolver: Callable[..., list[str]]) -> None:
    resolver(("127.0.0.2", "127.0.0.1"))
    with Server(answer(b"x")) as server:
        url = server.url(host="orbits.test")
        assert content(server, url, allow=("127.0.0.0/8",)) == b"x"


def test_a_closed_port_is_named_as_such() -> None:
    with Server(answer(b"x")) as server:
        url = server.url()
    assert refusal(server, url=url) == "127.0.0.1 cannot be connected to; check host and port"


def test_a_resolver_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: stop.wait(30.0) and [])
    with pytest.raises(Failed, match=r"orbits.test was not resolved in time"):
        fetcher(seconds=0.2).fetch("http://orbits.test/", Budget(), argument="url_XYZ")
    stop.set()


@pytest.mark.parametrize(
    "script",
    [
        drip(b"", b""),
        drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        drip(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
        drip(UNSIZED, b"x"),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", b"x"),
        drip(CHUNKED, b"1\r\nx\r\n"),
        drip(CHUNKED + b"1;", b"x"),
    ],
    ids=["silence", "fields", "field", "interim", "body", "sized", "chunks", "extension"],
)
def test_a_slow_drip_ends_at_the_deadline(script: Script) -> None:
    with Server(script) as server:
        message = refusal(server, seconds=0.3)
    assert message == "127.0.0.1 did not deliver within 0.3 s; try again later"


def test_the_budget_can_be_shorter_than_the_fetch() -> None:
    with Server(drip(UNSIZED, b"x")) as server:
        with pytest.raises(Failed, match=r"did not deliver within 0\.\d+ s"):
            fetcher().fetch(server.url(), Budget(seconds=0.3), argument="url_XYZ")
        with pytest.raises(TooMuch):
            fetcher().fetch(server.url(), Budget(seconds=0.0), argument="url_XYZ")


def test_a_stopping_node_ends_a_silent_fetch() -> None:
    budget = Budget()

    def script(_: socket.socket, stop: threading.Event) -> None:
        budget.stop.set()
        stop.wait(30.0)

    with Server(script) as server, pytest.raises(Stopping):
        fetcher(seconds=30.0).fetch(server.url(), budget, argument="url_XYZ")


@pytest.mark.parametrize(
    "script",
    [
        answer(bytes(100_001)),
        UNSIZED + bytes(100_001),
        pour(UNSIZED, bytes(65536), 10_000),
        pour(CHUNKED, b"10000\r\n" + bytes(65536) + b"\r\n", 10_000),
        pour(CHUNKED, b"1;" + b"x" * 5000 + b"\r\nx\r\n", 100_000),
        pour(b"", b"HTTP/1.1 102 Processing\r\n\r\n", 100_000),
        answer(gzip.compress(bytes(100_001)), "Content-Encoding: gzip"),
    ],
    ids=["sized", "unsized", "endless", "chunks", "extensions", "interim", "inflated"],
)
def test_too_much_is_refused(script: bytes | Script) -> None:
    with Server(script) as server:
        message = refusal(server, bytes=100_000)
    assert message == "127.0.0.1 delivers more than this node's limit of 100000 bytes"


def test_the_limit_itself_is_within_the_limit() -> None:
    with Server(answer(bytes(100_000))) as server:
        assert len(content(server, bytes=100_000)) == 100_000
        with pytest.raises(Failed, match="limit of 99999 bytes"):
            fetcher().fetch(server.url(), Budget(bytes=99_999), argument="url_XYZ")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_costs_little_memory(encoding: str) -> None:
    deflater = zlib.compressobj(9, wbits=31 if encoding == "gzip" else 15)
    zeros = bytes(2**20)
    bomb = b"".join(deflater.compress(zeros) for _ in range(100)) + deflater.flush()
    with Server(answer(bomb, f"Content-Encoding: {encoding}")) as server:
        tracemalloc.start()
        try:
            message = refusal(server, bytes=50_000_000)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert "more than this node's limit of 50000000 bytes" in message
    assert peak < 8 * 2**20


def test_a_full_disk_is_the_nodes_own_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "write", write)
    with Server(answer(b"x")) as server, pytest.raises(StorageFull, match="no room"):
        fetcher().fetch(server.url(), Budget(), argument="url_XYZ")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "orbits.pem"
    path.write_text(CERTIFICATE)
    return path


def test_tls_is_verified_by_name(
    certificate: Path, resolver: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver(("127.0.0.1",))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    scripts = answer(b"x"), redirect("http://orbits.test/")
    with Server(*scripts, tls=context) as server:
        url = server.url(host="orbits.test")
        assert "no TLS certificate that this node trusts" in refusal(server, url=url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert content(server, url) == b"x"
        assert names == ["orbits.test", "orbits.test"]
        assert "no TLS certificate" in refusal(server)
        message = refusal(server, ForbiddenAddress, url)
        assert message == "orbits.test redirects from https to http; give the final URL"


def test_plain_http_where_tls_was_promised() -> None:
    with Server(answer(b"x")) as server:
        url = server.url().replace("http:", "https:")
        assert "does not speak TLS" in refusal(server, url=url)


def test_what_stops_before_tls_leaves_no_connection(
    resolver: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver(("127.0.0.1",))
    closed: list[bool] = []
    close = fetch._Stream.close

    def stop(*_: object) -> NoReturn:
        raise Stopping("the node is shutting down; try again later")

    def noted(stream: fetch._Stream) -> None:
        closed.append(True)
        close(stream)

    monkeypatch.setattr(fetch._Stream, "start_tls", stop)
    monkeypatch.setattr(fetch._Stream, "close", noted)
    with Server(answer(b"x")) as server, pytest.raises(Stopping):
        content(server, server.url(host="orbits.test").replace("http:", "https:"))
    assert closed == [True]
