"""Series: what a time series tells of itself beyond its columns."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from vo_server.model.time import TimeInterval

Stamp = Literal["begin", "center", "end", "other"]


@dataclass(frozen=True, slots=True)
class Metadata:
    """Further metadata in another standard: its text, or the URL where it is.

    name: of the standard, such as SPASE; schema_url, about_url: for programs and for people.
    """

    name: str
    content: str = ""
    url: str = ""
    schema_url: str = ""
    about_url: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a series was measured, when that does not move.

    point: one number for each of `components`, in `unit` (one for all) in the named frame.
    """

    point: tuple[float, ...]
    components: tuple[str, ...]
    unit: str
    frame: str


@dataclass(frozen=True, slots=True)
class Series:
    """A time series: one record a time, the first column.

    name: short id within the node; coverage: [first time, last time + a millisecond);
    digits: of the fraction of a second that its times are told with; cadence: nominal distance of
    records; sample: a short interval that holds typical records; stamp: where in its interval of
    measurement the time of a record lies; records: how many there are, where that is known;
    location: names of the columns with the position, one tuple for each frame; place, geo: where
    it was measured, when that is fixed: geo is (longitude, latitude in degrees[, altitude in m]);
    measures, region: what is observed where, in the words of SPASE; of: id of the series that a
    companion is about, such as its errors.
    """

    name: str
    coverage: TimeInterval
    digits: int = 3
    cadence: np.timedelta64 | None = None
    sample: TimeInterval | None = None
    stamp: Stamp = "center"
    records: int | None = None
    description: str = ""
    mission: str = ""
    instrument: str = ""
    contact: str = ""
    contact_id: str = ""
    citation: str = ""
    license_url: str = ""
    provenance: str = ""
    resource_url: str = ""
    resource_id: str = ""
    created: np.datetime64 | None = None
    modified: np.datetime64 | None = None
    unit_schema: str = ""
    frame_schema: str = ""
    location: tuple[tuple[str, ...], ...] = ()
    place: Place | None = None
    geo: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    of: str = ""
    metadata: tuple[Metadata, ...] = ()
