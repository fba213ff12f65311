"""Dataset file: what the files of a time series cannot tell, as people write `dataset.toml`."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from vo_server.errors import BadArgument, BadFile
from vo_server.model.parameter import Bins
from vo_server.model.run import Duration, Identifier, Text, explain
from vo_server.model.series import Metadata, Place, Stamp
from vo_server.model.time import parse_restricted
from vo_server.units import quantity

DATASET_FILE = "dataset.toml"
_NO_NAME = re.compile(r"[\s,\"'&<>?#]")


def _time(text: str) -> str:
    try:
        parse_restricted(text, argument="it")
    except BadArgument as err:
        raise ValueError(err.message) from err
    return text


def _inside(pattern: str) -> str:
    """Refuse patterns that lead out of the folder."""
    parts = Path(pattern).parts
    if not pattern or pattern.startswith("/") or ".." in parts or not pattern.isprintable():
        raise ValueError("must be a pattern of files inside the dataset's folder")
    return pattern


def _word(text: str) -> str:
    if not text or _NO_NAME.search(text) or not text.isprintable():
        raise ValueError("must have no blanks, commas, quotes and none of & < > ? #")
    return text


Time = Annotated[str, AfterValidator(_time)]
Name = Annotated[str, AfterValidator(_word), Field(max_length=200)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dimension(_Section):
    """What the elements along one dimension of a parameter are; none of the two: no bins."""

    name: Text
    unit: Text | None = None
    centers: tuple[float, ...] | str | None = None
    ranges: tuple[tuple[float, float], ...] | str | None = None
    label: Text = ""
    description: Text = ""

    def bins(self) -> Bins:
        """Give them as the kernel has them."""
        return Bins(self.name, self.unit, self.centers, self.ranges, self.label, self.description)


class Column(_Section):
    """One parameter: where the files lack something, or columns become one vector.

    sources: the files' own names, more than one for a vector; missing: numbers that stand for no
    value; kind: what the numbers are taken as.
    """

    name: Name
    sources: tuple[str, ...] = ()
    kind: Literal["double", "integer", "string"] | None = None
    unit: Text | None = None
    units: tuple[Text | None, ...] = ()
    label: Text = ""
    labels: tuple[Text, ...] = ()
    ucd: Text | None = None
    description: Text = ""
    missing: tuple[float, ...] = ()
    fill: str | None = None
    length: int | None = Field(None, gt=0, le=65_536)
    frame: Text | None = None
    components: tuple[Text, ...] = ()
    bins: tuple[Dimension, ...] = ()
    media_type: str | None = None


class Further(_Section):
    """Metadata in another standard."""

    name: Text
    content: str = ""
    url: str = ""
    schema_url: str = ""
    about_url: str = ""

    def metadata(self) -> Metadata:
        """Give it as the kernel has it."""
        return Metadata(self.name, self.content, self.url, self.schema_url, self.about_url)


class Fixed(_Section):
    """A place that does not move."""

    point: tuple[float, ...] = Field(min_length=2, max_length=3)
    components: tuple[Text, ...] = ("x", "y", "z")
    unit: Text
    frame: Text

    def place(self) -> Place:
        """Give it as the kernel has it."""
        return Place(self.point, self.components, self.unit, self.frame)


class DatasetFile(_Section):
    """One time series.

    files: pattern of its files in the folder, with `*` and the times `%Y %m %d %j %H %M %S` where
    their names tell them; format: of the files, else by their extension; time: name of the column
    of times, where it is not found; start, stop: coverage, where more is to come; drop: columns
    that are not served.
    """

    id: Identifier
    name: Name | None = None
    title: Text = ""
    files: Annotated[str, AfterValidator(_inside)]
    format: Text | None = None
    time: str | None = None
    start: Time | None = None
    stop: Time | None = None
    sample_start: Time | None = None
    sample_stop: Time | None = None
    cadence: Duration | None = None
    stamp: Stamp = "center"
    measures: tuple[Text, ...] = ()
    region: tuple[Text, ...] = ()
    description: str = ""
    mission: Text = ""
    instrument: Text = ""
    contact: Text = ""
    contact_id: Text = ""
    citation: Text = ""
    license_url: Text = ""
    provenance: Text = ""
    resource_url: Text = ""
    resource_id: Text = ""
    created: Time | None = None
    unit_schema: Literal["", "udunits2", "astropy3", "cdf-cluster", "vounits1.1"] = ""
    frame_schema: Text = ""
    location: tuple[tuple[str, ...], ...] = ()
    place: Fixed | None = None
    geo: tuple[float, ...] = Field((), max_length=3)
    notes: tuple[Text, ...] = ()
    warnings: tuple[Text, ...] = ()
    metadata: tuple[Further, ...] = ()
    parameters: tuple[Column, ...] = ()
    drop: tuple[str, ...] = ()

    def moment(self, text: str | None) -> np.datetime64 | None:
        """Give one of the dataset's times."""
        return None if text is None else parse_restricted(text, argument="time")

    def step(self) -> np.timedelta64 | None:
        """Give the cadence, where it is told."""
        if self.cadence is None:
            return None
        seconds = quantity(self.cadence, "s", argument="cadence")
        return np.timedelta64(round(seconds * 1e9), "ns")


class _File(_Section):
    dataset: DatasetFile


def read_dataset(path: Path, authority: str) -> DatasetFile:
    """Read a dataset file; its id must lie under `authority`.

    Raises BadFile naming every wrong key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as err:
        raise BadFile(f"{path.name} cannot be read: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise BadFile(f"{path.name} is no UTF-8 text: {err}") from err
    return parse_dataset(text, authority)


def parse_dataset(text: str, authority: str) -> DatasetFile:
    """Read the text of a dataset file; see `read_dataset`."""
    try:
        dataset = _File(**tomllib.loads(text)).dataset
    except tomllib.TOMLDecodeError as err:
        raise BadFile(f"{DATASET_FILE} is not valid TOML: {err}") from err
    except ValidationError as err:
        raise BadFile(f"{DATASET_FILE}: {explain(err)}") from err
    if not dataset.id.startswith(f"spase://{authority}/"):
        raise BadFile(f"{DATASET_FILE}: id must start with spase://{authority}/")
    names = [column.name for column in dataset.parameters]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise BadFile(f"{DATASET_FILE}: {', '.join(sorted(doubled))} is given twice")
    return dataset
