"""Text of others made harmless to print: it cannot move the cursor, turn the line around or become a formula."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

__all__ = ["clean", "pad", "width_of", "wrap"]

_LINE_BREAKS: Final = re.compile(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+\s*")
_JOINERS: Final = "\u200c\u200d"  # Persian and emoji need them, and they do nothing else
_MARK: Final = "\N{REPLACEMENT CHARACTER}"
_FORMULA: Final = re.compile(r"""[=@]|[+\-](?![\d\s().\-/]*\Z|\d[^=|!"'()]*\Z)""")


def _is_harmless(letter: str) -> bool:
    return letter in _JOINERS or not unicodedata.category(letter).startswith("C")


def clean(text: str) -> str:
    """Return `text` on one line, with control and direction characters replaced by a visible mark.

    What a spreadsheet would take for a formula gets an apostrophe in front; a phone number does not.
    """
    one_line = _LINE_BREAKS.sub(", ", text.strip()).replace("\t", " ")
    shown = "".join(letter if _is_harmless(letter) else _MARK for letter in one_line).strip()
    return f"'{shown}" if _FORMULA.match(shown) else shown


def width_of(text: str) -> int:
    """Return how many columns of a terminal the text takes: two for wide letters, none for combining marks."""
    return sum(map(_columns, text))


def _columns(letter: str) -> int:
    if unicodedata.combining(letter) or letter in _JOINERS:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Fill with spaces up to a width in columns; `right` moves the text to the right edge."""
    space = " " * max(width - width_of(text), 0)
    return space + text if right else text + space


def wrap(text: str, width: int) -> list[str]:
    """Break into lines of at most `width` columns, between words where possible; at least one line."""
    lines = [""]
    for word in _pieces(text, width):
        candidate = f"{lines[-1]} {word}" if lines[-1] else word
        if width_of(candidate) <= width:
            lines[-1] = candidate
        else:
            lines.append(word)
    return lines


def _pieces(text: str, width: int) -> Iterator[str]:
    """Yield the words, those that are too long in pieces."""
    for word in text.split(" "):
        piece = ""
        for letter in word:
            if width_of(piece + letter) > width:
                yield piece
                piece = ""
            piece += letter
        yield piece
