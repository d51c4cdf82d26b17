"""The contract: which rows of a raw table are observations, and which are set aside, and why.

Nothing is dropped silently. A row that breaks the contract goes to quarantine with every
reason; a table that breaks it as a whole is refused before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field

from regression_lifecycle.core.calendar.moments import find_stray_moments
from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.keys import find_confused_keys
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.quarantine import (
    REASON_COLUMN,
    Reasons,
    RejectedShare,
    refuse_bad_share,
)
from regression_lifecycle.core.data.raw_columns import final_dtype, timestamps_of, typed_column
from regression_lifecycle.core.durations import (
    AnyDuration,
    Duration,
    duration_text,
)
from regression_lifecycle.core.errors import DataContractError, bounded_list, counted

REPETITION = "an exact repetition of an earlier row"
"""What speaks against a row that is no fault of the table, and counts in no share."""


class IngestionParameters(StrictModel):
    """How strict ingestion is.

    Attributes:
        maximum_rejected_share: Share of rows (0 to 1) that may be quarantined, without exact
            repetitions of others. Above it the whole table is refused and nothing is written.
        unreadable: What a value does that cannot be read as its column's type, such as a text in
            a column of numbers. ``refuse``: the file is broken and is refused as a whole.
            ``quarantine``: the row is set aside like any other that breaks the contract.
        maximum_gap: Longest gap that is believed between the table and the few rows (1 % of its
            moments) at either end of it. Behind a longer one they are set aside, and so are 0.1 %
            (or one) behind one that is longer than a tenth of the table; unless a tenth of it also
            stands elsewhere in the table. None believes every gap.
        minimum_rows: Fewest accepted rows worth going on with.
        report_rows: Most rows handed to the data-quality report; a seeded sample beyond.
    """

    maximum_rejected_share: RejectedShare = 0.01
    unreadable: Literal["refuse", "quarantine"] = "refuse"
    maximum_gap: Duration | None = None
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
        named = bounded_list(_with_nearest(name, raw.columns) for name in missing)
        mend = "Correct the file, or problem.columns"
        if len(missing) == len(problem.columns) and "(is it" not in named:
            mend = "Its first line should name the columns. " + mend
        raise DataContractError(
            f"missing columns: {named}. The file has: {bounded_list(raw.columns, 20)}. {mend}"
        )
    # Who writes one of them with a blank cannot have meant two.
    plain = raw.columns.astype("str").str.strip()
    doubtful = raw.columns.duplicated() | (
        plain.duplicated(keep=False) & plain.isin(list(problem.columns))
    )
    twice = sorted({str(name).strip() for name in raw.columns[doubtful]})
    if twice:
        raise DataContractError(f"columns that stand twice in the file: {bounded_list(twice)}")
    if raw.empty:
        raise DataContractError("the table has no rows; nothing was changed")


def _with_nearest(name: str, columns: Iterable[object]) -> str:
    """Add the column that is probably meant: its name differs by case, blanks or letters."""
    plain = {str(column).strip().lower(): str(column) for column in columns}
    near = get_close_matches(name.lower(), plain, n=1)
    return f"{name} (is it '{plain[near[0]]}'?)" if near else name


def enforce_contract(
    raw: pd.DataFrame, problem: Problem, parameters: IngestionParameters
) -> ContractResult:
    """Split a raw table into observations and rejected rows.

    Args:
        raw: The table as it was read, any dtypes, any order, any further columns.

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
    observations, rejected, reasons = sort_rows(raw, problem, maximum_gap=parameters.maximum_gap)
    if parameters.unreadable == "refuse" and reasons.unreadable:
        raise DataContractError(
            f"values that cannot be read: {bounded_list(reasons.unreadable, 5)}. Correct the "
            "file, or set ingestion.unreadable to quarantine. Nothing was written"
        )
    refuse_bad_share(
        # What is said twice costs nothing.
        int((rejected[REASON_COLUMN] != REPETITION).sum()),
        len(raw),
        parameters.maximum_rejected_share,
        [_with_mend(reason, problem) for reason in reasons.counts(but=REPETITION)],
        "raw table",
        "ingestion",
    )
    if len(observations) < parameters.minimum_rows:
        raise DataContractError(
            f"too few rows keep the contract: {len(observations)}, and ingestion.minimum_rows = "
            f"{parameters.minimum_rows}. Nothing was written"
        )
    return ContractResult(observations, rejected)


def _with_mend(reason: str, problem: Problem) -> str:
    """Say of missing targets what is to be declared: a label fills in none that is refused."""
    if not reason.startswith(f"{problem.target} is missing"):
        return reason
    return f"{reason}; if targets come later than their rows, say missing: true of {problem.target}"


def sort_rows(
    raw: pd.DataFrame,
    problem: Problem,
    first_row: int = 0,
    maximum_gap: AnyDuration | None = None,
    known: pd.Series | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, Reasons]:
    """Split a table, or a piece of one, into rows that keep the contract and others.

    Args:
        raw: The rows, with every declared column.
        first_row: Position of the first row in the whole table, from 0.
        maximum_gap: See :class:`IngestionParameters`.
        known: Timestamps of the table that are beyond doubt, if only a piece is seen.

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
    _refuse_weights(source, typed, problem, reasons)
    stamp = timestamps_of(typed, problem, reasons, len(source), first_row)
    table = pd.DataFrame({problem.timestamp.name: stamp, **typed})
    key = list(problem.key_columns)
    repeated = np.zeros(len(table), dtype=bool)
    # Only among good rows: a broken row must not push out the good one that corrects it.
    repeated[~reasons.any] = table.loc[~reasons.any].duplicated(key, keep="first")
    # An hour that the clock repeats is written in two ways.
    zoned = {
        f"{name} as written": source[name] for name, spec in problem.columns.items() if spec.zone
    }
    same = _repeat_exactly(table.assign(**zoned), repeated, ~reasons.any, key)
    reasons.add(same, REPETITION)
    reasons.add(repeated & ~same, repeated_key(problem))
    confused = np.zeros(len(table), dtype=bool)
    confused[~reasons.any] = find_confused_keys(table.loc[~reasons.any], problem)
    reasons.add(
        confused,
        f"the key ({', '.join(key)}) reads like another one, since a text in it holds the sign '|' "
        "that joins its parts; replace the sign",
    )
    if maximum_gap is not None:
        far = find_stray_moments(stamp, ~reasons.any, maximum_gap, known)
        reasons.add(
            far,
            f"{problem.timestamp.name} is more than {duration_text(maximum_gap)}, or a tenth of "
            "the table's length, away from all other rows; correct it, or set maximum_gap to null",
            stamp,
        )
    bad = reasons.any
    observations = table.loc[~bad].sort_values(list(problem.row_order), kind="stable")
    observations = observations.reset_index(drop=True)
    for name, spec in problem.columns.items():
        observations[name] = final_dtype(observations[name], spec)
    return observations, reasons.set_aside(source, first_row), reasons


def _refuse_weights(
    source: pd.DataFrame, typed: dict[str, pd.Series], problem: Problem, reasons: Reasons
) -> None:
    """Refuse rows by whose weight no error can be weighed; rows to be predicted need none."""
    name = problem.weight_column
    if name is not None and name in typed:
        negative = (typed[name] < 0).fillna(False).astype("bool")
        reasons.add(negative, f"{name}, the weight of the row, is negative", source[name])


def _repeat_exactly(
    table: pd.DataFrame, repeated: np.ndarray, good: np.ndarray, key: list[str]
) -> np.ndarray:
    """Return which rows with the key of an earlier one say nothing else than it does."""
    same = np.zeros(len(table), dtype=bool)
    if not repeated.any():
        return same
    first = table[good & ~repeated]
    again = table[repeated]
    names = pd.MultiIndex.from_frame
    met = first.iloc[names(first[key]).get_indexer(names(again[key]))]
    equal = np.ones(len(again), dtype=bool)
    for name in table.columns.difference(key):
        one, other = again[name].reset_index(drop=True), met[name].reset_index(drop=True)
        equal &= ((one == other).fillna(False) | (one.isna() & other.isna())).to_numpy("bool")
    same[repeated] = equal
    return same


def repeated_key(problem: Problem) -> str:
    """Return what speaks against a row whose key an earlier row has, with other values."""
    reason = (
        f"the key ({', '.join(problem.key_columns)}) stands in an earlier row already, with other "
        "values"
    )
    date = problem.timestamp.date
    if date is None or problem.columns[date].zone is None:
        return reason
    return f"{reason}; of an hour that the clock repeats, zone: UTC keeps both"


def check_observations(observations: pd.DataFrame, problem: Problem) -> None:
    """Check that a table is what :func:`enforce_contract` returns.

    Args:
        observations: The table to be stored or just loaded.

    Raises:
        DataContractError: Naming columns and rows, if it is not.
    """
    stamp = problem.timestamp.name
    missing = [name for name in (stamp, *problem.columns) if name not in observations.columns]
    if missing:
        raise DataContractError(f"missing columns: {bounded_list(missing)}")
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
    typed = {
        name: typed_column(observations[name], name, spec, reasons)
        for name, spec in problem.columns.items()
    }
    _refuse_weights(observations, typed, problem, reasons)
    if reasons.any.any():
        raise DataContractError(
            f"{counted(int(reasons.any.sum()), 'row')} against the contract: {reasons.summary()}"
        )
