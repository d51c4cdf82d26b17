"""How a column is read before it is compared: the rows, the dtype, and what makes it unusable.

Whatever compares columns reads them here, so that a report, a stored profile and a calibration
see the same values.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import Any, Literal

import numpy as np
import pandas as pd

from regression_lifecycle.core.drift.methods import Kind

# More groups leave a window too few rows in each.
MAXIMUM_GROUPS = 100

Role = Literal["feature", "target", "prediction"]
ColumnRole = tuple[str, Kind, Role]
"""Name, kind and role of a column."""


class ColumnError(Exception):
    """A column cannot be used; the message is the reason, without the side it is on."""


def sample_rows(frame: pd.DataFrame, maximum_rows: int | None, seed: int) -> pd.DataFrame:
    """Bound the rows of a table by a seeded sample that keeps their order.

    Args:
        frame: Any table.
        maximum_rows: How many rows may remain; None for all.
        seed: Seed of the draw: the same table and seed give the same rows.

    Returns:
        The table itself if it is small enough, else the drawn rows in their old order.
    """
    if maximum_rows is None or len(frame) <= maximum_rows:
        return frame
    draw = np.random.default_rng(seed).choice(len(frame), maximum_rows, replace=False)
    return frame.iloc[np.sort(draw)]


def read_column(
    frame: pd.DataFrame, name: str, kind: Kind, *, lenient: bool = False
) -> tuple[Any, str]:
    """Read one column of a table for a comparison.

    Args:
        frame: The table; it is not changed.
        name: Name of the column.
        kind: What the column holds.
        lenient: Count a text that is no number as missing instead of refusing the column.

    Returns:
        The values, float64 for numbers and a Categorical of texts, with NaN where one is missing;
        and what was changed on the way, empty for nothing.

    Raises:
        ColumnError: If the column is absent, there twice, or does not hold what it should.
    """
    if frame.columns.nlevels > 1 or name not in frame.columns:
        raise ColumnError("no such column")
    values = frame[name]
    if not isinstance(values, pd.Series):
        raise ColumnError("column appears more than once")
    if kind == "categorical":
        return _labels(values), ""
    return _numbers(values, lenient)


def read_groups(frame: pd.DataFrame, given: str | None) -> tuple[Any, Any]:
    """Read the groups within which a column is compared.

    Args:
        frame: The table; it is not changed.
        given: The column whose values are the groups; None for one group of all rows.

    Returns:
        The groups as text, in order; and the position of each row's, -1 where it is missing.

    Raises:
        ColumnError: If the column is absent, there twice, or has more than
            :data:`MAXIMUM_GROUPS` values.
    """
    if given is None:
        return np.array([""], dtype=object), np.zeros(len(frame), "int64")
    try:
        labels = read_column(frame, given, "categorical")[0]
    except ColumnError as error:
        raise ColumnError(f"given {given}: {error}") from None
    codes, groups = pd.factorize(labels, sort=True)
    refuse_many_groups(groups, given)
    return np.asarray(groups, dtype=object), codes


def refuse_many_groups(groups: Sized, given: str | None) -> None:
    """Refuse more groups than fit.

    Args:
        groups: Their names.
        given: The column whose values they are.

    Raises:
        ColumnError: If they are more than :data:`MAXIMUM_GROUPS`.
    """
    if len(groups) > MAXIMUM_GROUPS:
        raise ColumnError(f"given {given}: {len(groups)} values, at most {MAXIMUM_GROUPS} fit,")


def _numbers(values: pd.Series, lenient: bool) -> tuple[Any, str]:
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "fiu":
        # Nothing to read, which saves most of the time on a window of a few hundred rows.
        return _finite(values.to_numpy("float64"), "")
    if pd.api.types.is_datetime64_any_dtype(values) or pd.api.types.is_timedelta64_dtype(values):
        raise ColumnError("holds moments, not numbers,")
    try:
        numbers = pd.to_numeric(values, errors="coerce").to_numpy("float64", na_value=np.nan)
    except (TypeError, ValueError):
        raise ColumnError("cannot be read as numbers") from None
    missing = values.isna().to_numpy()
    unread = np.isnan(numbers) & ~missing
    note = ""
    if unread.any():
        example = str(values.to_numpy()[unread][0])[:40]
        note = f"{int(unread.sum()):,} values are not numbers, such as '{example}',"
        if not lenient:
            raise ColumnError(note)
        note += " and count as missing"
    return _finite(numbers, note)


def _finite(numbers: Any, note: str) -> tuple[Any, str]:
    infinite = np.isinf(numbers)
    if not infinite.any():
        return numbers, note
    note += f"{'; ' if note else ''}{int(infinite.sum()):,} infinite values count as missing"
    return np.where(infinite, np.nan, numbers), note


def _labels(values: pd.Series) -> Any:
    """Write categories as text, so that 1, 1.0 and True are one category on both sides."""
    try:
        codes, distinct = pd.factorize(values)
    except TypeError:
        raise ColumnError("cannot be read as categories") from None
    # One text per category and not per row; in order, as whoever factorizes them again expects.
    names = np.array([_label(value) for value in distinct], dtype=object)
    place, categories = pd.factorize(names, sort=True)
    return pd.Categorical.from_codes(np.append(place, -1)[codes], categories)


def _label(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
