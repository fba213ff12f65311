"""Measurements of VOTable against astropy and bare lxml in one run.

Run by `make bench`, or alone: `python -m tests.benchmarks.votable`.

100,000 rows of 8 float64; the table of an IMPEx call has 200,000 rows of x, y, z; the stream 10^7
rows of 8. Every time is the best of several, except astropy's writers, which run once or twice.
"""

import io
import json
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from astropy.io import votable as astropy_votable
from astropy.table import Table as AstropyTable
from lxml import etree

from vo_server.budget import Budget
from vo_server.formats import engine
from vo_server.model.parameter import Parameter
from vo_server.model.table import Header, Table
from votable.read import read
from votable.words import Serialisation
from votable.write import write

_OUTPUT = Path("bench-votable.json")
_SERIALISATIONS: tuple[Serialisation, ...] = ("tabledata", "binary", "binary2")
_ROWS, _COLUMNS, _STREAMED = 100_000, 8, 10_000_000


def _budget() -> Budget:
    return Budget(points=10**8, bytes=10**10, seconds=600.0)


def _best(call: Callable[[], Any], repeats: int) -> float:
    """Give the least seconds of several calls."""
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def _table(rows: int, names: list[str]) -> Table:
    generator = np.random.default_rng(7)
    columns = [generator.normal(size=rows) * 10.0 ** generator.integers(-5, 8) for _ in names]
    return Table(Header(tuple(Parameter(name, unit="km") for name in names)), tuple(columns))


def _astropy_written(table: AstropyTable, serialisation: str) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table.write(out, format="votable", tabledata_format=serialisation)
    return out.getvalue()


def _against_astropy() -> dict[str, Any]:
    table = _table(_ROWS, [f"c{i}" for i in range(_COLUMNS)])
    peer = AstropyTable(dict(zip([p.name for p in table.header.parameters], table.columns,
                                 strict=True)))  # fmt: skip
    found: dict[str, Any] = {}
    for serialisation in _SERIALISATIONS:
        document = b"".join(write([table], "1.4", serialisation))
        back = list(read(io.BytesIO(document), _budget()))
        exact = all(
            np.concatenate([block.columns[i] for block in back]).tobytes() == column.tobytes()
            for i, column in enumerate(table.columns)
        )
        ours_out = _best(lambda s=serialisation: list(write([table], "1.4", s)), 7)  # type: ignore[misc]
        ours_in = _best(lambda d=document: list(read(io.BytesIO(d), _budget())), 5)  # type: ignore[misc]
        theirs_out = _best(lambda s=serialisation: _astropy_written(peer, s), 2)  # type: ignore[misc]
        theirs_in = _best(lambda d=document: astropy_votable.parse(io.BytesIO(d)), 2)  # type: ignore[misc]
        found[serialisation] = {
            "write_s": ours_out, "write_ratio": theirs_out / ours_out, "read_s": ours_in,
            "read_ratio": theirs_in / ours_in, "bit_exact": exact, "bytes": len(document),
        }  # fmt: skip
    return found


def _against_lxml() -> dict[str, float]:
    """Read the 200,000 rows of an IMPEx call, and go through them by bare lxml."""
    document = b"".join(write([_table(200_000, ["X", "Y", "Z"])]))

    def bare() -> None:
        for _, row in etree.iterparse(io.BytesIO(document), tag="{*}TR"):
            for cell in row:
                float(cell.text or "nan")
            row.clear()

    ours = _best(lambda: list(read(io.BytesIO(document), _budget())), 5)
    peer = _best(bare, 5)
    return {"read_s": ours, "lxml_s": peer, "ratio_to_lxml": ours / peer}


def _streamed(serialisation: Serialisation) -> dict[str, float]:
    """Write 10^7 rows; gives the time of the first piece and the peak of memory."""
    engine.warm()
    block = _table(4_096, [f"c{i}" for i in range(_COLUMNS)])

    def blocks() -> Iterator[Table]:
        for _ in range(_STREAMED // 4_096 + 1):
            yield block

    process = psutil.Process()
    idle = peak = process.memory_info().rss
    begun = time.perf_counter()
    pieces = write(blocks(), "1.4", serialisation)
    size = len(next(pieces))
    first = time.perf_counter() - begun
    for count, piece in enumerate(pieces):
        size += len(piece)
        if count % 100 == 0:
            peak = max(peak, process.memory_info().rss)
    seconds = time.perf_counter() - begun
    return {
        "seconds": seconds, "first_piece_s": first, "MB": size / 1e6,
        "peak_MB": (peak - idle) / 1e6,
    }  # fmt: skip


def _apart(serialisation: Serialisation) -> dict[str, float]:
    """Stream in a process that has done nothing else, so that its memory tells."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_streamed, serialisation).result()


def main() -> None:
    """Measure, print and write."""
    engine.warm()
    results: dict[str, Any] = {
        "100000x8": _against_astropy(),
        "200000x3": _against_lxml(),
        "10000000x8": {s: _apart(s) for s in ("tabledata", "binary2")},
    }
    _OUTPUT.write_text(json.dumps(results, indent=2), encoding="utf-8")
    for name, found in results["100000x8"].items():
        print(
            f"{name:9} write {found['write_s'] * 1e3:7.1f} ms, {found['write_ratio']:6.1f} x "
            f"astropy; read {found['read_s'] * 1e3:7.1f} ms, {found['read_ratio']:5.1f} x; "
            f"bit-exact {found['bit_exact']}"
        )
    call = results["200000x3"]
    print(f"200,000 x 3 read {call['read_s']:.2f} s, {call['ratio_to_lxml']:.2f} x bare lxml")
    for name, found in results["10000000x8"].items():
        print(
            f"10^7 x 8 {name}: {found['seconds']:.1f} s, first piece after "
            f"{found['first_piece_s'] * 1e3:.1f} ms, {found['peak_MB']:.1f} MB above idle"
        )
    print(f"written to {_OUTPUT}")


if __name__ == "__main__":
    main()
