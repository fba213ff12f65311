"""netCDF variables as blocks: the library's numbers, whatever way they are stored and read."""

import ctypes
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vo_server.block_cache import BlockCache, Kept
from vo_server.blocks import Blocks, Formed
from vo_server.errors import BadFile
from vo_server.providers.disk_file import DiskFile
from vo_server.providers.hdf5_chunks import Chunked
from vo_server.providers.netcdf_file import Wanted, arrays, opened, placed_in, values
from vo_server.providers.strided import Strided

_SHAPE = (7, 9, 11)
_AXES = ("x", "y", "z")
_PARTS = (
    (slice(0, 7), slice(0, 9), slice(0, 11)),
    (slice(2, 3), slice(4, 5), slice(6, 7)),
    (slice(1, 6), slice(3, 9), slice(0, 4)),
    (slice(3, 4), slice(0, 9), slice(10, 11)),
)


def _write(
    path: Path,
    *,
    kind: Any = "NETCDF4",
    order: tuple[str, ...] = _AXES,
    dtype: str = "f4",
    unlimited: str = "",
    told: dict[str, Any] | None = None,
    numbers: NDArray[Any] | None = None,
    names: tuple[str, ...] = ("a", "b"),
    **storage: Any,
) -> None:
    """Write variables over x, y and z, the axes in some order."""
    lengths = dict(zip(_AXES, _SHAPE, strict=True)) | {"t": 1}
    with netCDF4.Dataset(path, "w", format=kind) as dataset:
        for name in lengths:
            dataset.createDimension(name, None if name == unlimited else lengths[name])
        for i, name in enumerate(names):
            endian: Any = "big" if dtype.startswith(">") else "native"
            variable = dataset.createVariable(name, dtype, order, endian=endian, **storage)
            variable.setncatts(told or {})
            variable.set_auto_maskandscale(False)
            stored = _numbers(dtype, i) if numbers is None else numbers
            kept = [_AXES.index(axis) for axis in order if axis in _AXES]
            variable[:] = stored.transpose(kept).reshape([lengths[axis] for axis in order])


def _numbers(dtype: str, seed: int) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.standard_normal(_SHAPE).astype(dtype)
    return rng.integers(0, 100, _SHAPE).astype(dtype)


def _blocks(path: Path, name: str = "a") -> Blocks:
    file = DiskFile(path)
    with opened(path) as dataset:
        x, y, z = (dataset.variables[name].dimensions.index(axis) for axis in _AXES)
        (blocks,) = arrays(file, dataset, [Wanted(name, (x, y, z))])
    return blocks


def _expected(path: Path, name: str = "a") -> NDArray[Any]:
    """Give what the library reads, axes in the order x, y, z."""
    with opened(path) as dataset:
        variable = dataset.variables[name]
        dimensions = list(variable.dimensions)
        read = values(variable)
    if "t" in dimensions:
        read = read.squeeze(dimensions.index("t"))
        dimensions.remove("t")
    return read.transpose([dimensions.index(axis) for axis in _AXES])


def _way(blocks: Blocks) -> type:
    """Tell how blocks are read."""
    return type(blocks.sources[0]) if isinstance(blocks, Formed) else type(blocks)


def _check(path: Path, way: type | None, name: str = "a") -> None:
    blocks, expected = _blocks(path, name), _expected(path, name)
    assert blocks.shape == expected.shape
    assert blocks.dtype.isnative
    if way is None:
        assert _way(blocks) not in (Chunked, Strided)
    else:
        assert _way(blocks) is way
    kept = Kept(blocks, BlockCache(2000))
    for part in _PARTS:
        for read in (blocks.window(part), kept.window(part)):
            assert read.dtype == blocks.dtype
            np.testing.assert_array_equal(read, expected[part])
    np.testing.assert_array_equal(kept.load(), expected)


@pytest.mark.parametrize("order", [_AXES, ("z", "y", "x"), ("t", "y", "x", "z")])
@pytest.mark.parametrize(
    ("storage", "way"),
    [
        ({"contiguous": True}, Strided),
        ({"contiguous": True, "dtype": ">f4"}, Strided),
        ({"chunks": 3}, Chunked),
        ({"chunks": 20}, Chunked),
        ({"chunks": 4, "zlib": True, "shuffle": False}, Chunked),
        ({"chunks": 4, "zlib": True}, Chunked),
        ({"chunks": 4, "zlib": True, "dtype": ">f4"}, Chunked),
        ({"chunks": 4, "zlib": True, "dtype": "f8"}, Chunked),
        ({"chunks": 4, "zlib": True, "dtype": "i2"}, Chunked),
        ({"chunks": 4, "zlib": True, "unlimited": "t"}, Chunked),
        ({"chunks": 4, "zlib": True, "dtype": "i1"}, None),
        ({"chunks": 4, "zlib": True, "fletcher32": True}, None),
        ({"chunks": 4, "compression": "zstd"}, None),
        ({"contiguous": True, "dtype": "i1"}, None),
        ({"kind": "NETCDF3_CLASSIC", "dtype": "i1"}, None),
        ({"kind": "NETCDF3_CLASSIC"}, Strided),
        ({"kind": "NETCDF3_64BIT_OFFSET", "dtype": "f8"}, Strided),
        ({"kind": "NETCDF3_64BIT_DATA", "dtype": "i8"}, Strided),
        ({"kind": "NETCDF3_64BIT_DATA", "dtype": "f4"}, Strided),
        ({"kind": "NETCDF3_CLASSIC", "unlimited": "first"}, Strided),
        (
            {"kind": "NETCDF3_CLASSIC", "unlimited": "first", "names": ("a",), "dtype": "i2"},
            Strided,
        ),
    ],
)
def test_every_storage_gives_the_librarys_numbers(
    tmp_path: Path, order: tuple[str, ...], storage: dict[str, Any], way: type | None
) -> None:
    more = dict(storage)
    if more.get("unlimited") == "first":
        more["unlimited"] = order[0]
    if "chunks" in more:
        side, lengths = more.pop("chunks"), dict(zip(_AXES, _SHAPE, strict=True)) | {"t": 1}
        more["chunksizes"] = [min(side + i, lengths[axis]) for i, axis in enumerate(order)]
    _write(tmp_path / "a.nc", order=order, **more)
    _check(tmp_path / "a.nc", way)


_WORDS = st.fixed_dictionaries(
    {},
    optional={
        "missing_value": st.sampled_from([3, -1, 3.5, [3, 4], 1e300]),
        "valid_min": st.sampled_from([2, 2.5, [2]]),
        "valid_max": st.sampled_from([60, 1e300]),
        "valid_range": st.sampled_from([[1, 50], [1, 2, 3]]),
        "scale_factor": st.sampled_from([1.0, 2.5, np.float32(0.1)]),
        "add_offset": st.sampled_from([0.0, -7.0, np.float32(1e6)]),
        "_Unsigned": st.just("true"),
    },
)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@settings(derandomize=True, deadline=None)
@given(
    dtype=st.sampled_from(["f4", "f8", "i2", "i4", "u2", "i1", ">f4", ">i2"]),
    told=_WORDS,
    fill=st.sampled_from([None, False, 5, "nan"]),
)
def test_missing_and_packed_numbers_are_the_librarys(
    tmp_path_factory: pytest.TempPathFactory, dtype: str, told: dict[str, Any], fill: Any
) -> None:
    kind = np.dtype(dtype)
    if fill == "nan":
        fill = np.nan if kind.kind == "f" else None
    numbers = np.arange(np.prod(_SHAPE)).reshape(_SHAPE) % 100
    numbers = numbers.astype(kind.newbyteorder("="))
    numbers[0, 0, 0] = netCDF4.default_fillvals[kind.str[1:]]
    if kind.kind == "f":
        numbers[0, 0, 1:3] = [np.nan, np.inf]
    if dtype == "i1":
        told.pop("_Unsigned", None)  # with which the library's own default fill value fails
    own = {
        name: np.asarray(value, kind.newbyteorder("="))
        if name.startswith(("miss", "valid")) and np.can_cast(np.min_scalar_type(value), kind)
        else value
        for name, value in told.items()
    }
    path = tmp_path_factory.mktemp("netcdf") / "a.nc"
    _write(
        path, dtype=dtype, told=own, numbers=numbers, fill_value=fill, names=("a",),
        zlib=True, chunksizes=(4, 4, 4),
    )  # fmt: skip
    blocks, expected = _blocks(path), _expected(path)
    np.testing.assert_array_equal(blocks.window(_PARTS[0]), expected)
    np.testing.assert_array_equal(blocks.window(_PARTS[2]), expected[_PARTS[2]])


@pytest.mark.parametrize("fill", [None, -5.0])
def test_chunks_that_were_never_written(tmp_path: Path, fill: float | None) -> None:
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as dataset:
        for name, length in zip(_AXES, _SHAPE, strict=True):
            dataset.createDimension(name, length)
        variable = dataset.createVariable(
            "a", "f4", _AXES, zlib=True, chunksizes=(4, 4, 4), fill_value=fill
        )
        variable[0:3, 0:4, 0:4] = 1.0
    _check(tmp_path / "a.nc", Chunked)
    assert np.isnan(_blocks(tmp_path / "a.nc").window(_PARTS[0])).sum() == 7 * 9 * 11 - 48


@pytest.mark.parametrize(
    "filters", [{"compression": "lzf"}, {"scaleoffset": 3}, {"compression": "gzip"}]
)
def test_files_of_hdf5_alone(tmp_path: Path, filters: dict[str, Any]) -> None:
    path = tmp_path / "a.nc"
    with h5py.File(path, "w", track_order=True) as handle:
        for name, length in zip(_AXES, _SHAPE, strict=True):
            handle.create_dataset(name, data=np.arange(float(length))).make_scale(name)
        dataset = handle.create_dataset("a", data=_numbers("f4", 0), chunks=(4, 4, 4), **filters)
        for i, name in enumerate(_AXES):
            dataset.dims[i].attach_scale(handle[name])
    if "lzf" in filters.values():  # a filter of h5py's own
        with pytest.raises(BadFile, match=r"variable a: a\.nc cannot be read"):
            _blocks(path).window(_PARTS[0])
    else:
        _check(path, Chunked if "gzip" in filters.values() else None)


def test_filters_that_were_left_out_of_a_chunk(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    _write(path, zlib=True, chunksizes=(4, 4, 4))
    values = np.arange(64, dtype="<f4")
    shuffled = values.view("u1").reshape(64, 4).T.tobytes()
    with h5py.File(path, "r+") as handle:
        chunks = handle["a"].id
        chunks.write_direct_chunk((0, 0, 0), values.tobytes(), filter_mask=0b11)
        chunks.write_direct_chunk((4, 0, 0), shuffled, filter_mask=0b10)
        chunks.write_direct_chunk((0, 4, 0), zlib.compress(values.tobytes()), filter_mask=0b01)
    _check(path, Chunked)
    assert _blocks(path).window((slice(0, 1), slice(0, 1), slice(0, 4))).tolist() == [
        [[0, 1, 2, 3]]
    ]


def _leave_edges_plain(plan: h5py.h5p.PropDCID) -> None:
    """Have chunks that reach beyond the array left unfiltered, for which h5py has no call."""
    loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    libraries = [n for n in loaded if "/h5py" in n and Path(n).name.startswith("libhdf5-")]
    if len(libraries) != 1:
        pytest.skip("the library of h5py is not its own")
    call = ctypes.CDLL(libraries[0]).H5Pset_chunk_opts
    call.argtypes = [ctypes.c_int64, ctypes.c_uint]
    assert call(plan.id, 2) == 0


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("deflate", [True, False])
@pytest.mark.parametrize("plain", [True, False])
def test_unfiltered_chunks_at_the_edges(
    tmp_path: Path, shuffle: bool, deflate: bool, plain: bool
) -> None:
    path = tmp_path / "a.nc"
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((4, 4, 4))
    if shuffle:
        plan.set_shuffle()
    if deflate:
        plan.set_deflate(4)
    if plain:
        _leave_edges_plain(plan)
    with h5py.File(path, "w", track_order=True) as handle:
        for name, length in zip(_AXES, _SHAPE, strict=True):
            handle.create_dataset(name, data=np.arange(float(length))).make_scale(name)
        space = h5py.h5s.create_simple(_SHAPE)
        made = h5py.h5d.create(handle.id, b"a", h5py.h5t.NATIVE_FLOAT, space, plan)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, _numbers("f4", 0))
        for i, name in enumerate(_AXES):
            handle["a"].dims[i].attach_scale(handle[name])
    _check(path, Chunked)
    np.testing.assert_array_equal(_blocks(path).window(_PARTS[0]), _numbers("f4", 0))


def _chunk(path: Path, number: int) -> tuple[int, int]:
    """Give place and length of a chunk of variable a."""
    with h5py.File(path) as handle:
        info = handle["a"].id.get_chunk_info(number)
    return info.byte_offset, info.size


def _shorter(raw: bytes) -> bytes:
    """Deflate fewer bytes than a chunk has."""
    return zlib.compress(b"\0" * 16).ljust(len(raw), b"\0")


def _longer(raw: bytes) -> bytes:
    """Deflate a thousand times what a chunk has."""
    bomb = zlib.compress(bytes(100_000))
    assert len(bomb) <= len(raw)
    return bomb.ljust(len(raw), b"\0")


@pytest.mark.parametrize(
    "damage", [lambda raw: bytes(len(raw)), lambda raw: raw[: len(raw) // 2].ljust(len(raw), b"\0"),
               _shorter, _longer]
)  # fmt: skip
def test_a_chunk_that_does_not_inflate(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "a.nc"
    _write(path, zlib=True, chunksizes=(4, 4, 4))
    content = bytearray(path.read_bytes())
    offset, length = _chunk(path, 0)
    content[offset : offset + length] = damage(bytes(content[offset : offset + length]))
    path.write_bytes(content)
    blocks = _blocks(path)
    with pytest.raises(BadFile, match=r"a\.nc is damaged: a chunk of a cannot be read"):
        blocks.window(_PARTS[0])
    rest = (slice(4, 7), slice(4, 9), slice(4, 11))
    np.testing.assert_array_equal(blocks.window(rest), _numbers("f4", 0)[rest])


def test_a_checksum_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    _write(path, fletcher32=True, chunksizes=(4, 4, 4))
    content = bytearray(path.read_bytes())
    content[_chunk(path, 0)[0] + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(BadFile, match=r"variable a: a\.nc cannot be read"):
        _blocks(path).window(_PARTS[0])


@pytest.mark.parametrize(
    "storage",
    [{"zlib": True}, {"contiguous": True}, {"kind": "NETCDF3_CLASSIC"}, {"fletcher32": True}],
)
def test_a_file_replaced_after_it_was_looked_at(tmp_path: Path, storage: dict[str, Any]) -> None:
    path = tmp_path / "a.nc"
    _write(path, **storage)
    blocks = _blocks(path)
    _write(tmp_path / "new", numbers=np.zeros(_SHAPE, "f4"), **storage)
    (tmp_path / "new").replace(path)
    with pytest.raises(BadFile, match=r"a\.nc was removed or replaced just now; ask again"):
        blocks.window(_PARTS[0])
    assert not _blocks(path).window(_PARTS[0]).any()


@pytest.mark.parametrize("kind", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"])
def test_every_cut_of_a_classic_file_is_noticed(tmp_path: Path, kind: Any) -> None:
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w", format=kind) as dataset:
        dataset.createDimension("t", None)
        for name in ("n", "b"):
            dataset.createVariable(name, "i2", ("t",))[:] = np.arange(12)
    raw = path.read_bytes()
    for length in range(0, len(raw) - 2, 7):
        path.write_bytes(raw[:length])
        with pytest.raises(BadFile, match=r"a\.nc: "):
            placed_in(DiskFile(path))
