"""Cells of numbers as a format spells them, from one dump of a whole block as JSON."""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from interpolation.kernels.compile import array, kernel
from vo_server.formats.spelled import WIDTH

_BYTES = array(types.uint8, 1)
_COMMA, _BRACKET = 44, 93  # , ]


@intrinsic
def _move(typing_context: Any, source: Any, to: Any) -> Any:
    """Copy WIDTH bytes between addresses; gives how many stand before the first , or ]."""

    def code(context: Any, builder: ir.IRBuilder, sig: Any, arguments: Any) -> Any:
        byte, flags = ir.IntType(8), ir.IntType(WIDTH)
        vector = ir.VectorType(byte, WIDTH)
        at, to = (builder.inttoptr(a, vector.as_pointer()) for a in arguments)
        cells = builder.load(at, align=1)
        builder.store(cells, to, align=1)
        ends = [
            builder.icmp_unsigned("==", cells, ir.Constant(vector, [byte(sign)] * WIDTH))
            for sign in (_COMMA, _BRACKET)
        ]
        mask = builder.bitcast(builder.or_(*ends), flags)
        return builder.zext(builder.cttz(mask, ir.IntType(1)(0)), ir.IntType(64))

    return types.int64(types.uint64, types.uint64), code


@kernel(
    [
        types.int64(
            _BYTES, array(types.uint8, 2), array(types.int64, 1), _BYTES, _BYTES, types.int64,
            array(types.uint8, 1, writeable=True),
        )
    ]
)  # fmt: skip
def spell(text: Any, words: Any, lengths: Any, odd: Any, lead: Any, width: int, to: Any) -> int:
    """Write the rows of a dump '[[1.5,2.0],[3.0,null]]' as a format has them; gives the length.

    text: the dump and WIDTH bytes more; words (k, WIDTH): what stands between cells, what stands
    between rows, and those that `odd`, a number for each cell or nothing, puts instead of a number
    where it is more than 1; lengths (k,): their bytes; lead: a cell of `width` bytes for each row
    to begin with and WIDTH bytes more, none where it is 0; to: takes the result and WIDTH bytes
    more.
    """
    source, target, word = text.ctypes.data, to.ctypes.data, words.ctypes.data
    first = lead.ctypes.data
    i, place, end, cell, row = 2, 0, len(text) - WIDTH - 2, 0, 0
    begins = width > 0
    while i < end:
        if begins:
            _move(first + types.uint64(width * row), target + types.uint64(place))
            place += width
            _move(word, target + types.uint64(place))
            place += lengths[0]
            row += 1
        length = _move(source + types.uint64(i), target + types.uint64(place))
        i += length
        if len(odd) and odd[cell] > 1:
            _move(word + types.uint64(WIDTH * odd[cell]), target + types.uint64(place))
            length = lengths[odd[cell]]
        place += length
        cell += 1
        between = types.int64(text[i] == _BRACKET)
        if i < end:
            _move(word + types.uint64(WIDTH * between), target + types.uint64(place))
            place += lengths[between]
        begins = width > 0 and between > 0
        i += 1 + 2 * between
    return place
