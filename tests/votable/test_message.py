"""SAMP messages: made, understood, and refused where they are malformed."""

from typing import Any

import pytest

from vo_server.errors import BadArgument
from votable.message import MTYPES, load, understood


@pytest.mark.parametrize("form", MTYPES)
def test_what_is_made_is_understood(form: str) -> None:
    wire = load(form, "http://127.0.0.1/a.vot", "a table").wire
    found = understood(wire["samp.mtype"], wire["samp.params"])
    assert (found.url, found.name) == ("http://127.0.0.1/a.vot", "a table")
    assert found.identity == found.url
    assert all(isinstance(value, str) for value in wire["samp.params"].values())


def test_formats_that_samp_has_no_message_for() -> None:
    with pytest.raises(BadArgument, match="votable, cdf, fits, not as csv"):
        load("csv", "http://127.0.0.1/a.csv")


@pytest.mark.parametrize(
    ("mtype", "params"),
    [
        ("table.load.votable", {}),
        ("table.load.votable", {"url": ""}),
        ("table.load.votable", {"url": ["http://127.0.0.1/"]}),
        ("table.load.votable", {"url": {"a": "b"}}),
        ("table.load.votable", "http://127.0.0.1/"),
        ("table.load.votable", None),
        ("samp.hub.event.shutdown", {"url": "http://127.0.0.1/"}),
        ("", {"url": "http://127.0.0.1/"}),
    ],
)
def test_malformed_messages(mtype: str, params: Any) -> None:
    with pytest.raises(BadArgument):
        understood(mtype, params)


def test_names_are_kept_short_and_may_be_missing() -> None:
    url = "http://127.0.0.1/"
    assert len(understood("table.load.cdf", {"url": url, "name": "n" * 9999}).name) == 200
    assert understood("table.load.cdf", {"url": url, "name": ["n"]}).name == ""
