"""Plug-ins: found by entry points, options refused by name, formats by name, extension or type."""

from importlib.metadata import EntryPoint

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict

from vo_server import plugins
from vo_server.budget import Budget
from vo_server.contract import check_provider
from vo_server.errors import BadArgument
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.model.space import Points
from vo_server.model.time import Times
from vo_server.ports import Format, Site


def test_the_projects_own_come_in_through_the_doors() -> None:
    assert set(plugins.installed("vo_server.providers")) >= {
        "analytic", "hc-cubes", "lathys-cubes", "netcdf-cubes", "orbit-files"
    }  # fmt: skip
    assert set(plugins.installed("vo_server.fronts")) >= {"impex", "portal"}
    assert set(plugins.installed("vo_server.formats")) >= {"ascii", "csv", "netcdf", "votable"}


def test_unknown_plugins_and_options_are_refused_by_name() -> None:
    with pytest.raises(BadArgument, match=r"no plug-in 'nope' .*hc-cubes"):
        plugins.load("vo_server.providers", "nope")
    with pytest.raises(BadArgument, match=r"hc-cubes: path: missing; pth: unknown key"):
        plugins.build("vo_server.providers", "hc-cubes", {"pth": "x"})


def test_two_plugins_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("a", value, "vo_server.providers") for value in ("m:A", "n:A")]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)
    plugins.installed.cache_clear()
    try:
        with pytest.raises(BadArgument, match=r"two plug-ins are called 'a'.*m:A, n:A"):
            plugins.installed("vo_server.providers")
    finally:
        plugins.installed.cache_clear()


@pytest.mark.parametrize(
    ("word", "name"),
    [("vot", "votable"), (".VOT", "votable"), ("xml", "votable"), ("nc", "netcdf"),
     ("csv", "csv"), ("txt", "ascii"), ("text/csv", "csv"), ("netcdf", "netcdf")],
)  # fmt: skip
def test_formats(word: str, name: str) -> None:
    found = plugins.format_named(word)
    assert found.name == name
    assert isinstance(found, Format)


def test_an_unknown_format_names_those_there_are() -> None:
    with pytest.raises(BadArgument, match=r"no table format 'xls'; known: .*vot"):
        plugins.format_named("xls")


def test_every_own_provider_keeps_the_contract(site: Site) -> None:
    for name in plugins.installed("vo_server.providers"):
        plugin = plugins.load("vo_server.providers", name)
        assert plugin.Options.model_config["extra"] == "forbid", name
    dipole = {
        "id": "spase://MyLab/NumericalOutput/A",
        "run": "spase://MyLab/SimulationRun/A",
        "model": "spase://MyLab/SimulationModel/A",
        "title": "A",
        "body": "Mars",
        "body_radius": "3390 km",
        "frame": "MSO",
        "half_width": "20000 km",
        "field": {"kind": "dipole", "strength": "50 nT"},
    }
    assert check_provider(plugins.load("vo_server.providers", "analytic"), dipole, site) == []


class _Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Tracker:
    """Knows one orbit at any time, at the origin wherever it is asked for."""

    Options = _Nothing

    def __init__(self, options: _Nothing, site: Site) -> None:
        self._orbit = Resource("spase://MyLab/NumericalData/A/Orbit", Kind.ORBIT, "A")

    def resources(self) -> list[Resource]:
        return [self._orbit]

    def refused(self) -> list[Refused]:
        return []


class _Here(_Tracker):
    def positions(self, resource: Resource, times: Times, budget: Budget) -> Points:
        return np.zeros((len(times), 3))


class _Flat(_Tracker):
    def positions(self, resource: Resource, times: Times, budget: Budget) -> Points:
        return np.full(len(times), np.nan)


class _Sound(_Tracker):
    def positions(self, resource: Resource, times: Times, budget: Budget) -> Points:
        return np.full((len(times), 3), np.nan)


@pytest.mark.parametrize(
    ("plugin", "finding"),
    [
        (_Tracker, "has no positions: its provider lacks orbit() and positions()"),
        (_Here, "positions at times that it does not cover are not NaN"),
        (_Flat, "positions at times are float64 (2,), not float64 (times, 3)"),
        (_Sound, None),
    ],
)
def test_positions_at_any_time_keep_the_contract(
    site: Site, plugin: type[_Tracker], finding: str | None
) -> None:
    found = check_provider(plugin, {}, site)
    assert (len(found) == 1 and finding in found[0]) if finding else found == []


def test_the_contract_finds_what_is_broken(site: Site) -> None:
    class NoOptions:
        pass

    assert check_provider(NoOptions, {}, site) == [
        "it has no Options class derived from pydantic's BaseModel"
    ]
