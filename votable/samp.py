"""SAMP clients of this program: one that sends a table, one that flies what it is sent.

The standard profile, through pyvo.samp. The hub is somebody else's: TOPCAT, Aladin, jsamp.
"""

import queue
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from xmlrpc.client import Error as XMLRPCError

from vo_server.errors import BadArgument, Refusal, UpstreamFailed
from votable.message import MTYPES, Message, understood

_PATIENCE = 30  # seconds for a client to load a table
_WAITING = 8  # messages
_TICK = 1.0  # seconds after which the hub is asked whether it is still there
_RECEIVED = (MTYPES["votable"], MTYPES["cdf"])
_GONE = (OSError, XMLRPCError, HTTPException)

Fly = Callable[[Message], Message]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message at one client."""

    client: str
    ok: bool
    reason: str = ""


@contextmanager
def connected(name: str, description: str) -> Iterator[Any]:
    """Register with the running hub until the block ends; raises UpstreamFailed without one."""
    try:
        from pyvo.samp import SAMPIntegratedClient
        from pyvo.samp.errors import SAMPHubError, SAMPProxyError
    except ImportError as err:
        raise BadArgument(
            "SAMP needs pyvo; install vo-server with the extra [samp]", argument="samp"
        ) from err
    client = SAMPIntegratedClient(name=name, description=description, addr="127.0.0.1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what pyvo remarks of lock files of dead hubs
        try:
            client.connect()
        except (SAMPHubError, SAMPProxyError, *_GONE) as err:
            raise UpstreamFailed(
                "no SAMP hub answers; start TOPCAT, Aladin or another program that has one"
            ) from err
        try:
            yield client
        except (SAMPHubError, *_GONE) as err:
            raise UpstreamFailed("the SAMP hub went away") from err
        finally:
            with suppress(SAMPHubError, SAMPProxyError, *_GONE):
                client.disconnect()


def send(client: Any, message: Message, to: str | None = None) -> list[Outcome]:
    """Send a table to every client that takes it, or to the one of a name, and wait for each.

    Raises BadArgument naming the clients there are where none takes it.
    """
    names = {identity: _name(client, identity) for identity in takers(client, message.mtype)}
    chosen = [i for i, name in names.items() if to is None or name.casefold() == to.casefold()]
    if not chosen:
        there = ", ".join(sorted(set(names.values()))) or "none"
        wanted = f"no client '{to[:40]}' takes" if to else "no client takes"
        raise BadArgument(f"{wanted} {message.mtype}; there are: {there}", argument="to")
    return [_sent(client, identity, names[identity], message) for identity in chosen]


def takers(client: Any, mtype: str) -> list[str]:
    """Give the identities of the clients that take a message, this one left out."""
    return sorted(client.get_subscribed_clients(mtype))


def _name(client: Any, identity: str) -> str:
    told = client.get_metadata(identity)
    return str(told.get("samp.name") or identity)


def _sent(client: Any, identity: str, name: str, message: Message) -> Outcome:
    from pyvo.samp.errors import SAMPProxyError

    try:
        answer = client.call_and_wait(identity, message.wire, str(_PATIENCE))
    except (SAMPProxyError, XMLRPCError) as err:
        if isinstance(err, XMLRPCError) and not client.is_connected:
            raise
        return Outcome(name, False, f"it did not answer ({str(err)[:100]})")
    status = answer.get("samp.status") if isinstance(answer, Mapping) else None
    if status in ("samp.ok", "samp.warning"):
        return Outcome(name, True)
    error = answer.get("samp.error", {}) if isinstance(answer, Mapping) else {}
    reason = error.get("samp.errortxt") if isinstance(error, Mapping) else None
    return Outcome(name, False, str(reason or "it gave no reason")[:200])


class Listener:
    """Takes tables one after the other, and sends back what comes of each."""

    def __init__(self, client: Any, fly: Fly, say: Say) -> None:
        """Subscribe; fly: makes the answer to a message; say: tells people what happens."""
        self._client, self._fly, self._say = client, fly, say
        self._waiting: queue.Queue[tuple[str, str | None, str, Any]] = queue.Queue(_WAITING)
        for mtype in _RECEIVED:
            client.bind_receive_call(mtype, self._call)
            client.bind_receive_notification(mtype, self._notice)

    def run(self) -> None:
        """Work until the hub goes away, which raises UpstreamFailed, or Ctrl-C."""
        while True:
            try:
                sender, message_id, mtype, params = self._waiting.get(timeout=_TICK)
            except queue.Empty:
                self._check()
                continue
            self._serve(sender, message_id, mtype, params)

    def _check(self) -> None:
        from pyvo.samp.errors import SAMPProxyError

        try:
            self._client.ping()
        except (SAMPProxyError, *_GONE) as err:
            raise UpstreamFailed("the SAMP hub went away") from err

    def _call(
        self, key: str, sender: str, message_id: str, mtype: str, params: Any, extra: Any
    ) -> None:
        try:
            self._waiting.put_nowait((sender, message_id, mtype, params))
        except queue.Full:
            self._client.ereply(message_id, "samp.error", error=_error("busy; try again later"))

    def _notice(self, key: str, sender: str, mtype: str, params: Any, extra: Any) -> None:
        with suppress(queue.Full):
            self._waiting.put_nowait((sender, None, mtype, params))

    def _serve(self, sender: str, message_id: str | None, mtype: str, params: Any) -> None:
        """Answer one message, then send the result to whoever sent the table."""
        try:
            answer = self._fly(understood(mtype, params))
        except Refusal as refusal:
            self._say(f"refused a table: {refusal.message}")
            if message_id is not None:
                self._client.ereply(message_id, "samp.error", error=_error(refusal.message))
            return
        if message_id is not None:
            self._client.ereply(message_id, "samp.ok", result={})
        self._return(sender, answer)

    def _return(self, sender: str, answer: Message) -> None:
        if sender not in takers(self._client, answer.mtype):
            self._say(f"the sender takes no table; the result is at {answer.url}")
            return
        outcome = _sent(self._client, sender, _name(self._client, sender), answer)
        told = "sent back to" if outcome.ok else "not taken by"
        self._say(f"the result was {told} {outcome.client}{outcome.reason and ': '}"
                  f"{outcome.reason}")  # fmt: skip


def _error(text: str) -> dict[str, str]:
    return {"samp.errortxt": text}
