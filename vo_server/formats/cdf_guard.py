"""cdflib's parser behind a guard: it reads from memory and inflates, both in bounds."""

import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from vo_server.budget import Budget
from vo_server.errors import BadTable, TooMuch

_READS = 2_000_000  # of the file, by the parser


class _Guarded(BytesIO):
    """A file in memory that can be read a bounded number of times and bytes."""

    def __init__(self, data: bytes, budget: Budget) -> None:
        super().__init__(data)
        self._budget = budget
        self._reads, self._room = _READS, 64 * len(data) + 2**20

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            raise BadTable("the CDF file has a record of negative size")
        data = super().read(size)
        self._reads -= 1
        self._room -= len(data)
        if self._reads < 0 or self._room < 0:
            raise BadTable("the CDF file has records that go round in circles")
        if self._reads % 1024 == 0:
            self._budget.spend()
        return data


def opened(library: Any, data: bytes, budget: Budget) -> Any:
    """Give cdflib's parser of a file in memory; it raises BadTable, TooMuch, and its own errors."""

    class Bounded(library.cdfread.CDF):  # type: ignore[misc]
        """Reads from memory, and inflates no more than the budget's bytes."""

        _room = budget.bytes

        def _file_or_url_or_s3_handler(self, *none: Any) -> BinaryIO:
            return _Guarded(data, budget)

        def _read_vvr_block(self, offset: int) -> bytes:
            return self._block(offset, 8)

        def _read_vvr_block2(self, offset: int) -> bytes:
            return self._block(offset, 4)

        def _block(self, offset: int, width: int) -> bytes:
            """Give the content of a record; width: bytes of its sizes."""
            self._f.seek(offset)
            size = int.from_bytes(self._f.read(width), "big")
            block = self._f.read(min(size, len(data)) - width)
            if block[:4] == b"\0\0\0\x07":
                return bytes(block[4:])
            if block[:4] != b"\0\0\0\x0d":
                raise BadTable("the CDF file has a record of another type than it says")
            inflater = zlib.decompressobj(wbits=47)
            content = inflater.decompress(block[8 + width :], self._room + 1)
            self._room -= len(content)
            if self._room < 0:
                raise TooMuch(
                    f"the values take more than this node's limit of {budget.bytes} bytes"
                )
            budget.spend()
            return content

    # The class wants a file that is there; it never opens it.
    return Bounded(Path(__file__))
