"""How counts and shares are written in a language."""

from __future__ import annotations

import math
import re

__all__ = ["localized", "percentage", "thousands"]

NARROW_SPACE = "\u202f"
NOTHING = "–"
MOST_DIGITS = 4
NUMBERS_ONLY = re.compile(r"[-+±−–→<>≤≥\[\]() .,:%0-9e]+")
BETWEEN_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")


def localized(text: str, language: str = "en") -> str:
    r"""Return numbers that are written as in English as they are in ``language``; any other text as it is.

    >>> localized("51,234 [50,000, 52,000]", "es"), localized("Smith, 1,234 rows", "es")
    ('51\u202f234 [50\u202f000, 52\u202f000]', 'Smith, 1,234 rows')
    """
    if language == "en" or "," not in text or not NUMBERS_ONLY.fullmatch(text):
        return text
    return BETWEEN_THOUSANDS.sub(NARROW_SPACE, text)


def thousands(value: float, language: str = "en") -> str:
    r"""Return a whole number with its thousands apart.

    >>> thousands(1143), thousands(20640, "es")
    ('1,143', '20\u202f640')
    """
    return localized(f"{value:,.0f}", language)


def percentage(share: float, language: str = "en", digits: int = 0) -> str:
    """Return a share as a percentage, with more digits where it would else be said to be nothing, or all.

    >>> percentage(0.1), percentage(0.1, "es"), percentage(0.004), percentage(0.9999)
    ('10%', '10 %', '0.4%', '99.99%')
    """
    if not math.isfinite(share):
        return NOTHING
    for more in range(digits, max(digits, MOST_DIGITS) + 1):
        value = f"{100 * share:.{more}f}"
        if share in (0, 1) or float(value) not in (0, 100):
            break
    if float(value) == 100:
        value = "100"
    return f"{value}%" if language == "en" else f"{value} %"
