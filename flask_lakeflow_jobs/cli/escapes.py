"""Control characters in text from the workspace, which a terminal would obey. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

# Each alternative is linear: what may repeat never contains what begins a sequence.
_SEQUENCE = (
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: cursor, erasure, colors
    # OSC and other strings: title, clipboard, links
    r"|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\n\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
_NEWLINE = r"(?P<newline>\r\n?)"  # a carriage return would let a text write over itself
# All of C0 except tab and newline, C1, and what changes the direction of text (Unicode UAX 9).
_CHARACTER = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
_UNWANTED = rf"{_SEQUENCE}|{_NEWLINE}|{_CHARACTER}"
_COLOR = r"\x1b\[[0-9;]*m"
_RESET = "\x1b[0m"


def keep_words(words: Collection[str]) -> re.Pattern[str]:
    """Return a pattern for :func:`remove_escapes` that keeps these words in one color."""
    alternatives = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    return re.compile(rf"(?P<kept>(?:\x1b\[3[0-7]m)?(?:{alternatives}) *\x1b\[0m)|{_UNWANTED}")


#: A pattern for :func:`remove_escapes` that keeps colors and other looks of characters (SGR).
KEEP_COLORS = re.compile(rf"(?P<kept>{_COLOR})|{_UNWANTED}")


def remove_escapes(text: str, pattern: re.Pattern[str]) -> str:
    """Remove control characters, escape sequences and changes of direction from a text.

    Tabs and newlines stay, and a carriage return becomes a newline. Colors end with the text.

    :param pattern: also names what to keep.
    """

    def replace(match: re.Match[str]) -> str:
        return match["kept"] or ("\n" if match["newline"] else "")

    cleaned = pattern.sub(replace, text)
    return cleaned + _RESET if pattern is KEEP_COLORS and "\x1b" in cleaned else cleaned
