"""Counts: the whole numbers that bound a piece of work, as compiled kernels can hold them."""

import operator

LARGEST = 2**63 - 1


def check_count(name: str, count: int) -> None:
    """Raise ValueError, naming the count, unless it is a whole number from 1 on."""
    try:
        whole = operator.index(count)
    except TypeError as err:
        raise ValueError(f"{name} is {count!r}; it must be a whole number") from err
    if not 1 <= whole <= LARGEST:
        raise ValueError(f"{name} is {whole}; it must be at least 1 and at most {LARGEST}")
