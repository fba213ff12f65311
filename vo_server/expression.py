"""Expressions: formulas of named numbers, as strangers send them; nothing in them is ever run.

Grammar: sums of products of signed powers of numbers, names, calls and brackets, as in
`abs(Bx / Btot) ** 2`. A power binds from the right, and tighter than a sign before it.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from vo_server.errors import BadArgument, excerpt

_LONGEST = 400
_DEEPEST = 16

Value = Callable[[Mapping[str, float]], float]

_FUNCTIONS: dict[str, tuple[Callable[..., float], int]] = {
    "abs": (abs, 1),
    "sqrt": (math.sqrt, 1),
    "sin": (math.sin, 1),
    "cos": (math.cos, 1),
    "tan": (math.tan, 1),
    "asin": (math.asin, 1),
    "acos": (math.acos, 1),
    "atan": (math.atan, 1),
    "atan2": (math.atan2, 2),
    "min": (min, 0),  # any number from two on
    "max": (max, 0),
}
_SUMS = {"+": lambda a, b: a + b, "-": lambda a, b: a - b}
_PRODUCTS = {"*": lambda a, b: a * b, "/": lambda a, b: a / b}
_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SIGN = re.compile(r"\*\*|[-+*/(),]")


@dataclass(frozen=True, slots=True)
class Expression:
    """A formula; names: those in it."""

    names: frozenset[str]
    _value: Value

    def __call__(self, values: Mapping[str, float]) -> float:
        """Give its number, NaN where it has none: a division by zero, a root of less than zero.

        Raises KeyError where `values` lacks a name.
        """
        try:
            result = self._value(values)
        except (ArithmeticError, ValueError):
            return math.nan
        return float(result) if isinstance(result, (int, float)) else math.nan


def parse(text: str, names: Collection[str], *, argument: str) -> Expression:
    """Read a formula of some names, upper and lower case alike.

    Raises BadArgument saying where it is none.
    """
    if len(text) > _LONGEST:
        raise BadArgument(
            f"{argument} has more than {_LONGEST} characters, the longest expression here",
            argument=argument,
        )
    parser = _Parser(_tokens(text, names, argument), argument)
    value = parser.sum()
    parser.end()
    return Expression(frozenset(parser.names), value)


@dataclass(frozen=True, slots=True)
class _Token:
    """kind: number, name, function, sign or end."""

    kind: str
    text: str
    place: int


def _tokens(text: str, names: Collection[str], argument: str) -> list[_Token]:
    """Cut a text into tokens; a known name may have letters that no other word may."""
    known = {name.casefold(): name for name in names}
    odd = [name for name in known if not _WORD.fullmatch(name)]
    tokens: list[_Token] = []
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        rest = text[place:].casefold()
        named = next((name for name in odd if rest.startswith(name)), None)
        if named is not None:
            token = _Token("name", known[named], place)
            length = len(named)
        else:
            token, length = _token(text, place, known, argument)
        tokens.append(token)
        place += length
    return [*tokens, _Token("end", "the end", len(text))]


def _token(text: str, place: int, known: Mapping[str, str], argument: str) -> tuple[_Token, int]:
    for kind, pattern in (("number", _NUMBER), ("word", _WORD), ("sign", _SIGN)):
        match = pattern.match(text, place)
        if match is None:
            continue
        word = match[0]
        if kind == "word":
            lower = word.casefold()
            if lower in _FUNCTIONS:
                return _Token("function", lower, place), len(word)
            if lower not in known:
                raise BadArgument(
                    f"{argument} has the unknown name {excerpt(word)}; there are: "
                    f"{', '.join(known.values())} and the functions {', '.join(_FUNCTIONS)}",
                    argument=argument,
                )
            return _Token("name", known[lower], place), len(word)
        return _Token(kind, word, place), len(word)
    raise BadArgument(
        f"{argument} has {excerpt(text[place])} at character {place + 1}, where nothing fits",
        argument=argument,
    )


class _Parser:
    """Turns tokens into functions, level by level, never deeper than allowed."""

    def __init__(self, tokens: list[_Token], argument: str) -> None:
        self.names: set[str] = set()
        self._tokens = tokens
        self._argument = argument
        self._at = 0
        self._depth = 0

    def end(self) -> None:
        """Refuse what stands behind the expression."""
        if self._next.kind != "end":
            raise self._wrong()

    def sum(self) -> Value:
        """Read terms that are added."""
        return self._chain(_SUMS, self._product)

    def _product(self) -> Value:
        return self._chain(_PRODUCTS, self._signed)

    def _chain(
        self, signs: Mapping[str, Callable[[float, float], float]], part: Callable[[], Value]
    ) -> Value:
        parts: list[tuple[Callable[[float, float], float], Value]] = []
        first = part()
        while self._next.kind == "sign" and self._next.text in signs:
            parts.append((signs[self._take().text], part()))
        if not parts:
            return first

        def value(values: Mapping[str, float]) -> float:
            result = first(values)
            for join, other in parts:
                result = join(result, other(values))
            return result

        return value

    def _signed(self) -> Value:
        negative = False
        while self._next.text in ("+", "-") and self._next.kind == "sign":
            negative ^= self._take().text == "-"
        value = self._power()
        return (lambda values: -value(values)) if negative else value

    def _power(self) -> Value:
        base = self._atom()
        if self._next.text != "**":
            return base
        self._take()
        self._enter()
        exponent = self._signed()
        self._depth -= 1
        return lambda values: _powered(base(values), exponent(values))

    def _atom(self) -> Value:
        token = self._take()
        if token.kind == "number":
            number = float(token.text)
            return lambda values: number
        if token.kind == "name":
            name = token.text
            self.names.add(name)
            return lambda values: values[name]
        if token.kind == "function":
            self._want("(")
            return self._call(token)
        if token.text == "(":
            self._enter()
            value = self.sum()
            self._want(")")
            self._depth -= 1
            return value
        self._at -= token.kind != "end"
        raise self._wrong()

    def _call(self, token: _Token) -> Value:
        self._enter()
        given = [self.sum()]
        while self._next.text == ",":
            self._take()
            given.append(self.sum())
        self._want(")")
        self._depth -= 1
        function, count = _FUNCTIONS[token.text]
        if len(given) != count if count else len(given) < 2:
            raise BadArgument(
                f"{self._argument}: {token.text} takes {count or 'two or more'} numbers, not "
                f"{len(given)}",
                argument=self._argument,
            )
        return lambda values: function(*(part(values) for part in given))

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        if token.kind != "end":
            self._at += 1
        return token

    def _want(self, sign: str) -> None:
        if self._next.text != sign:
            raise self._wrong()
        self._take()

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise BadArgument(
                f"{self._argument} is nested deeper than {_DEEPEST} levels",
                argument=self._argument,
            )

    def _wrong(self) -> BadArgument:
        token = self._next
        what = "ends too early" if token.kind == "end" else f"has {excerpt(token.text)} at"
        where = (
            "" if token.kind == "end" else f" character {token.place + 1}, where it does not fit"
        )
        return BadArgument(f"{self._argument} {what}{where}", argument=self._argument)


def _powered(base: float, exponent: float) -> float:
    """Give a power of real numbers; raises ValueError where it is none."""
    result = base**exponent
    if isinstance(result, complex):
        raise ValueError("no real number")
    return float(result)
