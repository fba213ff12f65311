"""Files made to do harm in CDF, ECSV, FITS and Parquet: refused with a reason, in little room."""

import io
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable

import numpy as np
import pytest

from vo_server import plugins
from vo_server.budget import Budget
from vo_server.errors import BadTable, Refusal, TooMuch
from vo_server.model.parameter import TEXT, Parameter
from vo_server.model.table import Header, Table

_ROW = Table(Header((Parameter("x", unit="km"), Parameter("n", np.dtype("i4")))),
             (np.arange(3.0), np.arange(3, dtype="i4")))  # fmt: skip


def _made(name: str, table: Table = _ROW) -> bytes:
    return b"".join(plugins.format_named(name).write([table]))


def _card(key: str, value: object) -> bytes:
    return f"{key:8}= {value!s:>20}".ljust(80).encode()


def _fits(form: str, rows: int = 1, width: int = 16, data: bytes = bytes(2880)) -> bytes:
    """Give a FITS file with a table of one column."""
    primary = [_card("SIMPLE", "T"), _card("BITPIX", 8), _card("NAXIS", 0), b"END".ljust(80)]
    table = [
        _card("XTENSION", "'BINTABLE'"), _card("BITPIX", 8), _card("NAXIS", 2),
        _card("NAXIS1", width), _card("NAXIS2", rows), _card("PCOUNT", 0), _card("GCOUNT", 1),
        _card("TFIELDS", 1), _card("TTYPE1", "'x'"), _card("TFORM1", f"'{form}'"), b"END".ljust(80),
    ]  # fmt: skip
    return b"".join(primary).ljust(2880) + b"".join(table).ljust(2880) + data


def _ecsv(header: str, rows: str = "x\n1\n") -> bytes:
    return f"# %ECSV 1.0\n# ---\n{header}\n{rows}".encode()


def _parquet(compression: str = "snappy", value: str = "x", count: int = 3) -> bytes:
    import pyarrow
    import pyarrow.parquet

    sink = io.BytesIO()
    indices = pyarrow.array(np.zeros(count, np.int32))
    texts = pyarrow.DictionaryArray.from_arrays(indices, [value])
    pyarrow.parquet.write_table(
        pyarrow.table({"s": texts}), sink, compression=compression, store_schema=False
    )
    return sink.getvalue()


def _nested_parquet() -> bytes:
    import pyarrow
    import pyarrow.parquet

    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"m": [{"a": 1}]}), sink)
    return sink.getvalue()


def _cdf_bomb() -> bytes:
    """Give a CDF whose one record inflates to 150 MB of zeros."""
    import tempfile
    from pathlib import Path

    import cdflib

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bomb.cdf"
        file = cdflib.cdfwrite.CDF(path, cdf_spec={"Compressed": 0})
        spec = {"Variable": "x", "Data_Type": 45, "Num_Elements": 1, "Rec_Vary": True,
                "Dim_Sizes": [], "Compress": 9}  # fmt: skip
        file.write_var(spec, var_data=np.zeros(40_000))
        file.close()
        data = path.read_bytes()
    deflater = zlib.compressobj(9, wbits=31)
    bomb = deflater.compress(bytes(150_000_000)) + deflater.flush()
    place = data.index(b"\x1f\x8b")
    begun = place - 24
    record = struct.pack(">qiiq", len(bomb) + 24, 13, 0, len(bomb)) + bomb
    # The record that inflates stands at the end; the index is led there.
    return data.replace(struct.pack(">q", begun), struct.pack(">q", len(data)), 1) + record


_YAML = "# datatype:\n# - {name: x, datatype: float64}"
_ALIASES = "\n".join(f"# a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 1}]"
                     for i in range(9))  # fmt: skip

ATTACKS: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "FITS without a table": ("fits", lambda: _fits("D")[:2880], "no binary table"),
    "FITS of many rows": ("fits", lambda: _fits("2D", 2**40), "rows"),
    "FITS of huge rows": ("fits", lambda: _fits("2D", 9, 2**40), "ends before its rows"),
    "FITS of huge cells": ("fits", lambda: _fits("999999999D"), "999999999 elements"),
    "FITS of pointers": ("fits", lambda: _fits("1PD(9)"), "1PD(9)"),
    "FITS of another width": ("fits", lambda: _fits("1J"), "do not fill its rows"),
    "FITS header without end": (
        "fits", lambda: _card("SIMPLE", "T") + b" " * 5_000_000, "header without end",
    ),
    "FITS count that is none": (
        "fits", lambda: _fits("2D").replace(b"NAXIS2  =                    1",
                                            b"NAXIS2  =                  'a'"), "no count",
    ),
    "FITS negative count": (
        "fits", lambda: _fits("2D").replace(b"NAXIS2  =                    1",
                                            b"NAXIS2  =                   -1"), "no count",
    ),
    "ECSV of aliases": ("ecsv", lambda: _ecsv(f"{_ALIASES}\n{_YAML}"), "YAML alias"),
    "ECSV of objects": (
        "ecsv", lambda: _ecsv(_YAML + "\n# meta: !!python/object/apply:os.system ['true']"),
        "no YAML",
    ),
    "ECSV of deep lists": ("ecsv", lambda: _ecsv(f"{_YAML}\n# meta: {'[' * 5000}"), "no YAML"),
    "ECSV header without end": ("ecsv", lambda: _ecsv(f"{_YAML}\n" + "# x\n" * 400_000), "1 MB"),
    "ECSV without columns": ("ecsv", lambda: _ecsv("# datatype: []"), "declares no columns"),
    "ECSV of other names": ("ecsv", lambda: _ecsv(_YAML, "y\n1\n"), "line of column names"),
    "ECSV of a strange type": (
        "ecsv", lambda: _ecsv(_YAML.replace("float64", "object")), "'object', which is not read",
    ),
    "ECSV of arrays": (
        "ecsv", lambda: _ecsv(_YAML.replace("float64", "string, subtype: 'float64[null]'")),
        "'float64[null]'",
    ),
    "ECSV word": ("ecsv", lambda: _ecsv(_YAML, "x\none\n"), "column 'x'"),
    "ECSV longer row": ("ecsv", lambda: _ecsv(_YAML, "x\n1 2\n"), "has 2 cells"),
    "Parquet of another codec": ("parquet", lambda: _parquet("gzip"), "GZIP are not read"),
    "Parquet of one long text": (
        "parquet", lambda: _parquet(value="x" * 100_000, count=100_000), "this node's limit",
    ),
    "Parquet of structures": ("parquet", _nested_parquet, "column 'm' is of"),
    "Parquet without footer": ("parquet", lambda: _made("parquet")[:-8], "no whole Parquet file"),
    "Parquet of a huge footer": (
        "parquet", lambda: _made("parquet")[:-8] + b"\xff\xff\xff\x7fPAR1", "footer",
    ),
    "CDF that inflates": ("cdf", _cdf_bomb, "this node's limit"),
    "CDF compressed as a whole": (
        "cdf", lambda: b"\xcd\xf3\x00\x01\xcc\xcc\x00\x01" + bytes(99), "compressed as a whole",
    ),
    "CDF of nothing": ("cdf", lambda: b"\xcd\xf3\x00\x01\x00\x00\xff\xff", "negative size"),
    "CDF cut off": ("cdf", lambda: _made("cdf")[:900], "CDF file"),
    "CDF of another version": ("cdf", lambda: b"\x00\x00\xff\xff" * 9, "no CDF file"),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_are_refused(attack: str) -> None:
    name, make, reason = ATTACKS[attack]
    budget = Budget(seconds=20, bytes=100_000_000)
    with pytest.raises((BadTable, TooMuch)) as refused:
        list(plugins.format_named(name).read(io.BytesIO(make()), budget))
    assert reason in refused.value.message
    assert len(refused.value.message) < 200


@pytest.mark.parametrize("attack", ["CDF that inflates", "Parquet of one long text"])
def test_bombs_find_little_room(attack: str) -> None:
    """Read them in a process whose memory is small."""
    script = (
        "import sys; sys.path.insert(0, '.');\n"
        "from tests.vo_server.formats.test_hostile import ATTACKS, read_in_little_room\n"
        f"read_in_little_room({attack!r})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def read_in_little_room(attack: str) -> None:
    """Read an attack in 500 MB more than there is now."""
    name, make, _ = ATTACKS[attack]
    data = make()
    plugins.format_named(name)
    list(plugins.format_named(name).read(io.BytesIO(_made(name)), Budget()))
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        now = int(file.read().split()[0]) * resource.getpagesize()
    limit = now + 500_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        list(plugins.format_named(name).read(io.BytesIO(data), Budget(bytes=50_000_000)))
    except Refusal:
        return
    raise AssertionError("it was read")


def test_text_that_formats_cannot_hold() -> None:
    for name in ("cdf", "fits"):
        words = Table(Header((Parameter("s", TEXT),)), (np.array(["é"], object),))
        with pytest.raises(BadTable, match="beyond ASCII"):
            _made(name, words)
    early = Table(
        Header((Parameter("t", np.dtype("M8[ns]")),)),
        (np.array(["1960-01-01T00:00:00.0001"], "M8[ns]"),),
    )
    with pytest.raises(BadTable, match="before 1972"):
        _made("cdf", early)
