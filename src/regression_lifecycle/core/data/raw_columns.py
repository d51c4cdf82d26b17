"""Raw columns read as what they are declared to be; what cannot be read becomes a reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.moments import PART_BOUNDS, assemble_moments
from regression_lifecycle.core.data.problem import ColumnSpec, Problem
from regression_lifecycle.core.data.quarantine import Reasons
from regression_lifecycle.core.durations import usual_length
from regression_lifecycle.core.errors import bounded_list


def typed_column(values: pd.Series, name: str, spec: ColumnSpec, reasons: Reasons) -> pd.Series:
    """Read a column as what it is declared to be.

    Args:
        spec: The declaration.
        reasons: Takes up what speaks against a row.

    Returns:
        Numbers as float64, dates as datetimes, labels as text; missing where a value cannot be
        read.
    """
    blank = values.isna()
    if not pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_datetime64_any_dtype(
        values
    ):
        blank |= values.astype("str").str.strip().isin(["", "nan", "NaN", "None"])
    if not spec.missing:
        reasons.add(blank, f"{name} is missing")
    if spec.type in ("date", "datetime"):
        zoned = _has_zone(values.where(~blank), spec)
        local = values.where(~blank & ~zoned)
        typed = _dates(local.astype("object") if zoned.any() else local, spec)
        reasons.add(zoned, f"{name} has a time zone; write local times without one")
        reasons.add_unreadable(
            typed.isna() & ~blank & ~zoned, f"{name} is not a {spec.type}", values
        )
        return typed
    if spec.type == "category":
        typed = values.where(~blank).astype("object").map(_label, na_action="ignore")
    else:
        if values.dtype == bool:
            values = values.astype("int64")
        typed = pd.to_numeric(values.where(~blank), errors="coerce").astype("float64")
        reasons.add_unreadable(typed.isna() & ~blank, f"{name} is not a number", values)
        reasons.add(np.isinf(typed), f"{name} is infinite")
        typed = typed.mask(np.isinf(typed))
        if spec.type in ("integer", "boolean"):
            reasons.add(typed.notna() & (typed % 1 != 0), f"{name} is not a whole number")
        if spec.type == "boolean":
            reasons.add(typed.notna() & ~typed.isin([0, 1]), f"{name} is neither 0 nor 1")
        if spec.minimum is not None:
            reasons.add(typed < spec.minimum, f"{name} is below {spec.minimum:g}")
        if spec.maximum is not None:
            reasons.add(typed > spec.maximum, f"{name} is above {spec.maximum:g}")
    if spec.allowed is not None:
        allowed = [str(v) for v in spec.allowed] if spec.type == "category" else spec.allowed
        reasons.add(
            typed.notna() & ~typed.isin(list(allowed)),
            f"{name} is not one of {bounded_list(spec.allowed)}",
        )
    return typed


def _dates(values: Any, spec: ColumnSpec) -> Any:
    return pd.to_datetime(values, errors="coerce", format=spec.format or "ISO8601")


def _has_zone(values: pd.Series, spec: ColumnSpec) -> pd.Series:
    try:
        zone = _dates(values, spec).dt.tz
    except ValueError:  # times with and without a zone, or in several ones: one by one, then
        return values.map(lambda value: _dates(value, spec).tzinfo is not None).astype("bool")
    return values.notna() & (zone is not None)


def _label(value: object) -> str:
    # A blank among whole numbers makes the reader turn 1 into 1.0; the label stays "1".
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def timestamps_of(
    typed: dict[str, pd.Series],
    problem: Problem,
    reasons: Reasons,
    n_rows: int,
    first_row: int = 0,
) -> pd.Series:
    """Make the timestamp from the raw columns.

    Args:
        typed: The columns that it is made of, as :func:`typed_column` reads them.
        reasons: Takes up what speaks against a row.
        n_rows: Rows of the table.
        first_row: Position of the first row in the whole table, from 0.

    Returns:
        Moments as ``datetime64[us]``; missing where there is none.
    """
    spec = problem.timestamp
    if spec.rows:
        # Raw rows are numbered, so that a row that is set aside shifts no other.
        steps = np.arange(first_row, first_row + n_rows)
        step = usual_length(problem.frequency)
        return pd.Series(pd.Timestamp(0) + steps * step).astype("datetime64[us]")
    for part, name in spec.parts.items():
        if part != "date":
            low, high = PART_BOUNDS[part]
            values, article = typed[name], "an" if part == "hour" else "a"
            wrong = (values < low) | (values > high) | (values % 1 != 0) & values.notna()
            reasons.add(wrong, f"{name} is not {article} {part} from {low} to {high}")
    stamp = assemble_moments({part: typed[name] for part, name in spec.parts.items()})
    reasons.add(stamp.isna() & ~reasons.any, f"{spec.name} cannot be made from the raw columns")
    return stamp


def final_dtype(values: pd.Series, spec: ColumnSpec) -> pd.Series:
    """Return the values of accepted rows with the dtype that they are stored with."""
    if spec.type in ("integer", "boolean") and not spec.missing:
        return values.astype("int64")
    if spec.type in ("date", "datetime"):
        return values.astype("datetime64[us]")
    return values.astype("str") if spec.type == "category" else values
