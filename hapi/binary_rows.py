"""Binary records: packed, little endian; text padded with NUL."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hapi.wire import Wire


class BinaryRows:
    """Writes records as bytes of fixed length."""

    media_type = "application/octet-stream"

    def __init__(self, wires: Sequence[Wire]) -> None:
        self._dtype = np.dtype([(f"f{i}", wire.dtype) for i, wire in enumerate(wires)])

    def begin(self, info: bytes, *, asked: bool) -> bytes:
        """Give what stands before the records: the description in comment lines, where asked."""
        return b"#" + info.replace(b"\n", b"\n#") + b"\n" if asked else b""

    def rows(self, cells: Sequence[NDArray[Any]]) -> bytes:
        """Write a block of records; cells: as `Wire.cells` gives them."""
        records = np.empty(len(cells[0]), self._dtype)
        for i, column in enumerate(cells):
            records[f"f{i}"] = column
        return records.tobytes()

    def end(self) -> bytes:
        """Give what stands after the records."""
        return b""
