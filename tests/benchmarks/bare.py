"""Bare routes: the same bytes as HAPI's, made of arrays in memory with nothing around them."""

import sys
from collections.abc import Iterator

import numpy as np
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from vo_server.model.time import stamps

_ROWS = 2048
_COUNT = 525_600
START = np.datetime64("2025-01-01", "ns")
TIMES = START + np.arange(_COUNT) * np.timedelta64(60_000_000_000, "ns")
VALUES = np.random.default_rng(1).normal(size=(_COUNT, 4))


def _blocks() -> Iterator[tuple["np.ndarray[tuple[int], np.dtype[np.datetime64]]",
                                "np.ndarray[tuple[int, int], np.dtype[np.float64]]"]]:  # fmt: skip
    for first in range(0, _COUNT, _ROWS):
        yield TIMES[first : first + _ROWS], VALUES[first : first + _ROWS]


def _binary() -> Iterator[bytes]:
    dtype = np.dtype([("t", "S24"), ("a", "<f8"), ("b", "<f8", (3,))])
    for times, values in _blocks():
        records = np.empty(len(times), dtype)
        records["t"] = stamps(times, 3)
        records["a"] = values[:, 0]
        records["b"] = values[:, 1:]
        yield records.tobytes()


def _csv() -> Iterator[bytes]:
    for times, values in _blocks():
        lines = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)[2:-2].split(b"],[")
        pairs = zip(stamps(times, 3).tolist(), lines, strict=True)
        yield b"\n".join(map(b",".join, pairs)) + b"\n"


def _pandas() -> Iterator[bytes]:
    import pandas

    for times, values in _blocks():
        frame = pandas.DataFrame(values)
        frame.insert(0, "t", np.char.add(np.datetime_as_string(times, unit="ms"), "Z"))
        yield frame.to_csv(header=False, index=False).encode()


_ROUTES = {"binary": _binary, "csv": _csv, "pandas": _pandas}


async def _stream(request: Request) -> Response:
    return StreamingResponse(_ROUTES[request.path_params["name"]](), media_type="text/plain")


async def _info(request: Request) -> Response:
    return Response(b"{}" * 500, media_type="application/json")


if __name__ == "__main__":
    app = Starlette(routes=[Route("/healthz", _info), Route("/{name}", _stream)])
    uvicorn.run(app, port=int(sys.argv[1]), http="h11", access_log=False, log_level="warning")
