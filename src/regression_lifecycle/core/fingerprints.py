"""Short hashes that say whether data or configuration changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
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
    return _hash(table, _row_hashes(table))


def fingerprints_by_group(
    table: pd.DataFrame, groups: pd.Series, wanted: Iterable[int]
) -> list[str]:
    """Hash the content of groups of rows, each as :func:`table_fingerprint` would.

    Args:
        table: Any table with hashable values.
        groups: Number of the group of each row, shape (n,).
        wanted: The groups to hash; one without rows has a hash too.

    Returns:
        One hash per wanted group.
    """
    numbers = groups.to_numpy()
    order = np.argsort(numbers, kind="stable")
    hashes = _row_hashes(table)[order]
    ordered = numbers[order]
    bounds = [
        (np.searchsorted(ordered, group, "left"), np.searchsorted(ordered, group, "right"))
        for group in wanted
    ]
    return [_hash(table, hashes[start:end]) for start, end in bounds]


def _row_hashes(table: pd.DataFrame) -> NDArray[np.uint64]:
    # A missing number has many bit patterns, by how it was computed, and a file keeps one of them.
    floats = {name for name, dtype in table.dtypes.items() if dtype in (np.float64, np.float32)}
    blank = [name for name in floats if table[name].isna().any()]
    same = table.assign(**{name: table[name].fillna(np.nan) for name in blank})
    hashes: NDArray[np.uint64] = pd.util.hash_pandas_object(same, index=False).to_numpy()
    return hashes


def _hash(table: pd.DataFrame, row_hashes: NDArray[np.uint64]) -> str:
    digest = hashlib.sha256()
    digest.update(json.dumps([(str(c), str(t)) for c, t in table.dtypes.items()]).encode())
    digest.update(row_hashes.tobytes())
    return digest.hexdigest()[:16]


def combined_fingerprint(parts: Mapping[str, Any]) -> str:
    """Hash several named values into one.

    Args:
        parts: Names and JSON-serialisable values.

    Returns:
        The first 16 hexadecimal digits of a SHA-256, independent of the order of names.
    """
    text = json.dumps(dict(parts), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
