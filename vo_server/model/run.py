"""Run file: what the files of one simulation run cannot tell, as people write it in `run.toml`."""

import datetime
import math
import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from vo_server.errors import BadFile, Refusal
from vo_server.model.resource import Conditions
from vo_server.model.time import parse_time
from vo_server.units import BOLTZMANN, quantity

RUN_FILE = "run.toml"
_LONGEST_ID = 512
_ID = r"^spase://[A-Za-z0-9_.-]+/[A-Za-z0-9]+/[^\s?#\\]+$"


def _inside(name: str) -> str:
    """Refuse names of files that do not lie beside the run file."""
    if name in ("", "..") or PurePosixPath(name).name != name or not name.isprintable():
        raise ValueError("must be the name of a file inside the run's folder")
    return name


def _quantity(text: str, unit: str) -> float:
    try:
        value = quantity(text, unit, argument="value")
    except Refusal as err:
        raise ValueError(err.message.replace(" of value", "").removeprefix("value ")) from err
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def _is(unit: str) -> AfterValidator:
    """Check that a text is a number with a unit of the kind of `unit`."""

    def check(text: str) -> str:
        _quantity(text, unit)
        return text

    return AfterValidator(check)


def _temperature(text: str) -> str:
    """Check that a text is a temperature, or the energy that stands for one, such as 10 eV."""
    try:
        _quantity(text, "J")
    except ValueError:
        _quantity(text, "K")
    return text


def _kelvin(text: str | None) -> float | None:
    """Give a temperature, or the energy that stands for one, in kelvin."""
    if text is None:
        return None
    try:
        return _quantity(text, "J") / BOLTZMANN
    except ValueError:
        return _quantity(text, "K")


def _above_zero(unit: str) -> AfterValidator:
    """Check that a text is a number above zero with a unit of the kind of `unit`."""

    def check(text: str) -> str:
        if _quantity(text, unit) <= 0.0:
            raise ValueError("must be more than zero")
        return text

    return AfterValidator(check)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line of printable characters")
    return text.strip()


def _identifier(text: str) -> str:
    if len(text) > _LONGEST_ID or re.fullmatch(_ID, text) is None:
        raise ValueError(
            "must look like spase://MyLab/SimulationRun/MyRun, without blanks, ? and #"
        )
    return text


def _time(given: object) -> object:
    """Take a date of TOML for its text, and check that a text is a time."""
    text = given.isoformat() if isinstance(given, datetime.date) else given
    if isinstance(text, str):
        try:
            parse_time(text)
        except Refusal as err:
            raise ValueError("must be a time such as 2012-01-31T23:59:00Z") from err
    return text


def _seconds(moments: list[np.datetime64]) -> bool:
    """Tell whether times ascend from one second to another."""
    return bool((np.diff(np.array(moments, "datetime64[s]")).astype(int) > 0).all())


def _listed(given: Any) -> Any:
    """Take one table for a list of it."""
    return [given] if isinstance(given, dict) else given


Identifier = Annotated[str, AfterValidator(_identifier)]
Length = Annotated[str, _above_zero("m")]
Speed = Annotated[str, _above_zero("m/s")]
Duration = Annotated[str, _above_zero("s")]
Text = Annotated[str, AfterValidator(_printable)]
Time = Annotated[str, BeforeValidator(_time)]
File = Annotated[str, AfterValidator(_inside)]
BodyName = Annotated[Text, Field(min_length=1, max_length=64)]
Url = Annotated[str, Field(pattern=r"^(https?|ftp)://[!#-;=?-~]+$", max_length=2000)]
Name = Annotated[str, Field(pattern=r"^\s*[A-Za-z][A-Za-z0-9_.-]*\s*$", max_length=64)]


ModelType = Literal[
    "Analytic",
    "AOGCM",
    "Electrohydrodynamic",
    "Empirical",
    "GCM",
    "Hybrid",
    "MHD",
    "NonHydrostatic",
    "Paraboloid",
    "PIC",
    "TestParticle",
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Override(_Section):
    """One parameter or axis: where the file lacks a unit or a name needs mapping.

    name: published name; source: the file's own name, the same where it is left out; unit: in
    place of the file's own.
    """

    name: str = Field(min_length=1, max_length=128, pattern=r"^[^\s,<>&\"']+$")
    source: str | None = None
    unit: str | None = None
    ucd: Text | None = None
    description: Text = ""


class Snapshot(_Section):
    """One time (UTC) of an output that changes, the file that holds it, and where others get it."""

    time: Time
    file: File
    url: Url | None = None

    @property
    def moment(self) -> np.datetime64:
        """When it is."""
        return parse_time(self.time)


class Output(_Section):
    """One published output: the file that holds it, or one file for each of its times.

    grid: where a file leaves that open, whether its values lie at the nodes that the coordinates
    of its axes are, or amid the cells that begin there.
    """

    id: Identifier
    file: File | None = None
    snapshots: tuple[Snapshot, ...] = ()
    title: Text = ""
    population: Text | None = None
    grid: Literal["nodes", "cells"] | None = None
    parameters: tuple[Override, ...] = ()

    @model_validator(mode="after")
    def _held(self) -> "Output":
        if (self.file is None) == (not self.snapshots):
            raise ValueError("file: wants one file, or snapshots with a time and a file each")
        if not _seconds([snapshot.moment for snapshot in self.snapshots]):
            raise ValueError("snapshots: their times must ascend, a second apart or more")
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """Names of all its files."""
        return tuple(s.file for s in self.snapshots) if self.file is None else (self.file,)

    def override(self, source: str) -> Override | None:
        """Give what is said of the file's variable `source`, None where nothing is."""
        return next((p for p in self.parameters if (p.source or p.name) == source), None)


_Field = Annotated[str, _is("T")]
_FLUX = "W.m-2.Hz-1"


class SolarWind(_Section):
    """Upstream conditions of a run, each with its unit.

    time: when, where they change; solar_flux: of the Sun at 10.7 cm (F10.7).
    """

    time: Time | None = None
    density: Annotated[str, _is("1/m3")] | None = None
    velocity: Annotated[str, _is("m/s")] | None = None
    temperature: Annotated[str, AfterValidator(_temperature)] | None = None
    magnetic_field: tuple[_Field, _Field, _Field] | None = None
    solar_flux: Annotated[str, _is(_FLUX)] | None = None

    def conditions(self) -> Conditions:
        """Give them in SI units."""
        density, speed, flux = (
            None if text is None else _quantity(text, unit)
            for text, unit in (
                (self.density, "1/m3"),
                (self.velocity, "m/s"),
                (self.solar_flux, _FLUX),
            )
        )
        field = None
        if self.magnetic_field is not None:
            x, y, z = (_quantity(text, "T") for text in self.magnetic_field)
            field = (x, y, z)
        return Conditions(density, speed, _kelvin(self.temperature), field, self.moment, flux)

    @property
    def moment(self) -> np.datetime64 | None:
        """When they are."""
        return None if self.time is None else parse_time(self.time)


class Run(_Section):
    """One simulation run.

    model_type: how the model computes, in the words of SPASE and IMPEx; frame, body, body_radius:
    may be left out where the files tell them; inner_boundary: radius of the model's obstacle;
    solar_wind: one table, or one for each time where it changes.
    """

    id: Identifier
    model: Identifier
    model_type: ModelType | None = None
    title: Text = ""
    body: BodyName | None = None
    body_radius: Length | None = None
    inner_boundary: Length | None = None
    frame: Name | None = None
    release_date: Text | None = None
    solar_wind: Annotated[tuple[SolarWind, ...], BeforeValidator(_listed)] = ()
    outputs: tuple[Output, ...] = ()

    @model_validator(mode="after")
    def _told_in_order(self) -> "Run":
        moments = [m for wind in self.solar_wind if (m := wind.moment) is not None]
        if len(self.solar_wind) > 1 and len(moments) < len(self.solar_wind):
            raise ValueError("solar_wind: each of several wants a time")
        if not _seconds(moments):
            raise ValueError("solar_wind: their times must ascend, a second apart or more")
        return self

    def metres(self, text: str | None) -> float | None:
        """Give one of the run's lengths in metres."""
        return None if text is None else _quantity(text, "m")

    def authorities(self) -> set[str]:
        """Give the naming authorities of every id in the file."""
        return {i.split("/")[2] for i in (self.id, self.model, *(o.id for o in self.outputs))}


class _File(_Section):
    run: Run


def read_run(path: Path, authority: str) -> Run:
    """Read a run file; ids must lie under `authority`.

    Raises BadFile naming every wrong key, or the foreign id's authority.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as err:
        raise BadFile(f"there is no {path.name} beside it") from err
    except OSError as err:
        raise BadFile(f"{path.name} cannot be read: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise BadFile(f"{path.name} is no UTF-8 text: {err}") from err
    return parse_run(text, authority)


def parse_run(text: str, authority: str) -> Run:
    """Read the text of a run file; see `read_run`."""
    try:
        run = _File(**tomllib.loads(text)).run
    except tomllib.TOMLDecodeError as err:
        raise BadFile(f"{RUN_FILE} is not valid TOML: {err}") from err
    except ValidationError as err:
        raise BadFile(f"{RUN_FILE}: {explain(err)}") from err
    if foreign := run.authorities() - {authority}:
        raise BadFile(
            f"{RUN_FILE}: ids must start with spase://{authority}/, "
            f"found authority {', '.join(sorted(foreign))}"
        )
    for output in run.outputs:
        sources = [parameter.source or parameter.name for parameter in output.parameters]
        if doubled := {source for source in sources if sources.count(source) > 1}:
            raise BadFile(
                f"{RUN_FILE}: {output.id} says two things of {', '.join(sorted(doubled))}"
            )
    ids = [output.id for output in run.outputs]
    if doubled := {i for i in ids if ids.count(i) > 1}:
        raise BadFile(f"{RUN_FILE}: {', '.join(sorted(doubled))} is given twice")
    return run


def explain(error: ValidationError) -> str:
    """Name every wrong key of a validation error in one line, without echoing its value."""
    words = {
        "extra_forbidden": "unknown key",
        "missing": "missing",
        "string_type": "wants text in quotes, for a quantity a number and a unit such as '1 km'",
        "tuple_type": "wants a list, or a table in double brackets",
        "ip_any_network": "wants a range of addresses such as 127.0.0.0/8",
        "ip_v4_network": "wants a range of addresses such as 127.0.0.0/8",
        "ip_v6_network": "wants a range of addresses such as 127.0.0.0/8",
    }
    findings = {
        f"{'.'.join(str(part) for part in item['loc'] if '[' not in str(part))}: "
        f"{words.get(item['type'], item['msg'].removeprefix('Value error, '))}": None
        for item in error.errors()
    }
    return "; ".join(findings)
