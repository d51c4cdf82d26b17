"""How a CSV file is written: its encoding and its separator, found from its first bytes."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import Any

_SEPARATORS = (",", ";", "\t", "|")
_LINES = 200


@dataclass(frozen=True)
class CsvFormat:
    """How a text file holds a table.

    Attributes:
        encoding: Name of the codec.
        separator: What stands between two cells.
    """

    encoding: str = "utf-8"
    separator: str = ","

    @property
    def load_args(self) -> dict[str, Any]:
        """Arguments of ``pandas.read_csv`` that differ from its own."""
        found: dict[str, Any] = {}
        if self.separator != ",":
            found["sep"] = self.separator
        if self.encoding != "utf-8":
            found["encoding"] = self.encoding
        return found


def sniff_csv(head: bytes) -> CsvFormat:
    """Find encoding and separator.

    Args:
        head: The first bytes of the file, uncompressed; they may end inside of a line.

    Returns:
        The separator is the one that cuts most lines into equally many cells.

    Raises:
        UnicodeError: If the bytes are no text.
    """
    encoding = _encoding(head)
    # A character that is cut in two at the end is no error.
    lines = head.decode(encoding, errors="ignore").splitlines()
    lines = lines[: -1 if len(lines) > 2 else None][:_LINES]
    scores = {separator: _score(lines, separator) for separator in _SEPARATORS}
    best = max(scores, key=lambda separator: scores[separator])
    # A comma is what a table of one column goes by.
    return CsvFormat(encoding, best if scores[best] > (0, 0) else ",")


def _encoding(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\x00" in head:
        raise UnicodeError(
            "it is no text; give a CSV file (also as .gz) or a Parquet file (.parquet)"
        )
    try:
        # The byte order mark of UTF-8 is skipped by the reader.
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # Unless only the last character is cut in two.
        if error.start < len(head) - 3:
            # Of the one-byte codecs the one that has a character for most bytes and the euro sign.
            return "cp1252" if any(0x80 <= byte <= 0x9F for byte in head) else "latin-1"
    return "utf-8"


def _score(lines: list[str], separator: str) -> tuple[float, float]:
    """Share of the lines that have the usual number of cells, and that number."""
    widths = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
    if not widths or median(widths) < 2:
        return 0, 0
    usual, count = Counter(widths).most_common(1)[0]
    # A decimal comma cuts some lines more often than others; the header tells it from a separator.
    return (count / len(widths) if widths[0] == usual else 0.0), usual
