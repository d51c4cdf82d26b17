"""The contract: which rows of a raw table are observations, and which are set aside, and why.

Nothing is dropped silently. A row that breaks the contract goes to quarantine with every
reason; a table that breaks it as a whole is refused before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any, Literal, NamedTuple

import narwhals as nw
import pandas as pd
from narwhals.dependencies import is_pyspark_connect_dataframe, is_pyspark_dataframe
from pydantic import Field

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.problem import (
    MOMENT_TYPES,
    NUMERIC_TYPES,
    ColumnSpec,
    Problem,
)
from regression_lifecycle.core.data.quarantine import Reasons, RejectedShare, refuse_bad_share
from regression_lifecycle.core.data.raw_columns import typed_column
from regression_lifecycle.core.data.values import LARGEST_NUMBER
from regression_lifecycle.core.durations import AnyDuration, Duration
from regression_lifecycle.core.errors import DataContractError, bounded_list, counted
from regression_lifecycle.core.frames.collecting import Pieces, collect
from regression_lifecycle.core.frames.expressions import any_true
from regression_lifecycle.core.ingestion.raw_table import (
    RawPart,
    RawTable,
    TypedPart,
    refuse_weights,
    type_rows,
)
from regression_lifecycle.core.ingestion.row_conflicts import (
    REPETITION,
    reject_conflicts,
)
from regression_lifecycle.core.ingestion.spark_rows import read_spark_rows

_EMPTY = "the table has no rows"
_NO_ROWS = f"{_EMPTY}; nothing was changed"


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

    observations: Any
    rejected: pd.DataFrame


def check_structure(raw: pd.DataFrame, problem: Problem) -> None:
    """Refuse a table that cannot be read as this problem at all.

    Args:
        raw: The table as it was read.
        problem: What it should be.

    Raises:
        DataContractError: If a column is missing or stands twice, or there is no row.
    """
    _check_columns(raw, problem)
    if raw.empty:
        raise DataContractError(_NO_ROWS)


def _check_columns(raw: pd.DataFrame, problem: Problem) -> None:
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


def _with_nearest(name: str, columns: Iterable[object]) -> str:
    """Add the column that is probably meant: its name differs by case, blanks or letters."""
    plain = {str(column).strip().lower(): str(column) for column in columns}
    near = get_close_matches(name.lower(), plain, n=1)
    return f"{name} (is it '{plain[near[0]]}'?)" if near else name


def read_rows(raw: Any, problem: Problem, unreadable: str) -> tuple[Any, RawTable]:
    """Read a raw table row by row; what other rows say is not asked yet.

    Args:
        raw: A table as it was read, any dtypes, any order, any further columns: of pandas, pieces
            of one that can be gone through again, or of Spark.
        unreadable: See :class:`IngestionParameters`.

    Returns:
        The good rows as :func:`type_rows` gives them: a table, pieces of one, or a frame of Spark.
        And the raw table, whose reasons are complete when the pieces have been gone through.

    Raises:
        DataContractError: If the structure is wrong, or a value cannot be read and that is not
            tolerated; of pieces at the end of their rows.
    """
    if isinstance(raw, pd.DataFrame):
        table = RawTable([raw])
        [typed] = TypedPieces(table, problem, unreadable)
        return typed, table
    if is_pyspark_dataframe(raw) or is_pyspark_connect_dataframe(raw):
        check_structure(raw.limit(1).toPandas(), problem)
        typed, table = read_spark_rows(raw, problem)
        _refuse_unreadable(table, unreadable)
        return typed, table
    if iter(raw) is raw:
        raise DataContractError(
            "the raw table comes in pieces that can be read only once; read it by RawCSVDataset or "
            "RawParquetDataset with a chunksize"
        )
    table = RawTable(raw)
    return TypedPieces(table, problem, unreadable), table


@dataclass(frozen=True)
class TypedPieces(Pieces):
    """Typed rows piece by piece; a store may go through their parts, and skip those that it has.

    Attributes:
        table: The raw table; takes up what is found.
        problem: The contract.
        unreadable: See :class:`IngestionParameters`.
    """

    table: RawTable
    problem: Problem
    unreadable: str

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Type all rows."""
        for part in self.parts():
            yield from part.type_rows()

    def parts(self) -> Iterator[TypedPart]:
        """Yield one part after the other, each of which is to be typed or recalled.

        Raises:
            DataContractError: At the end, if there is no row, or a value cannot be read and that is
                not tolerated.
        """
        table = self.table
        for part in _raw_parts(table.pieces):
            read = part.read if table.n_rows else partial(self._check, part.read)
            yield TypedPart(table, part._replace(read=read), self.problem)
        if not table.n_rows:
            raise DataContractError(_NO_ROWS)
        _refuse_unreadable(table, self.unreadable)

    def _check(self, read: Callable[[], Iterator[pd.DataFrame]]) -> Iterator[pd.DataFrame]:
        for piece in read():
            _check_columns(piece, self.problem)
            yield piece


def _raw_parts(pieces: Any) -> Iterator[RawPart]:
    if hasattr(pieces, "parts"):
        yield from pieces.parts()
        return
    for piece in pieces:
        yield RawPart("", partial(iter, [piece]))


def _refuse_unreadable(table: RawTable, unreadable: str) -> None:
    if unreadable == "refuse" and table.reasons.unreadable:
        raise DataContractError(
            f"values that cannot be read: {bounded_list(table.reasons.unreadable, 5)}. Correct the "
            "file, or set ingestion.unreadable to quarantine. Nothing was written"
        )


def accept_rows(
    typed: Any, table: RawTable, problem: Problem, parameters: IngestionParameters
) -> ContractResult:
    """Decide which rows of a raw table are observations.

    Args:
        typed: The rows that :func:`read_rows` found good, as it gives them or on any engine.
        table: The raw table; takes up what other rows say against a row.

    Returns:
        ``observations`` on the engine of ``typed``, in no order; in pandas if these are pieces.
        ``rejected`` as :func:`enforce_contract` gives them.

    Raises:
        DataContractError: If too many rows break the contract, or too few keep it.
    """
    if isinstance(typed, Pieces):
        typed = pd.concat(typed, ignore_index=True)
    accepted = reject_conflicts(typed, problem, table.reasons, parameters.maximum_gap)
    reasons = table.reasons
    refuse_bad_share(
        # What is said twice costs nothing.
        reasons.count_rows(but=REPETITION),
        table.n_rows,
        parameters.maximum_rejected_share,
        [_with_mend(reason, problem) for reason in reasons.counts(but=REPETITION)],
        "raw table",
        "ingestion",
    )
    n_accepted = table.n_rows - reasons.count_rows()
    if n_accepted < parameters.minimum_rows:
        raise DataContractError(
            f"too few rows keep the contract: {n_accepted}, and ingestion.minimum_rows = "
            f"{parameters.minimum_rows}. Nothing was written"
        )
    frame: Any = nw.from_native(accepted)
    observations = frame.select(problem.timestamp.name, *problem.columns)
    return ContractResult(observations.to_native(), table.rejected())


def enforce_contract(
    raw: pd.DataFrame | Iterable[pd.DataFrame], problem: Problem, parameters: IngestionParameters
) -> ContractResult:
    """Split a raw table into observations and rejected rows, in memory.

    Args:
        raw: The table, or pieces of it, as :func:`read_rows` takes them.

    Returns:
        ``observations``: the declared columns in the declared order with their dtypes, the
        timestamp first, sorted by time and then by the rest of the key, unique by key.
        ``rejected``: the raw values of the other rows, with ``raw_row`` (1 for the first
        row below the header) and ``rejection_reason``.

    Raises:
        DataContractError: If the structure is wrong, a value cannot be read (and that is not
            tolerated), or too many rows break the contract.
    """
    typed, table = read_rows(raw, problem, parameters.unreadable)
    observations, rejected = accept_rows(typed, table, problem, parameters)
    return ContractResult(in_order(observations, problem), rejected)


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
    typed, reasons = type_rows(raw, problem, first_row)
    accepted = reject_conflicts(typed, problem, reasons, maximum_gap, known)
    observations = in_order(accepted[[problem.timestamp.name, *problem.columns]], problem)
    return observations, reasons.set_aside(raw.reset_index(drop=True)), reasons


def in_order(observations: Any, problem: Problem) -> Any:
    """Sort observations on any engine by time and then by the rest of the key."""
    frame: Any = nw.from_native(observations)
    rows = frame.sort(*problem.row_order, nulls_last=True).to_native()
    return rows.reset_index(drop=True) if isinstance(rows, pd.DataFrame) else rows


def check_observations(observations: Any, problem: Problem) -> None:
    """Check that a table is what ingestion stores.

    Args:
        observations: The table to be stored or just loaded, on any engine. Order and key are
            checked in pandas alone: rows of an engine have no order, and to group all keys of a
            large table costs ten times as much as to hold its values against the contract.

    Raises:
        DataContractError: Naming columns and rows, if it is not.
    """
    frame: Any = nw.from_native(observations)
    stamp, schema = problem.timestamp.name, frame.collect_schema()
    missing = [name for name in (stamp, *problem.columns) if name not in schema.names()]
    if missing:
        raise DataContractError(f"missing columns: {bounded_list(missing)}")
    if not isinstance(schema[stamp], nw.Datetime):
        raise DataContractError(
            f"{stamp} is not a time but {schema[stamp]}; store the table in a format "
            "that keeps types, for example Parquet"
        )
    if not isinstance(observations, pd.DataFrame):
        _check_values(frame.lazy(), problem)
        return
    if observations.empty:
        raise DataContractError(_EMPTY)
    key = list(problem.key_columns)
    if observations.duplicated(key).any():
        raise DataContractError(f"the key ({', '.join(key)}) is not unique")
    if not observations[stamp].is_monotonic_increasing:
        raise DataContractError(f"rows are not sorted by {stamp}")
    # A tick loads the table many times, and to read every value again takes as long as the file.
    if all(_is_sound(observations, name, spec) for name, spec in problem.columns.items()) and (
        problem.weight_column is None or not (observations[problem.weight_column] < 0).any()
    ):
        return
    reasons = _hold_against(observations, problem)
    if reasons.any.any():
        raise DataContractError(
            f"{counted(int(reasons.any.sum()), 'row')} against the contract: {reasons.summary()}"
        )


def _is_sound(observations: pd.DataFrame, name: str, spec: ColumnSpec) -> bool:
    """Return whether a column certainly keeps the contract; that it may not, says nothing."""
    values: Any = nw.from_native(observations[[name]])
    if not _is_stored_as(spec, values.schema[name]):
        return False
    if spec.type == "category":
        labels = observations[name].drop_duplicates().reset_index(drop=True)
        reasons = Reasons(len(labels))
        typed_column(labels, name, spec, reasons)
        return not reasons.any.any()
    if spec.missing_values:
        return False
    # Nothing speaks against a moment that may be missing and has no bounds.
    doubts = [*_doubts(name, spec)]
    return not (doubts and values.select(any_true(doubts).any()).item())


def _hold_against(observations: pd.DataFrame, problem: Problem) -> Reasons:
    reasons = Reasons(len(observations))
    typed = {
        name: typed_column(observations[name], name, spec, reasons)
        for name, spec in problem.columns.items()
    }
    refuse_weights(observations, typed, problem, reasons)
    return reasons


def _check_values(frame: Any, problem: Problem) -> None:
    """Let the engine look for rows that may break the contract, and judge one of them."""
    schema = frame.collect_schema()
    for name, spec in problem.columns.items():
        if not _is_stored_as(spec, schema[name]):
            raise DataContractError(
                f"{name} is declared as {spec.type} and stored as {schema[name]}"
            )
    doubts = [doubt for name, spec in problem.columns.items() for doubt in _doubts(name, spec)]
    if problem.weight_column is not None:
        doubts.append(nw.col(problem.weight_column) < 0)
    doubtful = any_true(doubts)
    counts = frame.select(nw.len().alias("n"), doubtful.cast(nw.Int64).sum().alias("doubtful"))
    n_all, n_rows = counts.collect().row(0)
    if not n_all:
        raise DataContractError(_EMPTY)
    if n_rows:
        one = _hold_against(collect(frame.filter(doubtful).head(1).to_native(), problem), problem)
        raise DataContractError(
            f"{counted(n_rows, 'row')} against the contract, one of them because "
            f"{one.text(one.rows)[0]}"
        )


def _is_stored_as(spec: ColumnSpec, dtype: Any) -> bool:
    if spec.type == "category":
        return bool(dtype == nw.String)
    if spec.type in MOMENT_TYPES:
        return isinstance(dtype, nw.Datetime)
    return bool(dtype.is_integer() or (dtype.is_float() and (spec.type == "float" or spec.missing)))


def _doubts(name: str, spec: ColumnSpec) -> Iterator[nw.Expr]:
    """Yield what is true of values that break the contract; null of missing ones."""
    column = nw.col(name)
    if not spec.missing:
        yield column.is_null()
    if spec.minimum is not None:
        yield column < _literal(spec.minimum)
    if spec.maximum is not None:
        yield column > _literal(spec.maximum)
    if spec.allowed is not None:
        allowed = [str(v) for v in spec.allowed] if spec.type == "category" else [*spec.allowed]
        yield ~column.is_in(allowed)
    if spec.type in NUMERIC_TYPES:
        yield column.abs() > LARGEST_NUMBER
    if spec.type in ("integer", "boolean") and spec.missing:
        yield column % 1 != 0
    if spec.type == "boolean":
        yield (column < 0) | (column > 1)


def _literal(bound: Any) -> Any:
    return bound.to_pydatetime() if isinstance(bound, pd.Timestamp) else bound
