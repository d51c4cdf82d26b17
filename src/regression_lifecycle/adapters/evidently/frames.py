"""Make tables safe for Evidently: declared columns, two dtypes, a bounded number of rows.

Evidently aborts a whole report for one column that it cannot read. Here each column is read on
its own, and one that cannot be used comes back as a reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.drift.columns import (
    ColumnError,
    ColumnRole,
    read_column,
    sample_rows,
)
from regression_lifecycle.core.errors import ConfigurationError, bounded_list


@dataclass(frozen=True)
class ColumnRoles:
    """What the columns of a table are; a column that is not named here is not looked at.

    Attributes:
        numerical: Numerical features.
        categorical: Categorical features.
        target: The numerical target, if the table has one.
        prediction: The numerical prediction, if the table has one.
        timestamp: The moment of each row; only the plots use it.
        quantile: The quantile that is predicted; None for a mean.
        weight: How much each row counts in figures of error, if the table says so.

    Raises:
        ConfigurationError: If one column has two roles.
    """

    numerical: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    target: str | None = None
    prediction: str | None = None
    timestamp: str | None = None
    quantile: float | None = None
    weight: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "numerical", tuple(self.numerical))
        object.__setattr__(self, "categorical", tuple(self.categorical))
        names = [column for column, _, _ in self.columns()]
        names += [self.timestamp] if self.timestamp else []
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(f"more than one role for column {bounded_list(twice)}")

    def columns(self, *, target: bool = True, prediction: bool = True) -> Iterator[ColumnRole]:
        """List the columns with their kind and role, features first.

        Args:
            target: Whether to list the target.
            prediction: Whether to list the prediction.

        Yields:
            Name, kind and role of a column.
        """
        for name in self.numerical:
            yield name, "numerical", "feature"
        for name in self.categorical:
            yield name, "categorical", "feature"
        if target and self.target:
            yield self.target, "numerical", "target"
        if prediction and self.prediction:
            yield self.prediction, "numerical", "prediction"


@dataclass(frozen=True)
class Prepared:
    """The usable part of a table.

    Attributes:
        frame: float64 and object columns (missing values are NaN), and the timestamp if it can
            be used. The index counts the rows.
        unusable: Why a declared column is not in ``frame``, by name.
        notes: What was changed on the way, for the reader of a report.
        timestamp: Name of the timestamp column, None if there is none to use.
    """

    frame: pd.DataFrame
    unusable: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    timestamp: str | None = None


def sample_note(kept: int, total: int, seed: int, side: str = "") -> list[str]:
    """Say that a sample was drawn.

    Args:
        kept: Rows in the sample.
        total: Rows it was drawn from.
        seed: Seed of the draw.
        side: Name of the table, empty for a lone one.

    Returns:
        One sentence, or none if every row was kept.
    """
    where = f" in {side}" if side else ""
    if kept == total:
        return []
    return [f"{kept:,} of {total:,} rows{where} are looked at: a random sample, seed {seed}"]


def prepare(
    frame: pd.DataFrame,
    roles: ColumnRoles,
    *,
    maximum_rows: int,
    seed: int,
    side: str = "",
    lenient: bool = False,
) -> Prepared:
    """Read the declared columns of a table, each on its own.

    Args:
        frame: The table; it is not changed.
        roles: Its declared columns.
        maximum_rows: Rows to keep, see
            :func:`~regression_lifecycle.core.drift.columns.sample_rows`.
        seed: Seed of the sample.
        side: ``"reference"`` or ``"current"``, for the messages; empty for a lone table.
        lenient: Count a text that is no number as missing instead of refusing its column.

    Returns:
        The usable columns, and a reason for each of the others.
    """
    where = f" in {side}" if side else ""
    rows = sample_rows(frame, maximum_rows, seed)
    notes = sample_note(len(rows), len(frame), seed, side)
    columns: dict[str, Any] = {}
    unusable: dict[str, str] = {}
    for name, kind, _ in roles.columns():
        try:
            values, note = read_column(rows, name, kind, lenient=lenient)
        except ColumnError as error:
            unusable[name] = f"{error}{where}"
            continue
        columns[name] = np.asarray(values)
        if note:
            notes.append(f"{name}: {note}{where}")
    timestamp = _timestamp(rows, roles.timestamp)
    if timestamp is not None and roles.timestamp is not None:
        columns[roles.timestamp] = timestamp
    elif roles.timestamp is not None and len(rows):
        notes.append(
            f"{roles.timestamp}{where} is not a moment in every row: plots run over row numbers"
        )
    # Evidently resets the index beside the columns, so its name must not be one of theirs.
    index = pd.RangeIndex(len(rows), name="row number")
    return Prepared(
        pd.DataFrame(columns, index=index),
        unusable,
        tuple(notes),
        roles.timestamp if timestamp is not None else None,
    )


def _timestamp(frame: pd.DataFrame, name: str | None) -> Any:
    if name is None or len(frame) == 0:
        return None
    try:
        values = pd.to_datetime(frame[name], errors="coerce")
    except (KeyError, TypeError, ValueError):
        return None
    if not isinstance(values, pd.Series):
        return None
    if not pd.api.types.is_datetime64_any_dtype(values) or values.isna().any():
        return None
    return values.array
