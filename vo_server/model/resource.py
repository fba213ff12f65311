"""Resource: something the node serves, free of any dialect."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from vo_server.model.parameter import Parameter
from vo_server.model.series import Series
from vo_server.model.space import Body, Box, Frame
from vo_server.model.time import BEHIND, TimeInterval


class Kind(StrEnum):
    """What a resource is."""

    MODEL = "model"
    RUN = "run"
    OUTPUT = "output"
    ORBIT = "orbit"
    SERIES = "series"


@dataclass(frozen=True, slots=True)
class Conditions:
    """The solar wind that flows into a run.

    density: 1/m3; speed: m/s; temperature: K; magnetic_field: T, x y z in the run's frame; time:
    when, UTC, of a wind that changes; solar_flux: of the Sun at 10.7 cm (F10.7), W m-2 Hz-1. What
    nobody told is None.
    """

    density: float | None = None
    speed: float | None = None
    temperature: float | None = None
    magnetic_field: tuple[float, float, float] | None = None
    time: np.datetime64 | None = None
    solar_flux: float | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """A simulation model, a run, one of its outputs, an orbit, or a time series.

    id: `spase://authority/Type/...`; parent: id of the output's run or the run's model;
    model: id of an output's model;
    parameters: what can be asked for, in SI units; domain: where it is defined, metres; step:
    smallest distance of its grid's nodes, metres, None where it has no grid; version: changes
    whenever the numbers behind it may have changed; source: where it comes from, for people;
    remarks: what an operator should know, such as a unit overridden by `run.toml`; series: what
    only a time series has; around: name of an orbit's body, whose radius may not be told;
    spacecraft: whose orbit it is; conditions: the solar wind of a run, one for each of its times
    where it changes; method: of a model, such as 'Hybrid' or 'MHD'; time: UTC, of what is one
    snapshot of an output; url: where the file of a snapshot can be had, '' where nobody told;
    snapshots: of an output that changes in time, each a resource by itself,
    in the order of their times. Its fields are those of its snapshots.
    """

    id: str
    kind: Kind
    title: str
    parameters: tuple[Parameter, ...] = ()
    frame: Frame | None = None
    body: Body | None = None
    domain: Box | None = None
    step: float | None = None
    parent: str | None = None
    model: str | None = None
    population: str | None = None
    release_date: str | None = None
    version: str = ""
    source: str = ""
    remarks: tuple[str, ...] = ()
    series: Series | None = None
    around: str | None = None
    spacecraft: str | None = None
    conditions: tuple[Conditions, ...] = ()
    method: str | None = None
    time: np.datetime64 | None = None
    url: str = ""
    snapshots: "tuple[Resource, ...]" = ()

    @property
    def span(self) -> TimeInterval | None:
        """From the first to the last snapshot, None of what does not change."""
        if not self.snapshots:
            return None
        first, last = self.snapshots[0].time, self.snapshots[-1].time
        assert first is not None
        assert last is not None
        return TimeInterval(first, last + BEHIND)


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that a provider does not serve, and why."""

    source: str
    reason: str
