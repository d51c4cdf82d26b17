"""Rows of a batch that may be larger than memory: read piece by piece, with the past they need.

Features look back (lags) and over whole days, so a row gets its features once every row that they
read has come by, and no more of the past is kept than that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd

from regression_lifecycle.core.data.problem import ColumnSpec, Problem
from regression_lifecycle.core.data.quarantine import REASON_COLUMN, ROW_COLUMN
from regression_lifecycle.core.data.raw_columns import rejected_moments
from regression_lifecycle.core.data.values import as_written
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.features.raw_rows import columns_read, features_of, late_columns
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.frames.collecting import collect
from regression_lifecycle.core.ingestion.contract import check_structure, sort_rows
from regression_lifecycle.core.ingestion.row_conflicts import distinct_moments, repeated_key

_DAY = pd.Timedelta(days=1)
# The smallest step of a timestamp: another row of the same moment may still come.
_TICK = pd.Timedelta(microseconds=1)
_POSITION = "__position"


class BatchPiece(NamedTuple):
    """A piece of a batch.

    Attributes:
        rows: Timestamp, key columns and features, sorted by time.
        rejected: Rows that cannot be used, as text, with ``raw_row`` and ``rejection_reason``.
        rejected_at: Their timestamps; where one does not say, that of the row before it.
    """

    rows: pd.DataFrame
    rejected: pd.DataFrame
    rejected_at: pd.Series


class BatchReader:
    """Turns pieces of a raw table into pieces of a feature table; used once."""

    def __init__(
        self,
        recipe: FeatureRecipe,
        problem: Problem,
        observations: Any,
        start: pd.Timestamp,
        end: pd.Timestamp | None = None,
        maximum_gap: pd.Timedelta | None = None,
    ) -> None:
        """Begin before the first row.

        Args:
            observations: Stored observations on any engine: the past of the first rows, and
                whatever else the features read and the batch does not hold.
            start: First moment of the rows that are asked for. Earlier ones are read for their
                sake only.
            end: Moment before which they end; None for the end of the table.
            maximum_gap: Beyond which a few rows far from all others are a mistake; None believes
                every gap.
        """
        recipe.check(problem)
        self._recipe = recipe
        columns = {_POSITION: ColumnSpec(type="integer"), **columns_read(recipe, problem)}
        # Not validated anew: a row to be predicted needs no target.
        self._problem = problem.model_copy(update={"columns": columns})
        self._reach = recipe.reach
        self._start, self._end, self._maximum_gap = start, end, maximum_gap
        self._stamp = problem.timestamp.name
        self._late = late_columns(recipe, problem)
        frame: Any = nw.from_native(observations)
        there = set(frame.collect_schema().names())
        known = [name for name in self._problem.columns if name in there]
        self._observations = frame.select(list(dict.fromkeys([*problem.row_order, *known])))
        self._known_moments = distinct_moments(self._observations, problem)
        # Rows that are not finished, and those before them that they read.
        self._held = pd.DataFrame()
        self._n_read = 0

    def pieces(self, chunks: Iterable[pd.DataFrame]) -> Iterator[BatchPiece]:
        """Read the table.

        Args:
            chunks: Pieces of the raw table, the older first; inside of one any order will do.

        Yields:
            The rows from ``start`` to ``end`` with their features, and those that break the
            contract.

        Raises:
            DataContractError: If a column is missing or the pieces are not in the order of time.
        """
        done_until = self._start
        for raw in chunks:
            if raw.empty:
                continue
            rows, rejected = self._sort(raw)
            held = pd.concat([self._held, rows], ignore_index=True) if len(self._held) else rows
            aside = self._asked_for(rejected, rows)
            if held.empty:
                yield BatchPiece(held, *aside)
                continue
            stamps = held[self._stamp]
            waiting = self._ready_at(stamps) > stamps.iloc[-1]
            ready_until = stamps[waiting].iloc[0]
            yield BatchPiece(self._features(held, done_until, ready_until), *aside)
            done_until = max(done_until, ready_until)
            if self._end is not None and done_until >= self._end:
                return
            self._held = held[stamps >= done_until - self._reach.back].reset_index(drop=True)
        if not self._n_read:
            raise DataContractError("the table has no rows; nothing was changed")
        if len(self._held):
            last = self._held[self._stamp].iloc[-1] + _TICK
            rows = self._features(self._held, done_until, last)
            yield BatchPiece(rows, pd.DataFrame(), pd.Series(dtype="datetime64[us]"))

    def _ready_at(self, stamps: pd.Series) -> pd.Series:
        """Return the moment from which on nothing can come any more that a row reads."""
        if not self._reach.days_ahead:
            return stamps + _TICK
        return stamps.dt.normalize() + self._reach.days_ahead * _DAY

    def _sort(self, raw: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        positions = np.arange(self._n_read, self._n_read + len(raw))
        columns = self._problem.columns
        left_out = {_POSITION, *(name for name in self._late if name not in raw)}
        present = {name: spec for name, spec in columns.items() if name not in left_out}
        check_structure(raw, self._problem.model_copy(update={"columns": present}))
        present = {_POSITION: columns[_POSITION], **present}
        given = raw.reset_index(drop=True).assign(**{_POSITION: positions})
        own = self._problem.model_copy(update={"columns": present})
        rows, rejected, _ = sort_rows(
            given, own, self._n_read, self._maximum_gap, self._known_moments
        )
        rejected = rejected.drop(columns=_POSITION)
        rows = rows.reindex(columns=[self._stamp, *columns])
        newest = self._held[self._stamp].iloc[-1] if len(self._held) else None
        if newest is not None and len(rows):
            if rows[self._stamp].iloc[0] < newest:
                raise DataContractError(
                    f"rows are not in the order of time: {newest} stands before row "
                    f"{self._n_read + 1}, and {rows[self._stamp].iloc[0]} stands after it. Sort "
                    "the table, or read it in larger pieces, which are sorted in memory"
                )
            rows, repeated = self._without_repetitions(rows, given, newest)
            rejected = pd.concat([rejected, repeated], ignore_index=True)
        self._n_read += len(raw)
        return rows, rejected

    def _without_repetitions(
        self, rows: pd.DataFrame, raw: pd.DataFrame, newest: pd.Timestamp
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Set rows aside whose key stands in an earlier piece; such a key is of its last moment."""
        key = list(self._problem.key_columns)
        earlier = self._held.loc[self._held[self._stamp] == newest, key]
        both = pd.concat([earlier, rows.loc[rows[self._stamp] == newest, key]])
        repeated = both.duplicated(key).to_numpy()[len(earlier) :]
        doomed = rows[rows[self._stamp] == newest][repeated]
        positions = doomed[_POSITION].to_numpy(dtype="int64")
        rejected = raw.iloc[positions - self._n_read].drop(columns=_POSITION).apply(as_written)
        rejected.insert(0, ROW_COLUMN, positions + 1)
        rejected.insert(1, REASON_COLUMN, repeated_key(self._problem))
        return rows.drop(doomed.index).reset_index(drop=True), rejected

    def _asked_for(
        self, rejected: pd.DataFrame, rows: pd.DataFrame
    ) -> tuple[pd.DataFrame, pd.Series]:
        """Keep the rejected rows of the range, and say when they were."""
        moments = rejected_moments(rejected, self._problem)
        if moments.isna().any():
            near = rows.sort_values(_POSITION) if len(rows) else self._held.tail(1)
            if near.empty:
                moments = moments.fillna(self._start)
            else:
                before = near[_POSITION].searchsorted(rejected[ROW_COLUMN] - 1) - 1
                stamps = near[self._stamp].to_numpy()[before.clip(0)]
                moments = moments.fillna(pd.Series(stamps, index=moments.index))
        inside = moments >= self._start
        if self._end is not None:
            inside &= moments < self._end
        return rejected[inside].reset_index(drop=True), moments[inside].reset_index(drop=True)

    def _features(
        self, held: pd.DataFrame, first: pd.Timestamp, until: pd.Timestamp
    ) -> pd.DataFrame:
        """Make the features of the rows from one moment to another."""
        if self._end is not None:
            until = min(until, self._end)
        asked = held[self._stamp].between(first, until, inclusive="left")
        observed = self._observed(first - self._reach.back, until + self._reach.days_ahead * _DAY)
        made = features_of(held, observed, self._recipe, self._problem, asked)
        return made.reset_index(drop=True)

    def _observed(self, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Read the observations from one moment to another."""
        stamp = nw.col(self._stamp)
        found = self._observations.filter(
            stamp >= first.to_pydatetime(), stamp <= last.to_pydatetime()
        )
        return collect(found.to_native(), self._problem)
