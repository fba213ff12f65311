"""Published descriptions of IMPEx services, as zeep can be brought to load them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from zeep import Client
from zeep.transports import Transport
from zeep.xsd.types import unresolved
from zeep.xsd.types.collection import ListType

_Client: Any = Client  # zeep is untyped


class _References(Transport):
    """Gives reference copies for what the published description imports."""

    def __init__(self, folder: Path) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._folder = folder

    def load(self, url: str) -> bytes:
        """Give the copy of that name, else what the URL holds."""
        copy = self._folder / url.rpartition("/")[2]
        content: bytes = copy.read_bytes() if copy.is_file() else self._fetch(url)
        return content

    def _fetch(self, url: str) -> Any:
        return super().load(url)  # type: ignore[no-untyped-call]


@contextmanager
def _lists_restricted() -> Iterator[None]:
    """Let zeep read a restriction of a list type, which it cannot by itself."""
    resolve: Any = unresolved.UnresolvedCustomType.resolve

    def resolved(self: Any) -> Any:
        base = self.base_type.resolve()
        if isinstance(base, ListType):
            return type(self.name, (type(base),), {})(base.item_type)
        return resolve(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unresolved.UnresolvedCustomType, "resolve", resolved)
        yield


def published_client(shared: Path, name: str) -> Any:
    """Give a client of the published description of a service, such as 'FMI'."""
    folder = shared / "standards/impex"
    with _lists_restricted():
        return _Client(
            str(folder / f"wsdl/{name}/Methods_{name}.wsdl"), transport=_References(folder / "xsd")
        )
