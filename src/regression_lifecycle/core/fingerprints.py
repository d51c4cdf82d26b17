"""Short hashes that say whether data or configuration changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.core.util.hashing import combine_hash_arrays

# What pandas gives for a text that is missing.
_MISSING_TEXT = np.uint64(2**64 - 1)


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

    def add(
        self,
        table: pd.DataFrame,
        groups: NDArray[np.int64],
        hashes: Mapping[str, NDArray[np.uint64]] | None = None,
    ) -> None:
        """Hash more rows.

        Args:
            table: The rows that follow, with the columns and dtypes of those before.
            groups: Number of the group of each row, shape (n,).
            hashes: What :func:`column_hashes` gives of them, with further columns, where several
                tables share columns.
        """
        self._head = _head(table)
        row_hashes = _row_hashes(table, hashes)
        if (groups[1:] < groups[:-1]).any():
            order = np.argsort(groups, kind="stable")
            row_hashes, groups = row_hashes[order], groups[order]
        numbers, starts = np.unique(groups, return_index=True)
        for number, part in zip(numbers.tolist(), np.split(row_hashes, starts[1:]), strict=True):
            if number not in self._digests:
                self._digests[number] = hashlib.sha256(self._head)
            self._digests[number].update(part.tobytes())

    def of(self, group: int) -> str:
        """Return the hash of a group; one without rows has a hash too."""
        digest = self._digests.get(group) or hashlib.sha256(self._head or b"")
        return _short(digest)


def column_hashes(table: pd.DataFrame) -> dict[str, NDArray[np.uint64]]:
    """Hash every value for itself, as ``pandas.util.hash_pandas_object`` does.

    Args:
        table: Any table with hashable values.

    Returns:
        One number per row, by column.
    """
    return {name: _value_hashes(values) for name, values in table.items()}


def _value_hashes(values: pd.Series) -> NDArray[np.uint64]:
    if values.dtype in (np.float64, np.float32):
        # A missing number has many bit patterns, by how it was computed; a file keeps one of them.
        values = values.fillna(np.nan)
    elif isinstance(values.dtype, pd.StringDtype):
        # Pandas makes an object of every text.
        codes, texts = pd.factorize(values)
        known: NDArray[np.uint64] = np.append(_hashes(texts), _MISSING_TEXT)
        found: NDArray[np.uint64] = known[codes]
        return found
    return _hashes(values)


def _hashes(values: pd.DataFrame | pd.Series | pd.Index) -> NDArray[np.uint64]:
    hashes: NDArray[np.uint64] = pd.util.hash_pandas_object(values, index=False).to_numpy()
    return hashes


def _row_hashes(
    table: pd.DataFrame, hashes: Mapping[str, NDArray[np.uint64]] | None = None
) -> NDArray[np.uint64]:
    """Hash rows as ``pandas.util.hash_pandas_object`` does: the stores hold such hashes."""
    if not table.columns.is_unique:
        return _hashes(table)
    known = column_hashes(table) if hashes is None else hashes
    combined: NDArray[np.uint64] = combine_hash_arrays(
        (known[name] for name in table.columns), table.shape[1]
    )
    return combined


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
