"""Short hashes that say whether data or configuration changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def table_fingerprint(table: pd.DataFrame) -> str:
    """Hash a table's content: values, column names, dtypes and row order.

    Args:
        table: Any table with hashable values.

    Returns:
        The first 16 hexadecimal digits of a SHA-256.
    """
    return _short(hashlib.sha256(_head(table) + _row_hashes(table).tobytes()))


class GroupFingerprints:
    """Hashes groups of rows piece by piece, each as :func:`table_fingerprint` hashes a table."""

    def __init__(self) -> None:
        """Begin without a row."""
        self._head: bytes | None = None
        self._digests: dict[int, Any] = {}

    def add(self, table: pd.DataFrame, groups: NDArray[np.int64]) -> None:
        """Hash more rows.

        Args:
            table: The rows that follow, with the columns and dtypes of those before.
            groups: Number of the group of each row, shape (n,).
        """
        self._head = _head(table)
        order = np.argsort(groups, kind="stable")
        hashes, ordered = _row_hashes(table)[order], groups[order]
        numbers, starts = np.unique(ordered, return_index=True)
        for number, part in zip(numbers.tolist(), np.split(hashes, starts[1:]), strict=True):
            if number not in self._digests:
                self._digests[number] = hashlib.sha256(self._head)
            self._digests[number].update(part.tobytes())

    def of(self, group: int) -> str:
        """Return the hash of a group; one without rows has a hash too."""
        digest = self._digests.get(group) or hashlib.sha256(self._head or b"")
        return _short(digest)


def _row_hashes(table: pd.DataFrame) -> NDArray[np.uint64]:
    # A missing number has many bit patterns, by how it was computed, and a file keeps one of them.
    floats = {name for name, dtype in table.dtypes.items() if dtype in (np.float64, np.float32)}
    blank = [name for name in floats if table[name].isna().any()]
    same = table.assign(**{name: table[name].fillna(np.nan) for name in blank})
    hashes: NDArray[np.uint64] = pd.util.hash_pandas_object(same, index=False).to_numpy()
    return hashes


def _head(table: pd.DataFrame) -> bytes:
    return json.dumps([(str(c), str(t)) for c, t in table.dtypes.items()]).encode()


def _short(digest: Any) -> str:
    text: str = digest.hexdigest()
    return text[:16]


def combined_fingerprint(parts: Mapping[str, Any]) -> str:
    """Hash several named values into one.

    Args:
        parts: Names and JSON-serialisable values.

    Returns:
        The first 16 hexadecimal digits of a SHA-256, independent of the order of names.
    """
    text = json.dumps(dict(parts), sort_keys=True, default=str)
    return _short(hashlib.sha256(text.encode()))
