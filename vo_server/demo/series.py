"""The sample time series: a magnetometer that flies through the dipole of the sample node."""

from pathlib import Path

import numpy as np

from vo_server.demo.orbit import Orbit
from vo_server.model.space import Body
from vo_server.providers.analytic import Dipole

_DATASET = """\
[dataset]
id = "spase://Demo/NumericalData/MEX-like/MAG/PT1M"
name = "mex_like_mag"
title = "Magnetometer of the sample spacecraft"
description = "The dipole of the sample node along the orbit, with noise; made, not measured."
files = "mag_%Y%m%d.csv"
cadence = "60 s"
stamp = "center"
mission = "MEX-like"
instrument = "MAG"
license_url = "https://creativecommons.org/publicdomain/zero/1.0/"
location = [["Position"]]

[[dataset.parameters]]
name = "Position"
sources = ["X", "Y", "Z"]
unit = "km"
frame = "MSO"
components = ["x", "y", "z"]

[[dataset.parameters]]
name = "B"
sources = ["Bx", "By", "Bz"]
unit = "nT"
frame = "MSO"
components = ["x", "y", "z"]
label = "magnetic field"
ucd = "phys.magField"

[[dataset.parameters]]
name = "Quality"
description = "0: good, 1: doubtful"
"""
_START = np.datetime64("2026-01-01T00:00:00", "ns")
_DAYS = 2
_MINUTES = 1440
_NOISE = 0.2  # nT
_GAP = range(600, 640)  # minutes of the second day without records


def write(folder: Path, orbit: Orbit, dipole: Dipole, body: Body) -> None:
    """Write the series: a CSV file a day, and its dataset file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.toml").write_text(_DATASET, encoding="utf-8")
    random = np.random.default_rng(20260101)
    for day in range(_DAYS):
        minutes = np.array([m for m in range(_MINUTES) if not (day == 1 and m in _GAP)])
        seconds = (minutes + day * _MINUTES) * 60.0
        position = orbit.position(seconds + orbit.period / 2.0)
        field = dipole.formula(position, body) * 1e9 + random.normal(0, _NOISE, position.shape)
        times = _START + (seconds * 1e9).astype("timedelta64[ns]")
        lines = ["Time,X [km],Y [km],Z [km],Bx [nT],By [nT],Bz [nT],Quality"]
        for moment, place, b in zip(times, position / 1e3, field, strict=True):
            cells = [f"{value:.3f}" for value in (*place, *b)]
            doubtful = int(np.linalg.norm(place) < 4000.0)
            lines.append(",".join([f"{moment.astype('datetime64[s]')}Z", *cells, str(doubtful)]))
        name = f"mag_{str(times[0].astype('datetime64[D]')).replace('-', '')}.csv"
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
