"""Registry: look-ups, children, doubled ids, and freshness."""

import threading
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


def test_a_look_up_does_not_wait_for_providers_that_are_asked_again() -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Given):
        def resources(self) -> Sequence[Resource]:
            if self.asked:
                begun.set()
                go_on.wait(60)
            return super().resources()

    provider = Slow([_RUN])
    registry = Registry([provider], fresh=-1.0)
    assert registry.all() == [_RUN]
    provider.served.append(_OUTPUT)
    assert registry.all() == [_RUN]
    assert begun.wait(60)
    assert registry.get(_RUN.id).resource is _RUN
    go_on.set()
    assert registry.get(_OUTPUT.id).resource is _OUTPUT


def test_a_provider_that_fails_takes_no_other_with_it(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Given):
        def resources(self) -> Sequence[Resource]:
            raise KeyError("oh")

    registry = Registry([Broken([]), Given([_RUN], files=[Refused("a.nc", "damaged")])])
    assert registry.all() == [_RUN]
    assert [r.source for r in registry.refused()] == ["Broken", "a.nc"]
    assert "KeyError" in caplog.text
    assert "not served: a.nc: damaged" in caplog.text
