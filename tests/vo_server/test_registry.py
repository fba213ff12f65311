"""Registry: look-ups, children, doubled ids, and freshness."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from vo_server import registry as registry_module
from vo_server.errors import UnknownResource
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.registry import Registry

_AGE = 10.0
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


@dataclass
class Clock:
    """A clock that tests set."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put a clock in the place of the registry's."""
    made = Clock()
    monkeypatch.setattr(registry_module, "time", made)
    return made


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
    stale = Registry([provider], fresh=0.0)
    stale.all()
    provider.served.append(_OUTPUT)
    assert stale.get(_OUTPUT.id).resource is _OUTPUT


def test_an_old_answer_is_not_given(clock: Clock) -> None:
    provider = Given([_RUN])
    registry = Registry([provider], fresh=_AGE)
    assert registry.all() == [_RUN]
    provider.served = [_OUTPUT]
    clock.now += 4 * _AGE
    assert registry.all() == [_OUTPUT]
    assert registry.snapshot() == (1, 0)


def test_a_look_up_does_not_wait_for_providers_that_are_asked_again(clock: Clock) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Given):
        def resources(self) -> Sequence[Resource]:
            if self.asked:
                begun.set()
                go_on.wait(60)
            return super().resources()

    provider = Slow([_RUN])
    registry = Registry([provider], fresh=_AGE)
    assert registry.all() == [_RUN]
    provider.served.append(_OUTPUT)
    clock.now += 1.5 * _AGE
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
