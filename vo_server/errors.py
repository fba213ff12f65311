"""Refusals: what was wrong with a request, a file or the node itself, free of any protocol's words.

A front maps each class to its own codes in one table. `Refusal` and its direct kinds are the
asker's to mend; `Failure` and its kinds are the node's.
"""


class Refusal(Exception):
    """A request that cannot be served as asked: one sentence, and the argument it is about."""

    def __init__(self, message: str, *, argument: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.argument = argument

    def __str__(self) -> str:
        return self.message


class UnknownResource(Refusal):
    """No resource of this id is served here."""


class UnknownParameter(Refusal):
    """The resource has no parameter of this name."""


class BadArgument(Refusal):
    """An argument is missing, malformed or out of range."""


class BadTable(Refusal):
    """A table given by the asker cannot be read, or lacks what the request needs."""


class WrongUnit(Refusal):
    """A unit is missing, unknown or of the wrong physical kind."""


class WrongFrame(Refusal):
    """A coordinate frame is missing, unknown or cannot be transformed exactly."""


class TooMuch(Refusal):
    """The request goes beyond a limit of this node; the limit and its value are named."""


class ForbiddenAddress(Refusal):
    """A URL given by the asker that this node does not open."""


class UpstreamFailed(Refusal):
    """A URL given by the asker could not be read: not there, too slow, too large, broken."""


class UpstreamSilent(UpstreamFailed):
    """A server cannot be connected to, or did not answer in time."""


class UpstreamBusy(UpstreamFailed):
    """A server asks to be left alone for a while; after: seconds, None where it does not say."""

    def __init__(
        self, message: str, *, argument: str | None = None, after: float | None = None
    ) -> None:
        super().__init__(message, argument=argument)
        self.after = after


class Failure(Refusal):
    """The node's own trouble: the same request may succeed later or elsewhere."""


class BadFile(Failure):
    """A file that the node serves is gone, truncated or contradicts itself."""


class StorageFull(Failure):
    """The result store cannot take the result."""


class Stopping(Failure):
    """The node is going down; work in flight was ended."""


def excerpt(text: str, length: int = 40) -> str:
    """Give text of an asker fit for a message: quoted, printable, at most `length` characters."""
    start = text[:length]
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in start)
    return f"'{clean}{'...' if len(text) > length else ''}'"
