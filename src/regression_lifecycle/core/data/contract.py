"""The contract: which rows of a raw table are observations, and which are set aside, and why.

Nothing is dropped silently. A row that breaks the contract goes to quarantine with every
reason; a table that breaks it as a whole is refused before anything is written.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.problem import ColumnSpec, Problem
from regression_lifecycle.core.errors import DataContractError, bounded_list

REASON_COLUMN = "rejection_reason"
ROW_COLUMN = "raw_row"


class IngestionParameters(StrictModel):
    """How strict ingestion is.

    Attributes:
        maximum_rejected_share: Share of rows (0 to 1) that may be quarantined. Above it the
            whole table is refused and nothing is written.
        unreadable: What a value does that cannot be read as its column's type, such as a text in
            a column of numbers. ``refuse``: the file is broken and is refused as a whole.
            ``quarantine``: the row is set aside like any other that breaks the contract.
        minimum_rows: Fewest accepted rows worth going on with.
        report_rows: Most rows handed to the data-quality report; a seeded sample beyond.
    """

    maximum_rejected_share: float = Field(0.01, ge=0, le=1)
    unreadable: Literal["refuse", "quarantine"] = "refuse"
    minimum_rows: int = Field(1, ge=1)
    report_rows: int = Field(20_000, ge=100)


class ContractResult(NamedTuple):
    """What enforcing the contract gives: the good rows, and the others with their reasons."""

    observations: pd.DataFrame
    rejected: pd.DataFrame


def check_structure(raw: pd.DataFrame, problem: Problem) -> None:
    """Refuse a table that cannot be read as this problem at all.

    Args:
        raw: The table as it was read.
        problem: What it should be.

    Raises:
        DataContractError: If a column is missing or stands twice, or there is no row.
    """
    missing = [name for name in problem.columns if name not in raw.columns]
    if missing:
        raise DataContractError(
            f"missing column(s): {bounded_list(missing)}. The file has: "
            f"{bounded_list(raw.columns, 20)}. Correct the file, or problem.columns in "
            "parameters_problem.yml"
        )
    twice = sorted({str(name) for name in raw.columns[raw.columns.duplicated()]})
    if twice:
        raise DataContractError(f"column(s) that stand twice in the file: {bounded_list(twice)}")
    if raw.empty:
        raise DataContractError("the table has no rows; nothing was changed")


def enforce_contract(
    raw: pd.DataFrame, problem: Problem, parameters: IngestionParameters
) -> ContractResult:
    """Split a raw table into observations and rejected rows.

    Args:
        raw: The table as it was read, any dtypes, any order, any further columns.
        problem: The contract.
        parameters: How many rejected rows are bearable.

    Returns:
        ``observations``: the declared columns in the declared order with their dtypes, the
        timestamp first, sorted by time and then by the rest of the key, unique by key.
        ``rejected``: the raw values of the other rows, with ``raw_row`` (1 for the first
        row below the header) and ``rejection_reason``.

    Raises:
        DataContractError: If the structure is wrong, a value cannot be read (and that is not
            tolerated), or too many rows break the contract.
    """
    check_structure(raw, problem)
    observations, rejected, reasons = sort_rows(raw, problem)
    if parameters.unreadable == "refuse" and reasons.unreadable:
        raise DataContractError(
            f"values that cannot be read: {bounded_list(reasons.unreadable, 5)}. Correct the "
            "file, or set ingestion.unreadable to quarantine. Nothing was written"
        )
    _refuse_if_too_many(reasons.any, reasons, parameters)
    return ContractResult(observations, rejected)


def sort_rows(
    raw: pd.DataFrame, problem: Problem, first_row: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame, Reasons]:
    """Split a table, or a piece of one, into rows that keep the contract and others.

    Args:
        raw: The rows, with every declared column.
        problem: The contract.
        first_row: Position of the first row in the whole table, from 0.

    Returns:
        Observations and rejected rows as :func:`enforce_contract` describes them, and what speaks
        against the rows.
    """
    source = raw.reset_index(drop=True)
    reasons = Reasons(len(source))
    typed = {
        name: typed_column(source[name], name, spec, reasons)
        for name, spec in problem.columns.items()
    }
    stamp = timestamps_of(typed, problem, reasons, len(source), first_row)
    table = pd.DataFrame({problem.timestamp.name: stamp, **typed})
    key = list(problem.key_columns)
    repeated = np.zeros(len(table), dtype=bool)
    # Only among good rows: a broken row must not push out the good one that corrects it.
    repeated[~reasons.any] = table.loc[~reasons.any].duplicated(key, keep="first")
    reasons.add(repeated, f"the key ({', '.join(key)}) stands in an earlier row already")
    bad = reasons.any
    observations = table.loc[~bad].sort_values(list(problem.row_order), kind="stable")
    observations = observations.reset_index(drop=True)
    for name, spec in problem.columns.items():
        observations[name] = _final_dtype(observations[name], spec)
    return observations, reasons.set_aside(source, first_row), reasons


def check_observations(observations: pd.DataFrame, problem: Problem) -> None:
    """Check that a table is what :func:`enforce_contract` returns.

    Args:
        observations: The table to be stored or just loaded.
        problem: The contract.

    Raises:
        DataContractError: Naming columns and rows, if it is not.
    """
    stamp = problem.timestamp.name
    missing = [name for name in (stamp, *problem.columns) if name not in observations.columns]
    if missing:
        raise DataContractError(f"missing column(s): {bounded_list(missing)}")
    if observations.empty:
        raise DataContractError("the table has no rows")
    key = list(problem.key_columns)
    if observations.duplicated(key).any():
        raise DataContractError(f"the key ({', '.join(key)}) is not unique")
    if not pd.api.types.is_datetime64_dtype(observations[stamp]):
        raise DataContractError(
            f"{stamp} is not a time but {observations[stamp].dtype}; store the table in a format "
            "that keeps types, for example Parquet"
        )
    if not observations[stamp].is_monotonic_increasing:
        raise DataContractError(f"rows are not sorted by {stamp}")
    reasons = Reasons(len(observations))
    for name, spec in problem.columns.items():
        typed_column(observations[name], name, spec, reasons)
    if reasons.any.any():
        raise DataContractError(
            f"{int(reasons.any.sum())} row(s) break the contract: {reasons.summary()}"
        )


def find_gaps(observations: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """List the stretches of time without an observation.

    Args:
        observations: Sorted observations.
        problem: Gives the timestamp's name and the expected frequency.

    Returns:
        One row per gap: ``first_missing``, ``last_missing`` (timestamps) and ``n_missing``
        (observations expected between two neighbours).
    """
    stamp = observations[problem.timestamp.name].drop_duplicates()
    step = problem.frequency
    distance = stamp.diff()
    after = distance > step
    # A neighbour that is late by less than a step still leaves one expected time unanswered.
    late = distance[after] % step > pd.Timedelta(0)
    missing = (distance[after] // step - 1).astype("int64") + late.astype("int64")
    first = stamp.shift()[after] + step
    return pd.DataFrame(
        {"first_missing": first, "last_missing": first + (missing - 1) * step, "n_missing": missing}
    ).reset_index(drop=True)


class Reasons:
    """Collects, row by row, why the contract is broken.

    Attributes:
        any: Which rows break it, shape (n_rows,).
        unreadable: Sentences on values that cannot be read as their column's type.
    """

    def __init__(self, n_rows: int) -> None:
        """Begin without a reason.

        Args:
            n_rows: Rows of the table.
        """
        self.any = np.zeros(n_rows, dtype=bool)
        self.unreadable: list[str] = []
        self._found: list[tuple[str, np.ndarray]] = []

    def add_unreadable(self, mask: pd.Series, reason: str, values: pd.Series) -> None:
        """Add a reason that speaks against the file as a whole.

        Args:
            mask: The rows it holds for.
            reason: The reason.
            values: The raw values, of which the first is quoted.
        """
        rows = np.asarray(mask, dtype=bool)
        if rows.any():
            first = int(np.argmax(rows))
            self.unreadable.append(
                f"{reason} in {int(rows.sum())} row(s), first in row {first + 1} "
                f"({str(values.iloc[first])[:40]!r})"
            )
        self.add(rows, reason)

    def add(self, mask: pd.Series | np.ndarray, reason: str) -> None:
        """Add a reason.

        Args:
            mask: The rows it holds for.
            reason: The reason.
        """
        rows = np.asarray(mask, dtype=bool)
        if rows.any():
            self._found.append((reason, rows))
            self.any = self.any | rows

    def text(self, bad: np.ndarray) -> list[str]:
        """Say for every bad row all that speaks against it.

        Args:
            bad: The rows that are asked about.

        Returns:
            One text per row.
        """
        positions = np.flatnonzero(bad)
        return [
            "; ".join(reason for reason, rows in self._found if rows[position])
            for position in positions
        ]

    def set_aside(self, source: pd.DataFrame, first_row: int = 0) -> pd.DataFrame:
        """Take the bad rows out of a table, with what speaks against them.

        Args:
            source: The table as it came.
            first_row: Position of its first row in the whole table, from 0.

        Returns:
            The rows as text, with ``raw_row`` (1 for the first) and ``rejection_reason``.
        """
        # A corrected quarantine file may come back with the columns that were added to it.
        rejected = source.loc[self.any].drop(columns=[ROW_COLUMN, REASON_COLUMN], errors="ignore")
        rejected.insert(0, ROW_COLUMN, np.flatnonzero(self.any) + 1 + first_row)
        rejected.insert(1, REASON_COLUMN, self.text(self.any))
        # Raw values of mixed types cannot be stored in a typed file; text keeps them as they were.
        rejected = rejected.astype(dict.fromkeys(rejected.columns[2:], "str"))
        return rejected.reset_index(drop=True)

    def summary(self) -> str:
        """Say in one text which reasons there are and how often."""
        parts = [
            f"{reason} ({int(rows.sum())} row(s), first in row {int(np.argmax(rows)) + 1})"
            for reason, rows in self._found
        ]
        return bounded_list(parts, 5)


def typed_column(values: pd.Series, name: str, spec: ColumnSpec, reasons: Reasons) -> pd.Series:
    """Read a column as what it is declared to be.

    Args:
        values: Raw values.
        name: Name of the column, for the reasons.
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
        problem: Says how.
        reasons: Takes up what speaks against a row.
        n_rows: Rows of the table.
        first_row: Position of the first row in the whole table, from 0.

    Returns:
        Moments as ``datetime64[us]``; missing where there is none.
    """
    spec = problem.timestamp
    if spec.date is None:
        # Raw rows are numbered, so that a row that is set aside shifts no other.
        steps = np.arange(first_row, first_row + n_rows)
        return pd.Series(pd.Timestamp(0) + steps * problem.frequency).astype("datetime64[us]")
    stamp = typed[spec.date]
    if spec.hour is not None:
        hour = typed[spec.hour]
        reasons.add((hour < 0) | (hour > 23), f"{spec.hour} is not an hour from 0 to 23")
        # What is rejected already must not overflow here.
        hour = hour.where(hour.between(0, 23))
        stamp = stamp.dt.normalize() + pd.to_timedelta(hour, unit="h")
    reasons.add(stamp.isna() & ~reasons.any, f"{spec.name} cannot be made from the raw columns")
    # One unit everywhere, so that joins by time never meet two resolutions.
    return stamp.astype("datetime64[us]")


def _final_dtype(values: pd.Series, spec: ColumnSpec) -> pd.Series:
    if spec.type in ("integer", "boolean") and not spec.missing:
        return values.astype("int64")
    if spec.type in ("date", "datetime"):
        return values.astype("datetime64[us]")
    return values.astype("str") if spec.type == "category" else values


def _refuse_if_too_many(bad: np.ndarray, reasons: Reasons, parameters: IngestionParameters) -> None:
    share = float(bad.mean())
    accepted = int((~bad).sum())
    if share > parameters.maximum_rejected_share:
        raise DataContractError(
            f"{int(bad.sum())} of {bad.size} rows ({share:.1%}) break the contract, more than "
            f"ingestion.maximum_rejected_share = {parameters.maximum_rejected_share:.1%}: "
            f"{reasons.summary()}. Nothing was written"
        )
    if accepted < parameters.minimum_rows:
        raise DataContractError(
            f"only {accepted} row(s) keep the contract, fewer than ingestion.minimum_rows = "
            f"{parameters.minimum_rows}. Nothing was written"
        )
