"""UCD1+: the grammar, and the words that the installed astropy lists.

Source: IVOA UCD1+ controlled vocabulary; grammar of An IVOA Standard for Unified Content
Descriptors 1.10.
"""

import re
from functools import cache
from importlib.resources import files

_WORD = re.compile(r"(?:ivoa:)?[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9][A-Za-z0-9_-]*)*")
_FIRST, _LATER = "PQECV", "SQECV"  # flags of words that may stand first, or behind


@cache
def words() -> dict[str, str]:
    """Give each word in lower case with its flag, which tells where it may stand."""
    source = files("astropy.io.votable").joinpath("data/ucd1p-words.txt")
    lines = source.read_text(encoding="ascii").splitlines()
    parts = [line.split("|") for line in lines if line.strip() and not line.startswith("#")]
    return {part[1].strip().lower(): part[0].strip() for part in parts}


def wrong(ucd: str) -> tuple[str, str] | None:
    """Give rule and reason why a UCD is none, None where it is one."""
    found = ucd.split(";")
    for place, word in enumerate(found):
        if _WORD.fullmatch(word) is None:
            return "ucd-grammar", f"'{word[:40]}' is no word of a UCD"
        flag = words().get(word.lower().removeprefix("ivoa:"))
        if flag is None:
            return "ucd-word", f"'{word[:40]}' is not in the list of UCD words"
        if flag not in (_FIRST if place == 0 else _LATER):
            where = "begin a UCD" if place == 0 else "stand behind the first word of a UCD"
            return "ucd-place", f"'{word[:40]}' cannot {where}"
    return None
