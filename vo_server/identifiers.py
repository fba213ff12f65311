"""Identifiers: short names that the node makes, C identifiers of bounded length."""

import hashlib
import re

LONGEST = 31
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHER = re.compile(r"[^A-Za-z0-9]+")


def is_identifier(text: str) -> bool:
    """Tell whether a text is a C identifier of at most `LONGEST` characters."""
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) is not None and len(text) <= LONGEST


def identifier(text: str, longest: int = LONGEST) -> str:
    """Make a C identifier of at most `longest` characters out of a text.

    `Mars/RunB-coarse/H+` is `mars_run_b_coarse_h`. What is too long is cut and told apart by a
    hash of the whole text.
    """
    words = _OTHER.sub("_", _CAMEL.sub("_", text)).strip("_").lower()
    if not words or words[0].isdigit():
        words = f"d_{words}" if words else "d"
    if len(words) < 2:
        words = f"{words}_"
    return words if len(words) <= longest else hashed(words, text, longest)


def hashed(words: str, text: str, longest: int = LONGEST) -> str:
    """Give an identifier that a hash of a text tells from others that begin alike."""
    mark = hashlib.sha256(text.encode()).hexdigest()[:6]
    return f"{words[: longest - 7].rstrip('_')}_{mark}"
