"""The kernel that reads rows of text: numbers to the bit, and nothing that it is not sure of."""

import itertools
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vo_server.formats import engine
from vo_server.formats.cells import NotANumber, integers, reals

TAGS = (b"<TR>", b"<TD>", b"</TD>", b"</TR>")
AHEAD = b" " * 8  # what stands behind the rows
LIMITS = (-(2**31), 2**31 - 1, -(2**31))
SEED = 20261128


class Rows(NamedTuple):
    """What the kernel gives of rows."""

    number: int
    end: int
    bits: NDArray[np.uint64]
    blanks: NDArray[np.bool_]
    texts: bytes


def rows(document: bytes | NDArray[np.uint8], kinds: str, start: int = 0, **options: Any) -> Rows:
    """Read rows; kinds: a letter for each field, (t)ext, (r)eal or (i)nteger."""
    kernels = engine.kernels()
    assert kernels is not None
    parse = kernels.parse
    data = np.frombuffer(document, np.uint8) if isinstance(document, bytes) else document
    tags: tuple[bytes, ...] = options.get("tags", TAGS)
    most = options.get("most", len(data) // 9 + 1)
    size = -(-max(map(len, tags)) // 8) * 8
    words = np.array(
        [
            [np.frombuffer(side.ljust(size, b"\0"), np.uint64) for side in (t, b"\xff" * len(t))]
            for t in tags
        ]
    )
    numbers = np.zeros((len(kinds), most), np.uint64)
    blanks = np.zeros((len(kinds), most), bool)
    texts = np.zeros(len(data), np.uint8)
    places = {"t": parse.TEXT, "r": parse.REAL, "i": parse.INTEGER}
    count, end, length = parse.rows(
        data, start, np.ascontiguousarray(words.transpose(0, 2, 1)),
        np.array([len(tag) for tag in tags]), np.array([places[kind] for kind in kinds]),
        np.array([options.get("limits", LIMITS)] * len(kinds)), parse.POWERS,
        numbers, blanks, texts,
    )  # fmt: skip
    return Rows(count, end, numbers[:, :count], blanks[:, :count], texts[:length].tobytes())


def column(*cells: str) -> bytes:
    """Give rows of one cell each."""
    return b"".join(f"<TR><TD>{cell}</TD></TR>".encode() for cell in cells) + AHEAD


def same_as_float(words: list[str]) -> None:
    """Assert that each word is read, as `float` reads it."""
    found = rows(column(*words), "r")
    assert found.number == len(words), words[found.number]
    numbers = np.array([float(word) for word in words])
    different = np.flatnonzero(numbers.view(np.uint64) != found.bits[0])
    assert [words[index] for index in different] == []


def test_many_numbers() -> None:
    random = np.random.default_rng(SEED)
    bits = random.integers(0, 2**64, 200_000, np.uint64, endpoint=False)
    numbers = bits.view(np.float64)[np.isfinite(bits.view(np.float64))]
    small = random.integers(0, 2**52, 20_000, np.uint64).view(np.float64)
    flights = random.normal(size=100_000) * 10.0 ** random.integers(-5, 9, 100_000)
    for values in (numbers, small, flights, flights.astype(np.float32).astype(float)):
        same_as_float([repr(value) for value in values.tolist()])
    numbers = numbers[np.abs(numbers) < 1e308]
    same_as_float([f"{value:.{n % 19}e}" for n, value in enumerate(numbers.tolist())])
    same_as_float([f"{value:.{n % 9}f}" for n, value in enumerate(flights.tolist())])
    digits = random.integers(0, 2**63, 100_000)
    powers = random.integers(-345, 291, 100_000)
    powers[(powers < 0) & (powers > -28)] = 0  # where some are amid two floats
    same_as_float([f"{d}e{p}" for d, p in zip(digits.tolist(), powers.tolist(), strict=True)
                   if p < 290 and d * Decimal(10) ** p > Decimal("1e-323")])  # fmt: skip


@settings(derandomize=True, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False).map(repr), min_size=1))
def test_numbers(words: list[str]) -> None:
    same_as_float(words)


@st.composite
def decimals(draw: st.DrawFn) -> str:
    """Draw numbers of 1 to 25 digits as people write them."""
    digits = draw(st.text("0123456789", min_size=1, max_size=25))
    point = draw(st.integers(0, len(digits) + 1))
    if point <= len(digits):
        digits = f"{digits[:point]}.{digits[point:]}"
    sign = draw(st.sampled_from(["", "-", "+"]))
    power = draw(st.just("") | st.integers(-400, 400).map(lambda n: f"{'eE'[n % 2]}{n:+03}"))
    return sign + digits + power


def agrees(cell: str) -> bool:
    """Assert that what is read of a cell is what Python reads; tell whether it was."""
    found = rows(column(cell), "r")
    if not found.number:
        return False
    (number,) = reals([cell])
    assert np.float64(number).view(np.uint64) == found.bits[0, 0], cell
    assert found.blanks[0, 0] == (not cell or cell.isspace())
    return True


@settings(derandomize=True, deadline=None, max_examples=2000)
@given(decimals())
def test_decimals(word: str) -> None:
    number = abs(float(word))
    digits = word.lower().partition("e")[0].strip("+-").replace(".", "").lstrip("0")
    read = agrees(word)
    if not digits or (len(digits) < 20 and 1e-323 < number < 1e308):
        assert read or _is_amid(word)


@settings(derandomize=True, deadline=None, max_examples=1000)
@given(
    st.floats(5e-324, 1e308),
    st.integers(1, 25),
    st.integers(-2, 2),
    st.sampled_from(["", "0", "1"]),
)
def test_numbers_amid_two_floats(below: float, digits: int, more: int, tail: str) -> None:
    with localcontext(prec=900):
        half = (Decimal(below) + Decimal(float(np.nextafter(below, np.inf)))) / 2
        _, figures, power = half.as_tuple()
        assert isinstance(power, int)
        whole = int("".join(map(str, figures[:digits]))) + more
        agrees(f"{whole}{tail}e{power + max(0, len(figures) - digits) - len(tail)}")
        agrees(f"{half:f}"[:700])


@pytest.mark.parametrize("power", range(53, 64))
def test_whole_numbers_amid_two_floats(power: int) -> None:
    gap = 2 ** (power - 52)
    places = [2**power + gap * n + gap // 2 for n in (0, 1, 2, 3, 2**40, 2**40 + 1)]
    words = [str(place + more) for place in places for more in (-1, 0, 1)]
    same_as_float(words)
    for word in words:
        assert agrees(f"{word}.0") is (len(word) < 19 and not _is_amid(word))


def _is_amid(word: str) -> bool:
    number = float(word)
    with localcontext(prec=900):
        sides = [Decimal(float(np.nextafter(number, end))) for end in (-np.inf, np.inf)]
        return Decimal(word) in [(Decimal(number) + side) / 2 for side in sides]


def test_powers_of_ten_and_ends_of_the_range() -> None:
    same_as_float([f"1e{power}" for power in range(-323, 309)])
    same_as_float(
        [f"{n}e{power}" for n in (9, 18446744073709551615 // 10) for power in range(-323, 290)]
    )
    same_as_float(["5e-324", "4.9406564584124654e-324", "2.2250738585072011e-308",
                   "2.2250738585072014e-308", "1.7976931348623157e308", "9007199254740993",
                   "0e999", "-0e-9999", "-0", "-0.0", "00000000000000000000000001.5",
                   "0.00000000000000000000000000000015", "9223372036854775807"])  # fmt: skip
    for word in ("1.7976931348623159e308", "1e309", "2e-324", "1e-999", "1e99999", "1" * 20):
        agrees(word)


def test_the_table_of_powers() -> None:
    kernels = engine.kernels()
    assert kernels is not None
    for power, (upper, lower, exponent) in enumerate(kernels.parse.POWERS.tolist(), -343):
        bits, two = (upper << 64) + lower, (exponent - 1076 + 2**63) % 2**64 - 2**63 - 127
        least, most = Fraction(bits) * Fraction(2) ** two, Fraction(bits + 1) * Fraction(2) ** two
        assert bits >> 127 == 1
        assert least <= Fraction(10) ** power < most
        assert (least == Fraction(10) ** power and not lower) == (0 <= power <= 27)


ODD = (
    "", " ", "\t\n", "nan", "NaN", "-nAn", "+NAN", "inf", "+Inf", "-INF", "infinity", "-Infinity",
    "infinit", "in", "nanx", "nan(1)", "1_0", "1 2", "1e", "1e+", "e5", ".", "-",
    "+", "+.5", "5.", ".e1",
    "1.2.3", "--1", "+-1", "- 1", "0x10", "1,5", "1d5", "1e5.0", "1e 5", " 1 ", "\n-2\t",
    "1\r", "１", "١", "1e00005", "1e+0005", "1e18446744073709551617",
    "1e-18446744073709551617", "é", "true", "1/2", "(1)", "1f", "NULL", "--",
    "-.", "1\x0b", "\x1f1", "1\x7f",
)  # fmt: skip


@pytest.mark.parametrize("cell", ODD)
def test_odd_spellings(cell: str) -> None:
    agrees(cell)


@settings(derandomize=True, deadline=None, max_examples=2000)
@given(st.text(st.sampled_from("0123456789+-.eE_ \t\naifntyNI,xd"), max_size=12))
def test_any_spelling(cell: str) -> None:
    agrees(cell)


@pytest.mark.parametrize("cell", ["nan", "-NaN", "+Inf", "-inf", "Infinity", "", " 1", "1 ", "5."])
def test_spellings_that_are_read(cell: str) -> None:
    assert agrees(cell)


@settings(derandomize=True, deadline=None, max_examples=1000)
@given(
    st.integers(-(2**65), 2**65).map(str)
    | st.integers(-(2**33), 2**33).map(str)
    | st.text(st.sampled_from("0123456789+-_ \t\nxaF."), max_size=12),
    st.sampled_from([LIMITS, (0, 255, -32768), (-(2**63), 2**63 - 1, -1)]),
)
def test_integers(cell: str, limits: tuple[int, int, int]) -> None:
    found = rows(column(cell), "i", limits=limits)
    if not found.number:
        return
    (number,) = integers([cell], limits[2])
    assert number == found.bits.view(np.int64)[0, 0]
    assert limits[0] <= number <= limits[1] or number == limits[2]
    assert found.blanks[0, 0] == (not cell or cell.isspace())


def test_integers_that_are_read() -> None:
    words = [str(n) for n in (0, 1, -1, 2**31 - 1, -(2**31), 7)] + ["+5", "-007", " 3\t", ""]
    found = rows(column(*words), "i")
    assert found.bits.view(np.int64)[0].tolist() == integers(words, LIMITS[2]).tolist()
    found = rows(column("-9", "", "255"), "i", limits=(0, 255, -9))  # the null is no value
    assert found.bits.view(np.int64)[0].tolist() == [-9, -9, 255]
    for cell in ("0x1F", "1.0", "1e3", "1_0", "2147483648", "-2147483649", "9" * 19, "one"):
        assert rows(column(cell), "i").number == 0
    with pytest.raises(NotANumber):
        integers(["1_0"], 0)


ROW = b"<TR> <TD>a\tb c'</TD>\r\n<TD>1.5</TD><TD>-7</TD>\t</TR>"


def test_rows() -> None:
    found = rows(b"\n" + ROW * 3 + b"\r\n </TABLEDATA>", "tri")
    assert found.number == 3
    assert found.end == 1 + 3 * len(ROW)
    assert found.texts == b"a\tb c'<" * 3
    assert found.bits[1].view(np.float64).tolist() == [1.5] * 3
    assert found.bits[2].view(np.int64).tolist() == [-7] * 3
    assert rows(ROW * 3 + AHEAD, "tri", most=2).end == 2 * len(ROW)
    assert rows(ROW * 3 + AHEAD, "tri", start=len(ROW)).number == 2
    assert rows(ROW * 3, "tri").number == 2  # the bytes of the last are too few to look ahead
    assert rows(b"", "t").number == rows(b"<TR>", "t").number == 0


@pytest.mark.parametrize(
    "odd",
    [
        ROW.replace(b"<TR>", b"<TR >"), ROW.replace(b"<TR>", b"<tr>"), ROW.replace(b"</TR>", b""),
        ROW.replace(b"<TD>-7</TD>", b""), ROW.replace(b"</TR>", b"<TD>1</TD></TR>"), b"x" + ROW,
        ROW.replace(b"<TD>1", b'<TD a="1">1'), ROW.replace(b"a\t", b"&lt;"), b"<!---->" + ROW,
        ROW.replace(b"a\t", b"a" * 65_533), ROW.replace(b"1.5", b" " * 65_534 + b"1.5"),
    ],
)  # fmt: skip
def test_rows_that_are_not_plain(odd: bytes) -> None:
    for behind in (ROW, b"</TABLEDATA>"):
        found = rows(ROW * 2 + odd + behind * 2 + AHEAD, "tri")
        assert (found.number, found.end, found.texts) == (2, 2 * len(ROW), b"a\tb c'<" * 2)


def test_letters_of_text() -> None:
    plain = {9, 10, *range(32, 127)} - {*b"&<>"}
    for place in range(18):
        for letter in range(256):
            text = b"x" * place + bytes([letter]) + b"\t" * (place % 3) + b"y" * (18 - place)
            found = rows(b"<TR><TD>" + text + b"</TD></TR>" + AHEAD, "t")
            assert found.texts == (text + b"<" if letter in plain else b"")


def test_long_cells() -> None:
    for text in (b"a" * 65_532, b" " * 65_532):
        assert rows(ROW.replace(b"a\t", text) + AHEAD, "tri").number == 1
    assert rows(ROW.replace(b"1.5", b" " * 65_533 + b"1.5") + AHEAD, "tri").number == 1
    assert rows(ROW.replace(b"1.5", b"0" * 60_000 + b"1.5") + AHEAD, "tri").number == 1


@pytest.mark.parametrize("prefix", [b"v:", b"votable:", b"vo.table-1.4:", b"a" * 50])
def test_tags_of_any_length(prefix: bytes) -> None:
    tags = tuple(tag.replace(b"T", prefix + b"T") for tag in TAGS)
    row = ROW
    for tag, long in zip(TAGS, tags, strict=True):
        row = row.replace(tag, long)
    found = rows(row * 3 + AHEAD, "tri", tags=tags)
    assert (found.number, found.end) == (3, 3 * len(row))
    assert rows(row * 2 + ROW + AHEAD, "tri", tags=tags).number == 2
    for place in range(len(row)):
        broken = row[:place] + b"~" + row[place + 1 :]
        assert rows(broken + row + AHEAD, "tri", tags=tags).number in (0, 2)


def test_what_stands_behind_a_document_is_not_looked_at() -> None:
    first, second = ROW, b"<TR><TD>x</TD> <TD>1234567890.12345678e5</TD><TD>12345678</TD></TR>"
    document = first + second + b"\n" + ROW
    tails = [document, b"0" * 99, b" " * 99, b"5</TD><TD>1</TD></TR>" * 4, b">" * 99]
    for end in range(len(document)):
        found = []
        for tail in tails:
            data = np.frombuffer(document[:end] + tail, np.uint8)[:end]
            result = rows(data, "tri")
            found.append((*result[:2], result.bits.tolist(), result.texts))
        assert all(one == other for one, other in itertools.pairwise(found))
        assert found[0][0] == sum(end >= size + 8 for size in (len(ROW), len(first + second)))
