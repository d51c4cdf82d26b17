"""How numbers are written as text, declared by an example: ``1,234.5``, ``1.234,5``, ``12 %``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from regression_lifecycle.core.errors import ConfigurationError

ALLOWED_FORMS = (
    '"1234.5", "1,234.5", "1 234.5", "1\'234.5", "1234,5", "1.234,5", "1 234,5", each also with '
    'a "%" at the end ("12 %", "12,5 %"), which divides by 100'
)
_EXAMPLE = re.compile(
    r"(?:\d+|\d+(?P<only>[.,])\d{1,2}|\d{1,3}(?P<thousands>[,. '])\d{3}(?P<decimal>[.,])\d{1,2})"
    r"(?P<percent>\s*%)?"
)
# A space between digits is often one that must not break a line.
_SPACES = "[ \u00a0\u2009\u202f]"
_PERCENT = _SPACES + "*%$"
_SEPARATORS = {",": ",", ".": r"\.", "'": "['\u2019]", " ": _SPACES}
_PLAIN = r"(?i)^[+-]?(?:inf|infinity|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)$"


@dataclass(frozen=True)
class NumberFormat:
    """How the numbers of one column are written.

    Attributes:
        decimal: The character before the decimals.
        thousands: The character between groups of three digits, which a number may also do
            without; empty for none.
        percent: Whether a percent sign ends every number, which is then divided by 100.
    """

    decimal: str = "."
    thousands: str = ""
    percent: bool = False

    @classmethod
    def from_example(cls, example: str) -> Self:
        """Read a declaration such as ``1.234,5``.

        Raises:
            ConfigurationError: If the example leaves open what separates what.
        """
        found = _EXAMPLE.fullmatch(example.strip())
        if found is not None:
            decimal = found["decimal"] or found["only"]
            percent = found["percent"] is not None
            if found["thousands"] != (decimal or "") and (decimal or percent):
                return cls(decimal or ".", found["thousands"] or "", percent)
        raise ConfigurationError(f"'{example}' is no format of numbers; allowed: {ALLOWED_FORMS}")

    def to_plain(self, text: Any) -> Any:
        """Rewrite numbers as Python writes them.

        Args:
            text: Arrow array of texts without surrounding spaces.

        Returns:
            Arrow array of texts like ``-1234.5``; null for those that do not follow the format.
        """
        fits = pc.match_substring_regex(text, self._pattern())
        plain = pc.if_else(fits, text, pa.scalar(None, text.type))
        if self == NumberFormat():
            return pc.utf8_ltrim(plain, "+")
        if self.thousands:
            plain = pc.replace_substring_regex(plain, _SEPARATORS[self.thousands], "")
        if self.decimal != ".":
            plain = pc.replace_substring(plain, self.decimal, ".")
        plain = pc.utf8_ltrim(pc.replace_substring(plain, "\u2212", "-"), "+")
        # Rounded once, by whoever reads the text.
        return pc.replace_substring_regex(plain, _PERCENT, "e-2") if self.percent else plain

    def _pattern(self) -> str:
        if self == NumberFormat():
            return _PLAIN
        decimal, digits = _SEPARATORS[self.decimal], r"\d+"
        if self.thousands:
            digits = rf"(?:\d{{1,3}}(?:{_SEPARATORS[self.thousands]}\d{{3}})+|\d+)"
        end = _PERCENT if self.percent else "$"
        return rf"^[+\-\x{{2212}}]?(?:{digits}(?:{decimal}\d*)?|{decimal}\d+){end}"
