"""Rows of cells of text as columns, and decimal numbers as the nearest float64.

What cannot be decided here for certain is left to Python: a row that is not plain, a cell that is
no number as most are spelled. Source of the product with 128 bits of a power of ten: D. Lemire,
Number parsing at a gigabyte per second, 2021.
"""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from interpolation.kernels.compile import array, inlined, kernel, load

TEXT, REAL, INTEGER = 0, 1, 2  # kinds of fields

_AHEAD = 8  # bytes that are looked at together
_LONGEST = 65_536  # characters of a cell
_DIGITS = 19  # that fit in 64 bits
_FIRST, _LAST = -343, 308  # powers of ten that make numbers that are neither zero nor infinite
_EXACT = 27  # the last power of ten that 64 bits tell in full; 5**28 is too long for what is below
_BIAS = 1023 + 53
_NAN, _INFINITY = types.uint64(0x7FF8 << 48), types.uint64(0x7FF0 << 48)
_ALL = types.uint64(2**64 - 1)
_EIGHTH = types.uint64(0x8080808080808080)  # the upper bit of each byte
_SEVEN = types.uint64(0x7F7F7F7F7F7F7F7F)
_TWO = types.uint64(0x0202020202020202)


def _powers() -> NDArray[np.uint64]:
    """Give powers of ten (n, 3): 128 bits, the first of them set, rounded down; exponent of two."""
    rows = []
    for power in range(_FIRST, _LAST + 1):
        # A number of far more than 128 bits; below one, the quotient's further bits are cut off.
        bits = 10**power if power >= 0 else (1 << 2048) // 10**-power
        length = bits.bit_length()
        leading = bits << 128 >> length
        two = length - 1 - (2048 if power < 0 else 0)
        rows.append([leading >> 64, leading % 2**64, (two + _BIAS) % 2**64])
    return np.array(rows, np.uint64)


POWERS = _powers()
_TENS = np.array([10**power for power in range(_AHEAD + 1)], np.uint64)


@intrinsic
def _word(typing_context: Any, address: Any, index: Any) -> Any:
    """Read eight bytes from any place, the first as the lowest."""

    def code(context: Any, builder: ir.IRBuilder, sig: Any, arguments: Any) -> Any:
        byte, number = ir.IntType(8), ir.IntType(64)
        start = builder.inttoptr(arguments[0], byte.as_pointer())
        place = builder.bitcast(builder.gep(start, [arguments[1]]), number.as_pointer())
        return builder.load(place, align=1)

    return types.uint64(types.uint64, types.int64), code


@intrinsic
def _put(typing_context: Any, address: Any, index: Any, word: Any) -> Any:
    """Write eight bytes to any place, the lowest first."""

    def code(context: Any, builder: ir.IRBuilder, sig: Any, arguments: Any) -> Any:
        byte, number = ir.IntType(8), ir.IntType(64)
        start = builder.inttoptr(arguments[0], byte.as_pointer())
        place = builder.bitcast(builder.gep(start, [arguments[1]]), number.as_pointer())
        builder.store(arguments[2], place, align=1)
        return context.get_dummy_value()

    return types.void(types.uint64, types.int64, types.uint64), code


@intrinsic
def _product(typing_context: Any, first: Any, second: Any) -> Any:
    """Multiply to 128 bits: the upper and the lower half."""

    def code(context: Any, builder: ir.IRBuilder, sig: Any, arguments: Any) -> Any:
        half, whole = ir.IntType(64), ir.IntType(128)
        product = builder.mul(*[builder.zext(number, whole) for number in arguments])
        upper = builder.trunc(builder.lshr(product, whole(64)), half)
        return context.make_tuple(builder, sig.return_type, (upper, builder.trunc(product, half)))

    return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), code


@intrinsic
def _zeros(typing_context: Any, number: Any) -> Any:
    """Count the zero bits below the lowest that is set; 64 where none is."""

    def code(context: Any, builder: ir.IRBuilder, sig: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(0))

    return types.int64(types.uint64), code


@intrinsic
def _leading_zeros(typing_context: Any, number: Any) -> Any:
    """Count the zero bits above the highest that is set."""

    def code(context: Any, builder: ir.IRBuilder, sig: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.IntType(1)(0))

    return types.int64(types.uint64), code


@inlined
def _byte(source: Any, at: Any) -> Any:
    return types.int64(load(source, at, types.uint8(0)))


@inlined
def _past_blanks(source: Any, at: Any) -> Any:
    """Give where the blanks within a cell end; the parser makes line feeds of carriage returns."""
    while True:
        byte = _byte(source, at)
        if byte != 32 and byte != 10 and byte != 9:
            return at
        at += 1


@inlined
def _past_gap(source: Any, at: Any) -> Any:
    """Give where the blanks between tags end."""
    while True:
        byte = _byte(source, at)
        if byte > 32 or (byte != 32 and byte != 10 and byte != 13 and byte != 9):
            return at
        at += 1


@inlined
def _past_digits(source: Any, at: Any, number: Any) -> Any:
    """Give where digits end, and a number with them behind it, modulo 2**64."""
    while True:
        word = _word(source, at) ^ types.uint64(0x3030303030303030)
        # The upper bit of each byte that is now more than nine.
        more = (word & _SEVEN) + types.uint64(0x7676767676767676)
        count = _zeros((more | word) & _EIGHTH) >> 3
        # Zeros before the digits, then sums of neighbours, of pairs and of fours.
        half = types.uint64(32 - 4 * count)
        digits = word << half << half
        digits = (digits * types.uint64(10) + (digits >> types.uint64(8))) & types.uint64(
            0x00FF00FF00FF00FF
        )
        digits = (digits * types.uint64(100) + (digits >> types.uint64(16))) & types.uint64(
            0x0000FFFF0000FFFF
        )
        digits = (digits * types.uint64(10_000) + (digits >> types.uint64(32))) & types.uint64(
            0xFFFFFFFF
        )
        number = number * _TENS[count] + digits
        at += count
        if count < _AHEAD:
            return at, number


@inlined
def _significant(source: Any, at: Any, count: Any) -> Any:
    """Count the digits of a number without the zeros that it begins with."""
    while True:
        byte = _byte(source, at)
        if byte == 48:  # 0
            count -= 1
        elif byte != 46:  # .
            return count
        at += 1


@inlined
def _nearest(number: Any, power: Any, powers: Any) -> Any:
    """Give whether the float64 nearest to number * 10**power is known, and its bits.

    powers: address of `POWERS`.
    """
    zero = types.uint64(0)
    if number == zero:
        return True, zero
    if power < _FIRST or power > _LAST:
        return False, zero
    shift = _leading_zeros(number)
    number <<= types.uint64(shift)
    row = 3 * (power - _FIRST)
    # The upper two thirds of a product of 192 bits. The true one is larger by less than two of the
    # last ones here: the power was rounded down by less than its last bit, and a third is missing.
    upper, middle = _product(number, load(powers, row, zero))
    carry, _ = _product(number, load(powers, row + 1, zero))
    middle += carry
    if middle < carry:
        upper += types.uint64(1)
    dropped = types.int64(10) + types.int64(upper >> types.uint64(63))
    exponent = types.int64(load(powers, row + 2, zero)) + dropped - shift
    if exponent < 1:  # subnormal: fewer bits are kept
        dropped, exponent = dropped + 1 - exponent, 1
        if dropped > 63:
            return False, zero
    kept = upper >> types.uint64(dropped)
    rest = upper - (kept << types.uint64(dropped))
    half = types.uint64(1) << types.uint64(dropped - 1)
    # What lies amid two floats has at most 54 bits, and zeros. A power above _EXACT makes no such
    # number; where one below zero does, the product is a little less, and left to Python.
    more = types.uint64(rest >= half)
    if power < 0 or power > _EXACT:
        if rest == half - types.uint64(1) and middle >= _ALL - types.uint64(1):
            return False, zero
    elif rest == half and middle == zero:
        more = kept & types.uint64(1)
    bits = (types.uint64(exponent - 1) << types.uint64(52)) + kept + more
    return bits < _INFINITY, bits


@inlined
def _real(source: Any, at: Any, powers: Any) -> Any:
    """Read a real number: whether that was possible, where it ends, its bits, whether it is blank.

    Blanks stand round it; a blank one is NaN.
    """
    at = _past_blanks(source, at)
    bits = types.uint64(0)
    sign = _byte(source, at)
    signed = sign == 45 or sign == 43  # - +
    at += types.int64(signed)
    first = at
    at, number = _past_digits(source, at, bits)
    count, power = at - first, 0
    if _byte(source, at) == 46:  # .
        at += 1
        begin = at
        at, number = _past_digits(source, at, number)
        power = begin - at
        count -= power
    known = True
    blank = False
    if count > 0:
        if count > _DIGITS:
            known = _significant(source, first, count) <= _DIGITS
        if _byte(source, at) | 32 == 101:  # e
            at += 1
            mark = _byte(source, at)
            at += types.int64(mark == 45 or mark == 43)
            begin = at
            at, tens = _past_digits(source, at, types.uint64(0))
            known = known and at > begin and at - begin < 5
            power += -types.int64(tens) if mark == 45 else types.int64(tens)
        found, bits = _nearest(number, power, powers)
        known = known and found
    elif at > first:
        known = False
    elif not signed and _byte(source, at) == 60:  # <
        blank, bits = True, _NAN
    else:
        word = _word(source, at) | types.uint64(0x2020202020202020)
        if word == types.uint64(0x7974696E69666E69):  # infinity
            at, bits = at + 8, _INFINITY
        elif word & types.uint64(0xFFFFFF) == types.uint64(0x666E69):  # inf
            at, bits = at + 3, _INFINITY
        elif word & types.uint64(0xFFFFFF) == types.uint64(0x6E616E):  # nan
            at, bits = at + 3, _NAN
        else:
            known = False
    if sign == 45:
        bits |= types.uint64(1) << types.uint64(63)
    return known, _past_blanks(source, at), bits, blank


@inlined
def _integer(source: Any, at: Any, limits: Any) -> Any:
    """Read an integer of up to 18 digits, otherwise as `_real`.

    limits: address of the least and the greatest that are known, and of the null, which is known
    too and stands for a blank one.
    """
    at = _past_blanks(source, at)
    sign = _byte(source, at)
    signed = sign == 45 or sign == 43
    at += types.int64(signed)
    first = at
    at, number = _past_digits(source, at, types.uint64(0))
    value = -types.int64(number) if sign == 45 else types.int64(number)
    null = load(limits, 2, value)
    known, blank = 0 < at - first < _DIGITS, False
    if at == first and not signed:
        known, blank, value = True, True, null
    known = known and (load(limits, 0, value) <= value <= load(limits, 1, value) or value == null)
    return known, _past_blanks(source, at), value, blank


@inlined
def _copy(source: Any, at: Any, to: Any, written: Any) -> Any:
    """Copy text and a < behind it; gives where it ends and where the copy does."""
    while True:
        word = _word(source, at)
        _put(to, written, word)
        # The upper bit of each byte that is none of text, and maybe of others above the lowest.
        odd = (
            word
            | ~(word + types.uint64(0x6060606060606060))  # less than 32
            | (word + types.uint64(0x0101010101010101))  # 127
            | ~((word ^ types.uint64(0x2626262626262626)) + _SEVEN)  # &
            | ~(((word | _TWO) ^ types.uint64(0x3E3E3E3E3E3E3E3E)) + _SEVEN)  # < >
        )
        count = _zeros(odd & _EIGHTH) >> 3
        at += count
        written += count
        if count < _AHEAD:
            byte = _byte(source, at)
            if byte != 9 and byte != 10:
                _put(to, written, types.uint64(60))
                return at, written + 1
            at += 1
            written += 1


@inlined
def _tag(source: Any, at: Any, tags: Any, sizes: Any, which: Any, stop: Any) -> Any:
    """Give where a tag ends that begins at a place before `stop`; 0 where there is none."""
    end, place = at + sizes[which], 0
    while at < end:
        if _word(source, at) & tags[which, place, 1] != tags[which, place, 0]:
            return 0
        at += 8
        place += 1
    return end if end < stop else 0


@kernel(
    [
        types.UniTuple(types.int64, 3)(
            array(types.uint8, 1), types.int64, array(types.uint64, 3), array(types.int64, 1),
            array(types.int64, 1), array(types.int64, 2), array(types.uint64, 2),
            array(types.uint64, 2, writeable=True), array(types.boolean, 2, writeable=True),
            array(types.uint8, 1, writeable=True),
        )
    ]
)  # fmt: skip
def rows(
    document: Any, start: int, tags: Any, sizes: Any, kinds: Any, limits: Any,
    powers: Any, numbers: Any, blanks: Any, texts: Any,
) -> Any:  # fmt: skip
    """Read plain rows; gives their number, where the last one ends, and the length of `texts`.

    document: bytes, of which the last eight are not read as part of a row; start: a place between
    rows; tags (4, k, 2), sizes (4,): <TR>, <TD>, </TD>, </TR> as words with the bits that count,
    and their lengths; kinds (n,), limits (n, 3): of the fields, see `_integer`; powers: `POWERS`.
    numbers (n, m): takes the bits of float64 and int64 of up to m rows; blanks (n, m): takes which
    of them are blank; texts: takes the cells of text, row by row, a < behind each, and has room for
    what follows `start`.
    """
    source, power = document.ctypes.data, powers.ctypes.data
    stop = len(document) - _AHEAD
    # Whatever is looked for ends at a > before `stop`, so nothing need ask for the document's end.
    while stop > start and document[stop - 1] != 62:
        stop -= 1
    width, most = numbers.shape
    count, end, length = 0, start, 0
    while count < most and end < stop:
        at = _tag(source, _past_gap(source, end), tags, sizes, 0, stop)
        written, column = length, 0
        if at:
            at = _past_gap(source, at)
        while at and column < width:
            at = _tag(source, at, tags, sizes, 1, stop)
            if not at:
                break
            begin, known, blank = at, True, False
            if kinds[column] == REAL:
                known, at, bits, blank = _real(source, at, power)
                numbers[column, count] = bits
            elif kinds[column] == INTEGER:
                limit = limits.ctypes.data + types.uint64(24 * column)
                known, at, value, blank = _integer(source, at, limit)
                numbers[column, count] = types.uint64(value)
            else:
                at, written = _copy(source, at, texts.ctypes.data, written)
            blanks[column, count] = blank
            if not known or at - begin > _LONGEST:
                at = 0
                break
            at = _tag(source, at, tags, sizes, 2, stop)
            if at:
                at = _past_gap(source, at)
            column += 1
        if at:
            at = _tag(source, at, tags, sizes, 3, stop + 1)
        if not at:
            break
        end, length = at, written
        count += 1
    return count, end, length
