"""Addresses: what a URL given by a client may say, and which network addresses it may reach."""

import queue
import re
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeVar
from urllib.parse import SplitResult, quote, unquote, urlsplit

from vo_server.errors import BadArgument, ForbiddenAddress, UpstreamFailed, UpstreamSilent
from vo_server.places import PATIENCE, away
from vo_server.settings import Fetch

T = TypeVar("T")

IPAddress = IPv4Address | IPv6Address

LONGEST_URL = 2048
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NETLOC = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]+))(?::([0-9]{0,5}))?")
_HOST = re.compile(r"(?!.{254})[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")
_UNRESERVED = "%:@!$&'()*+,;=~-._/"

# Everything that is not plain unicast of the public internet: the IANA special-purpose registries
# (RFC 6890 and its updates), multicast, and the metadata address of Azure, which looks public.
_SPECIAL = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
    )
)
_UNICAST = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Address:
    """A well-formed http or https URL, taken apart.

    host: ASCII, lower case, an IPv6 literal without its brackets; target: path and query as they
    go on the wire.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port as the Host header says them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL again, for relative redirects."""
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def name(self) -> str:
        """Last segment of the path, reduced to letters, digits and `._-`."""
        segment = unquote(self.target.partition("?")[0].rpartition("/")[2])
        return re.sub(r"[^A-Za-z0-9._-]", "_", segment)[-255:]


def parse(url: str, *, argument: str) -> Address:
    """Take a client's URL apart.

    Raises BadArgument for a malformed URL, ForbiddenAddress for another scheme than http and
    https and for user information; no message repeats the URL.
    """
    if len(url) > LONGEST_URL:
        raise BadArgument(f"the URL is longer than {LONGEST_URL} characters", argument=argument)
    if not url.isprintable() or " " in url or "\\" in url:
        raise BadArgument(
            "the URL contains blanks, control characters or backslashes; percent-encode them",
            argument=argument,
        )
    try:
        parts = urlsplit(url)
    except ValueError as err:
        raise BadArgument("the URL is malformed; check its host", argument=argument) from err
    if parts.scheme not in _DEFAULT_PORTS:
        raise ForbiddenAddress(
            "only URLs that start with http:// or https:// are opened", argument=argument
        )
    if "@" in parts.netloc:
        raise ForbiddenAddress(
            "URLs with a user name or password are not opened; remove it", argument=argument
        )
    host, port = _host_and_port(parts, argument)
    target = quote(parts.path or "/", safe=_UNRESERVED)
    if parts.query:
        target += "?" + quote(parts.query, safe=_UNRESERVED + "?")
    return Address(parts.scheme, host, port, target)


def _host_and_port(parts: SplitResult, argument: str) -> tuple[str, int]:
    """Give host and port of a URL; raises BadArgument when either is malformed."""
    found = _NETLOC.fullmatch(parts.netloc)
    if found is None:
        raise BadArgument("the URL has no well-formed host and port", argument=argument)
    literal, name, digits = found.groups()
    port = int(digits) if digits else _DEFAULT_PORTS[parts.scheme]
    if not 0 < port < 65536:
        raise BadArgument("the URL's port is not between 1 and 65535", argument=argument)
    try:
        if literal is not None:
            return str(IPv6Address(literal)), port
        host = name.lower() if name.isascii() else name.encode("idna").decode("ascii").lower()
    except ValueError as err:
        raise BadArgument("the URL's host is malformed", argument=argument) from err
    if _HOST.fullmatch(host) is None:
        raise BadArgument("the URL's host is malformed", argument=argument)
    return host, port


def resolve(host: str, seconds: float, *, argument: str) -> tuple[IPAddress, ...]:
    """Look a host up once, in a thread of its own because the system's resolver has no time limit.

    An address is itself; spellings such as 0x7f.1 or 2130706433 give the address that the system
    takes them for. Raises UpstreamFailed when there is no answer.
    """
    with suppress(ValueError):
        return (ip_address(host),)
    answers: queue.SimpleQueue[tuple[IPAddress, ...] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            answers.put(tuple(dict.fromkeys(ip_address(entry[4][0]) for entry in entries)))
        except (OSError, ValueError) as err:
            answers.put(err)

    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    try:
        found = _waited(answers, seconds)
    except queue.Empty as err:
        raise UpstreamSilent(
            f"the name {host} was not resolved in time; try again later", argument=argument
        ) from err
    if isinstance(found, Exception) or not found:
        raise UpstreamFailed(
            f"the name {host} cannot be resolved; check its spelling", argument=argument
        )
    return found


def _waited(answers: "queue.SimpleQueue[T]", seconds: float) -> T:
    """Give what comes within some seconds; raises queue.Empty."""
    if seconds > PATIENCE:
        with suppress(queue.Empty):
            return answers.get(timeout=PATIENCE)
        seconds -= PATIENCE
    with away():
        return answers.get(timeout=seconds)


def check(
    host: str, port: int, addresses: Sequence[IPAddress], settings: Fetch, *, argument: str
) -> None:
    """Raise ForbiddenAddress unless every address of the host may be reached at this port."""
    for address in addresses:
        plain = getattr(address, "ipv4_mapped", None) or address
        if any(plain in network for network in settings.allow):
            continue
        if not is_public(plain):
            raise ForbiddenAddress(
                f"{host} is not on the public internet; put the file on a public server",
                argument=argument,
            )
        if port not in settings.ports:
            ports = ", ".join(str(number) for number in settings.ports)
            raise ForbiddenAddress(
                f"port {port} of {host} is not opened; the ports allowed are {ports}",
                argument=argument,
            )


def is_public(address: IPAddress) -> bool:
    """Whether an address, and every IPv4 address that it carries inside, is public unicast."""
    if isinstance(address, IPv6Address):
        carried = _carried(address)
        if carried:
            return all(is_public(inner) for inner in carried)
        if address not in _UNICAST:
            return False
    return not any(address in network for network in _SPECIAL)


def _carried(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """IPv4 addresses inside a mapped, NAT64 (RFC 6052), 6to4 or Teredo address."""
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    return address.teredo or ()
