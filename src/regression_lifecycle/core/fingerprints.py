"""Short hashes that say whether data or configuration changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pandas as pd


def table_fingerprint(table: pd.DataFrame) -> str:
    """Hash a table's content: values, column names, dtypes and row order.

    Args:
        table: Any table with hashable values.

    Returns:
        The first 16 hexadecimal digits of a SHA-256.
    """
    digest = hashlib.sha256()
    digest.update(json.dumps([(str(c), str(t)) for c, t in table.dtypes.items()]).encode())
    digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
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
