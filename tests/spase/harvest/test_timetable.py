"""Timetables: each source on its own, in one process of the node."""

import threading
import time
from collections.abc import Callable

from tests.spase.harvest.conftest import Answer, Peer
from vo_server.context import Context
from vo_server.harvest import Timetable, run
from vo_server.row import Query, SourceState

Node = Callable[..., Context]

_TREE = (
    b'<Spase xmlns="http://impex-fp7.oeaw.ac.at"><Version>2.2.2</Version><Person>'
    b"<ResourceID>spase://Peer/Person/A</ResourceID><OrganizationName>P</OrganizationName>"
    b"</Person></Spase>"
)
_PATIENCE = 20.0  # seconds after which a test gives up


def _source(peer: Peer, name: str, every: str = "1 d") -> str:
    return (
        f'[[harvest]]\nname = "{name}"\nuse = "impex-tree"\nurl = "{peer.url}/{name}.xml"\n'
        f'every = "{every}"\n'
    )


def _until(found: Callable[[], bool]) -> bool:
    ends = time.monotonic() + _PATIENCE
    while not found() and time.monotonic() < ends:
        time.sleep(0.01)
    return found()


def _ended(*names: str) -> bool:
    return not {thread.name for thread in threading.enumerate()} & set(names)


def test_a_peer_that_hangs_holds_up_no_other(peer: Peer, node: Node) -> None:
    stop, gone = threading.Event(), threading.Event()

    def hang(path: str, headers: dict[str, str]) -> Answer:
        gone.wait(_PATIENCE)
        return 200, {}, _TREE

    peer.pages |= {"/slow.xml": hang, "/good.xml": _TREE}
    context = node(_source(peer, "slow") + _source(peer, "good", "0.05 s"))
    begun = time.monotonic()
    Timetable(context, stop).start()
    assert time.monotonic() - begun < _PATIENCE / 4  # it did not wait for a peer
    try:
        assert _until(lambda: sum(path == "/good.xml" for path, _ in peer.asked) > 2)
        assert context.records.state("slow").succeeded is None
        assert context.records.state("good").error == ""
    finally:
        stop.set()
        gone.set()
    assert _until(lambda: _ended("harvest", "harvest slow", "harvest good"))


def test_one_process_harvests(peer: Peer, node: Node) -> None:
    peer.pages["/one.xml"] = _TREE
    text = _source(peer, "one")
    first, second, stop = node(text), node(text), threading.Event()
    Timetable(first, stop).start()
    try:
        assert _until(lambda: first.records.state("one").succeeded is not None)
        Timetable(second, stop).start()
        assert _until(lambda: len([t for t in threading.enumerate() if t.name == "harvest"]) == 2)
        assert len(peer.asked) == 1
    finally:
        stop.set()
    assert _until(lambda: _ended("harvest", "harvest one"))


def test_what_is_fresh_is_not_asked_for_after_a_restart(peer: Peer, node: Node) -> None:
    stop = threading.Event()
    context = node(_source(peer, "one"))
    now = int(time.time())
    context.records.note(SourceState("one", tried=now, succeeded=now))
    Timetable(context, stop).start()
    assert _until(lambda: any(t.name == "harvest one" for t in threading.enumerate()))
    stop.set()
    assert _until(lambda: _ended("harvest", "harvest one"))
    assert peer.asked == []


def test_sources_that_are_no_longer_set_are_let_go_of_at_the_start(peer: Peer, node: Node) -> None:
    peer.pages |= {"/one.xml": _TREE}
    context = node(_source(peer, "one"))
    run(context, context.settings.harvest[0])
    stop, context = threading.Event(), node("")
    Timetable(context, stop).start()
    assert _until(lambda: "no longer" in context.records.state("one").error)
    assert _until(lambda: _ended("harvest"))
    assert context.records.count(Query(sources=("one",))) == 0


def test_a_failing_peer_is_asked_ever_less_and_not_before_it_says(peer: Peer, node: Node) -> None:
    context = node(_source(peer, "one"))
    waits = Timetable(context, threading.Event())._waits(context.settings.harvest[0])
    assert next(waits) == 0.0
    assert 54.0 <= next(waits) <= 66.0
    assert 108.0 <= next(waits) <= 132.0
    peer.pages["/one.xml"] = lambda path, headers: (503, {"Retry-After": "7200"}, b"")
    assert next(waits) == 7200.0
    peer.pages["/one.xml"] = _TREE
    assert next(waits) == 86_400.0
    del peer.pages["/one.xml"]
    assert 54.0 <= next(waits) <= 66.0
