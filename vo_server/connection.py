"""Connection: HTTP/1.1 whose request heads are bounded, in bytes by h11 and in time here."""

import asyncio

from uvicorn.protocols.http import h11_impl
from uvicorn.protocols.http.h11_impl import H11Protocol

from vo_server.streaming import Status

# Seconds from a new or idle connection's first byte, or its opening, to a whole request head.
HEAD_SECONDS = 20.0


class _Phrases(dict[int, bytes]):
    """The server's table of reason phrases, in which a status brings its own."""

    def __getitem__(self, status: int) -> bytes:
        """Give the phrase of a status."""
        if isinstance(status, Status):
            return status.phrase.encode("ascii", "replace")
        return super().__getitem__(status)


# ASGI has no reason phrases; the server looks them up in this table when it sends a response.
h11_impl.STATUS_PHRASES = _Phrases(h11_impl.STATUS_PHRASES)


class Connection(H11Protocol):
    """Closes a connection on which no whole request head comes in time."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect the first head."""
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Take bytes; while a request is served nothing is expected."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._expect()
        else:
            self._served()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing any more."""
        self._served()
        super().connection_lost(exc)

    def _expect(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _served(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
