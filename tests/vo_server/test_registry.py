"""Registry: look-ups, children, doubled ids, and freshness."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from vo_server.errors import UnknownResource
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.registry import Registry

_RUN = Resource("spase://MyLab/SimulationRun/A", Kind.RUN, "A")
_OUTPUT = Resource("spase://MyLab/NumericalOutput/A/x", Kind.OUTPUT, "x", parent=_RUN.id)


@dataclass
class Given:
    """A provider of given resources that counts how often it is asked."""

    served: list[Resource]
    asked: int = 0
    files: list[Refused] = field(default_factory=list)

    def resources(self) -> Sequence[Resource]:
        self.asked += 1
        return list(self.served)

    def refused(self) -> Sequence[Refused]:
        return self.files


def test_look_up() -> None:
    registry = Registry([Given([_OUTPUT, _RUN])])
    assert registry.get(_OUTPUT.id).resource is _OUTPUT
    assert registry.all() == [_OUTPUT, _RUN]
    assert registry.all(Kind.RUN) == [_RUN]
    assert registry.children(_RUN.id) == [_OUTPUT]
    with pytest.raises(UnknownResource, match="ResourceID 'nope' is not served here"):
        registry.get("nope", argument="ResourceID")


def test_a_run_may_come_from_two_providers_an_output_not() -> None:
    registry = Registry([Given([_RUN, _OUTPUT]), Given([_RUN, _OUTPUT])])
    assert registry.all() == [_OUTPUT, _RUN]
    assert [r.reason for r in registry.refused()] == [
        f"{_OUTPUT.id} is served from elsewhere already"
    ]


def test_providers_are_asked_again_only_when_stale() -> None:
    provider = Given([_RUN], files=[Refused("a.nc", "damaged")])
    lasting = Registry([provider], fresh=1e9)
    lasting.all()
    lasting.all()
    assert provider.asked == 1
    assert lasting.refused() == (Refused("a.nc", "damaged"),)
    stale = Registry([provider], fresh=-1.0)
    stale.all()
    provider.served.append(_OUTPUT)
    assert stale.get(_OUTPUT.id).resource is _OUTPUT
