"""Namespaces: how long those in other people's XML may be.

lxml gives a name with its namespace in it, so that a long one costs as much again for each element
and attribute. Whoever parses with lxml asks for the event `start-ns`, and checks what it brings
before looking at any name.
"""

from vo_server.errors import BadArgument

_LONGEST = 256  # characters


def check_namespace(uri: str) -> None:
    """Raise BadArgument where a namespace is longer than any that is meant."""
    if len(uri) > _LONGEST:
        raise BadArgument(f"a namespace has more than {_LONGEST} characters")
