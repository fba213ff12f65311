"""The rules for URLs and network addresses."""

import socket
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any

import httpcore
import pytest

from vo_server.addresses import LONGEST_URL, check, is_public, parse, resolve
from vo_server.budget import Budget
from vo_server.errors import BadArgument, ForbiddenAddress, Refusal, UpstreamFailed
from vo_server.fetch import Fetcher
from vo_server.settings import Fetch

# Hosts that name no public address, in spellings that resolvers, parsers and filters disagree on.
SPELLINGS = {
    "loopback": "127.0.0.1 127.0.0.2 127.255.255.255 127.1 127.0.1 2130706433 0x7f000001 0x7f.1"
    " 0x7f.0.0.1 0177.0.0.1 017700000001 0x7F.0x0.0x0.0x1 [::1] [0:0:0:0:0:0:0:1]",
    "this network": "0 0.0.0.0 0.1.2.3 [::] [::2] [::127.0.0.1]",
    "private": "10.0.0.1 10.255.255.255 10.1 0xa000001 167772161 172.16.0.1 172.31.255.255"
    " 192.168.0.1 192.168.1 3232235777 0xc0a80101 [fc00::1] [fdff::1] [fec0::1]",
    "carrier": "100.64.0.1 100.127.255.255",
    "metadata": "169.254.169.254 0xa9fea9fe 2852039166 100.100.100.200 168.63.129.16 192.0.0.192"
    " [fd00:ec2::254]",
    "link": "169.254.0.1 [fe80::1] [febf::1]",
    "reserved": "192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9"
    " 240.0.0.1 255.255.255.255 [100::1] [2001:db8::1] [2001:2::1] [2001:10::1] [3fff::1] [4000::1]"
    " [5f00::1]",
    "multicast": "224.0.0.1 239.255.255.255 [ff02::1] [ff0e::1]",
    "mapped": "[::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:10.0.0.1] [::ffff:169.254.169.254]"
    " [::ffff:0:127.0.0.1]",
    "NAT64": "[64:ff9b::127.0.0.1] [64:ff9b::a00:1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::1]",
    "6to4": "[2002:7f00:1::] [2002:a00:1::1] [2002:a9fe:a9fe::1] [2002:c0a8:101::1]",
    "Teredo": "[2001:0:7f00:1::] [2001:0:808:808:0:0:80ff:fffe]",
}
NOT_PUBLIC = [host for hosts in SPELLINGS.values() for host in hosts.split()]

PUBLIC = [
    "8.8.8.8",
    "93.184.216.34",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.1.1",
    "172.15.0.1",
    "172.32.0.1",
    "192.167.1.1",
    "223.255.255.255",
    "2600::1",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
    "2001:0:808:808:0:0:f7f7:f7f7",
]

# URLs that are refused before anything is looked up.
MALFORMED = [
    "",
    "orbit.vot",
    "//example.org/orbit.vot",
    "http:example.org/x",
    "http:/example.org/x",
    "http:///x",
    "http://",
    "http://:80/",
    "http://example.org:0/",
    "http://example.org:65536/",
    "http://example.org:99999999/",
    "http://example.org:-1/",
    "http://example.org:80a/",
    "http://example.org:٨٠/",
    "http://example.org:80:90/",
    "http://exa mple.org/",
    " http://example.org/",
    "http://example.org/a b",
    "http://example.org/\r\nHost: 127.0.0.1",
    "http://example.org/\n",
    "http://example.org\t/",
    "http://example.org/\x00",
    "http://example.org/\x7f",
    "http://example.org/\u2028",
    "http://example.org/\ud800",
    "http://example.org\\@127.0.0.1/",
    "http://127.0.0.1\\.example.org/",
    "http://[::1/",
    "http://::1]/",
    "http://::1/",
    "http://[::1]x/",
    "http://[fe80::1%25eth0]/",
    "http://[v1.abc]/",
    "http://[12345::1]/",
    "http://[127.0.0.1]/",
    "http://example..org/",
    "http://.example.org/",
    "http://%31%32%37.0.0.1/",
    "http://exa%00mple.org/",
    "http://exa$mple.org/",
    "http://exa<mple>.org/",
    "http://℀.example.org/",
    "http://" + "a" * 64 + ".org/",
    "http://" + "ä" * 64 + ".org/",
    "http://" + "a." * 127 + "org/",
    "http://example.org/" + "a" * LONGEST_URL,
    "file:///etc/passwd",
    "ftp://example.org/x",
    "gopher://127.0.0.1:70/_",
    "data:text/plain,x",
    "javascript:alert(1)",
    "localhost:8000/x",
    "jar:http://example.org/!x",
    "ws://example.org/",
    "http://user@example.org/",
    "http://user:secret@example.org/",
    "http://example.org@127.0.0.1/",
    "http://@example.org/",
    "http://example.org:80@127.0.0.1/",
]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Make names resolve as told; gives the list of look-ups."""
    real = socket.getaddrinfo

    def give(**hosts: tuple[str, ...]) -> list[str]:
        asked: list[str] = []

        def answer(host: str, *args: Any, **kwargs: Any) -> list[Any]:
            if host not in hosts:
                return real(host, *args, **kwargs)
            asked.append(host)
            return [entry for ip in hosts[host] for entry in real(ip, *args, **kwargs)]

        monkeypatch.setattr(socket, "getaddrinfo", answer)
        return asked

    return give


@pytest.mark.parametrize("host", NOT_PUBLIC)
@pytest.mark.usefixtures("offline")
def test_refuses_every_spelling_of_a_non_public_address(host: str) -> None:
    with pytest.raises(ForbiddenAddress) as refusal:
        Fetcher(Fetch()).fetch(f"http://{host}/orbit.vot", Budget(), argument="url_XYZ")
    assert refusal.value.argument == "url_XYZ"
    assert "orbit" not in refusal.value.message


def test_the_list_of_spellings_is_long_and_without_repeats() -> None:
    assert len(set(NOT_PUBLIC)) == len(NOT_PUBLIC) >= 60


@pytest.mark.parametrize("address", PUBLIC)
def test_takes_public_addresses(address: str) -> None:
    assert is_public(ip_address(address))
    check("host", 80, [ip_address(address)], Fetch(), argument="url_XYZ")


@pytest.mark.parametrize("host", ["internal", "mixed", "mapped", "last"])
@pytest.mark.usefixtures("offline")
def test_refuses_a_name_with_any_bad_address(host: str, names: Callable[..., list[str]]) -> None:
    asked = names(
        internal=("10.0.0.1",),
        mixed=("8.8.8.8", "192.168.0.1"),
        mapped=("2600::1", "::ffff:127.0.0.1"),
        last=("8.8.8.8", "1.1.1.1", "9.9.9.9", "8.8.4.4", "2600::1", "::1"),
    )
    with pytest.raises(ForbiddenAddress, match=f"{host} is not on the public internet"):
        Fetcher(Fetch()).fetch(f"http://{host}/", Budget(), argument="url_XYZ")
    assert asked == [host]


@pytest.mark.parametrize("url", MALFORMED)
def test_refuses_malformed_and_foreign_urls(url: str) -> None:
    with pytest.raises((BadArgument, ForbiddenAddress)) as refusal:
        parse(url, argument="url_XYZ")
    assert refusal.value.argument == "url_XYZ"
    for part in ("secret", "passwd", "example", "a b", "\n"):
        assert part not in refusal.value.message


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://Example.ORG", ("http", "example.org", 80, "/")),
        ("HTTPS://example.org/a?b=c#d", ("https", "example.org", 443, "/a?b=c")),
        ("http://example.org:/x", ("http", "example.org", 80, "/x")),
        ("http://example.org:8080?q", ("http", "example.org", 8080, "/?q")),
        ("http://a_b-c.example.org./x", ("http", "a_b-c.example.org.", 80, "/x")),
        (
            "http://bücher.example/ä?ö=%20",
            ("http", "xn--bcher-kva.example", 80, "/%C3%A4?%C3%B6=%20"),
        ),
        ("http://example.org/[1]<2>", ("http", "example.org", 80, "/%5B1%5D%3C2%3E")),
        ("http://[2600:0:0::1]:81/", ("http", "2600::1", 81, "/")),
    ],
)
def test_takes_a_url_apart(url: str, parts: tuple[str, str, int, str]) -> None:
    address = parse(url, argument="url_XYZ")
    assert (address.scheme, address.host, address.port, address.target) == parts
    assert parse(address.url, argument="url_XYZ") == address


@pytest.mark.parametrize(
    ("host", "meant"), [("①②⑦.⓪.⓪.①", "127.0.0.1"), ("１２７。0。0。1", "127.0.0.1")]
)
def test_unicode_digits_become_the_address_they_mean(host: str, meant: str) -> None:
    address = parse(f"http://{host}/", argument="url_XYZ")
    assert resolve(address.host, 10.0, argument="url_XYZ") == (ip_address(meant),)


@pytest.mark.parametrize(
    ("url", "authority", "name"),
    [
        ("http://example.org/a/orbit.vot?x=/y.csv", "example.org", "orbit.vot"),
        ("https://example.org:80/", "example.org:80", ""),
        ("http://[2600::1]:8080/a%2Fb%0A.nc", "[2600::1]:8080", "a_b_.nc"),
    ],
)
def test_gives_host_header_and_file_name(url: str, authority: str, name: str) -> None:
    address = parse(url, argument="url_XYZ")
    assert (address.authority, address.name) == (authority, name)


def _verdict(address: str, port: int, settings: Fetch) -> str:
    try:
        check("host", port, [ip_address(address)], settings, argument="url_XYZ")
    except Refusal as refusal:
        return refusal.message
    return ""


def test_ports_bind_public_addresses_and_not_allowed_ones() -> None:
    settings = Fetch(allow=(ip_network("10.1.0.0/16"), ip_network("fd00::/8")), ports=(80, 8080))
    assert _verdict("8.8.8.8", 8080, settings) == ""
    assert _verdict("8.8.8.8", 22, settings) == (
        "port 22 of host is not opened; the ports allowed are 80, 8080"
    )
    for inside in ("10.1.2.3", "::ffff:10.1.2.3", "fd12::1"):
        assert _verdict(inside, 22, settings) == ""
    for outside in ("10.2.0.1", "127.0.0.1", "64:ff9b::10.1.2.3", "fe80::1%1", "::1"):
        assert "not on the public internet" in _verdict(outside, 80, settings)


def test_a_name_that_does_not_resolve_is_the_askers_to_mend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(UpstreamFailed, match=r"the name nowhere.test cannot be resolved"):
        resolve("nowhere.test", 10.0, argument="url_XYZ")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    with pytest.raises(UpstreamFailed, match=r"the name nowhere.test cannot be resolved"):
        resolve("nowhere.test", 10.0, argument="url_XYZ")
