"""A provider of long time series in memory, for measurements only."""

from collections.abc import Iterator, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from vo_server.model.parameter import Parameter
from vo_server.model.request import SeriesRequest
from vo_server.model.resource import Kind, Refused, Resource
from vo_server.model.series import Series
from vo_server.model.table import Header, Table
from vo_server.model.time import TimeInterval
from vo_server.ports import Site

_BLOCK = 65_536
_MINUTE = np.timedelta64(60_000_000_000, "ns")
_START = np.datetime64("2025-01-01", "ns")
_PARAMETERS = (
    Parameter("Time", np.dtype("datetime64[ns]")),
    Parameter("a", unit="nT"),
    Parameter("b", unit="nT", shape=(3,)),
)
YEAR = 525_600
LONG = 100_000_000  # records, a year and more at 0.4 s


class Long:
    """Serves a year of minutes, and a hundred million records."""

    class Options(BaseModel):
        """No options."""

        model_config = ConfigDict(extra="forbid")

    def __init__(self, options: Options, site: Site) -> None:
        self._values = np.random.default_rng(1).normal(size=(YEAR, 4))
        self._steps = {"year": _MINUTE, "long": np.timedelta64(400_000_000, "ns")}
        self._counts = {"year": YEAR, "long": LONG}

    def resources(self) -> Sequence[Resource]:
        """Give both."""
        return [
            Resource(
                f"spase://Demo/NumericalData/{name}", Kind.SERIES, name, _PARAMETERS, version="1",
                series=Series(
                    name,
                    TimeInterval(_START, _START + self._counts[name] * step),
                    cadence=step,
                ),
            )
            for name, step in self._steps.items()
        ]  # fmt: skip

    def refused(self) -> Sequence[Refused]:
        """Nothing is refused."""
        return ()

    def read(self, request: SeriesRequest) -> Iterator[Table]:
        """Give the records of the interval."""
        assert request.resource.series is not None
        name = request.resource.series.name
        step, count = self._steps[name], self._counts[name]
        first = int((request.interval.start - _START) // step)
        last = min(count, int(-(-(request.interval.stop - _START) // step)))
        for begin in range(first, last, _BLOCK):
            place = np.arange(begin, min(begin + _BLOCK, last))
            values = self._values[place % YEAR]
            times = _START + place * step
            yield Table(Header(_PARAMETERS), (times, values[:, 0], values[:, 1:]))
