"""Headers of netCDF classic files: places as the library has them, and damage."""

from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from vo_server.errors import BadTable
from vo_server.formats.classic_header import Header, read_header


def _header(raw: bytes) -> Header:
    return read_header(lambda start, length: raw[start : start + length], len(raw))


_KINDS = ("NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA")


def _write(path: Path, kind: Any, *, records: tuple[str, ...] = ("n", "b")) -> None:
    with netCDF4.Dataset(path, "w", format=kind) as dataset:
        dataset.title = "odd"
        dataset.setncattr("numbers", np.arange(3, dtype="i2"))
        for name, length in (("t", None), ("x", 3), ("y", 5)):
            dataset.createDimension(name, length)
        dataset.createVariable("none", "f8", ())[...] = 4.0
        dataset.createVariable("bytes", "i1", ("x",))[:] = [1, 2, 3]
        dataset.createVariable("plain", "f4", ("y", "x")).units = "nT"
        dataset["plain"][:] = np.arange(15.0).reshape(5, 3)
        for i, name in enumerate(records):
            dataset.createVariable(name, "i2", ("t", "x"))[:] = np.arange(12).reshape(4, 3) + i


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("records", [("n", "b"), ("n",), ()])
def test_places(tmp_path: Path, kind: str, records: tuple[str, ...]) -> None:
    path = tmp_path / "a.nc"
    _write(path, kind, records=records)
    raw = path.read_bytes()
    placed = {each.name: each for each in _header(raw).variables}
    with netCDF4.Dataset(path) as dataset:
        assert set(placed) == set(dataset.variables)
        for name, found in placed.items():
            view: Any = np.ndarray(found.shape, found.stored, raw, found.offset, found.strides)
            np.testing.assert_array_equal(view, dataset[name][...])
    assert max(found.end for found in placed.values()) <= len(raw)


@pytest.mark.parametrize("kind", _KINDS)
def test_every_cut_is_noticed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.nc"
    _write(path, kind)
    raw = path.read_bytes()
    for length in range(0, len(raw) - 2, 7):
        with pytest.raises(BadTable):
            _header(raw[:length])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"CDF\x03" + bytes(60), "no netCDF classic file of the kinds"),
        (b"\x89HDF\r\n\x1a\n", "no netCDF classic file of the kinds"),
        (b"CDF\x01" + b"\xff" * 60, "is broken"),
        (b"CDF\x01\0\0\0\0\0\0\0\x0a\xff\xff\xff\xff" + bytes(60), "than 65536 entries"),
        (b"CDF\x01\0\0\0\0\0\0\0\x0a\0\0\0\x01\xff\xff\xff\xff" + bytes(60), "ends too early"),
        (b"CDF\x01" + bytes(4) + bytes(16) + b"\0\0\0\x0b\0\0\0\x01\0\0\0\x01a\0\0\0\0\0\0\x01"
         + bytes(60), "dimension that is not there"),
    ],
)  # fmt: skip
def test_damage(content: bytes, reason: str) -> None:
    with pytest.raises(BadTable, match=reason):
        _header(content)
