"""Scoring: a batch through the champion, in pieces, to what a service would have answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from regression_lifecycle.core.config import Moment, StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.quarantine import (
    REASON_COLUMN,
    ROW_COLUMN,
    RejectedShare,
    refuse_bad_share,
)
from regression_lifecycle.core.durations import (
    CalendarDuration,
    Duration,
    whole_steps,
)
from regression_lifecycle.core.errors import (
    ConfigurationError,
    ModelError,
    counted,
)
from regression_lifecycle.core.features.streaming import BatchPiece, BatchReader
from regression_lifecycle.core.models.explanation import Explainer, explainer_of
from regression_lifecycle.core.models.trained_model import (
    TrainedModel,
    require_same_problem,
    version_of,
)
from regression_lifecycle.core.prediction.batch_predictions import BatchPredictions
from regression_lifecycle.core.prediction.level_and_interval import (
    adjustment_of,
    apply_adjustment,
)
from regression_lifecycle.core.progress import Progress

# Without a start batches begin at multiples of their length from a Monday or a New Year on.
_MONDAY = pd.Timestamp("1970-01-05")
_NEW_YEAR = pd.Timestamp("1970-01-01")
_LISTED_REASONS = 10
# What a model makes of more rows at once does not fit into the processor's cache, and is slower.
_ROWS_AT_ONCE = 20_000
_START = "__start"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"


class ScoringParameters(StrictModel):
    """What is scored, and under which name.

    Attributes:
        batch: Name of the batch: letters, digits, ``.``, ``_`` and ``-``.
        start: First moment that is scored; None for the first one that the champion was not
            trained on.
        end: Moment before which scoring ends; None for the end of the table.
        length: Time of one batch where the range is cut into several; None for one batch.
        maximum_rejected_share: Share of rows (0 to 1) of a batch that may be set aside. Above it
            the batch is refused and nothing of it is written.
        maximum_gap: Longest gap that is believed between the table and the few rows at either end
            of it, as in ingestion; None believes every gap.
        judged: Whether monitoring judges the predictions as something that was served.
        explain: Whether each prediction says what every raw column adds to it.
    """

    batch: str = Field("default", max_length=100)
    start: Moment | None = None
    end: Moment | None = None
    length: Duration | None = None
    maximum_rejected_share: RejectedShare = 0.01
    maximum_gap: Duration | None = None
    judged: bool = True
    explain: bool = False

    @field_validator("batch")
    @classmethod
    def _is_a_file_name(cls, value: str) -> str:
        if not re.fullmatch(_NAME, value):
            raise ConfigurationError(
                f"'{value}' cannot name a batch, since it names a folder; use letters, digits, "
                "'.', '_' and '-', a letter or a digit first"
            )
        return value

    @field_validator("end")
    @classmethod
    def _ends_after_it_starts(cls, value: Moment | None, info: Any) -> Moment | None:
        start = info.data.get("start")
        if value is not None and start is not None and value <= start:
            raise ConfigurationError(f"{value} is not after start {start}")
        return value


class ScoredPiece(NamedTuple):
    """Some rows of one batch.

    Attributes:
        batch: Name of the batch.
        rows: Timestamp, the rest of the key, ``raw_prediction``, ``level_factor``,
            ``level_shift``, ``prediction``, ``lower`` and ``upper`` in the target's unit,
            sorted by time; if asked for also ``base`` and ``contribution_<column>``, which add up
            to ``raw_prediction``.
        rejected: Rows that cannot be used, as text, with ``raw_row`` and ``rejection_reason``.
    """

    batch: str
    rows: pd.DataFrame
    rejected: pd.DataFrame


@dataclass(frozen=True)
class ScoringRows:
    """Rows that are to be predicted, and the model that predicts them.

    Attributes:
        chunks: The raw table, or pieces of it that can be read once.
        observations: Stored observations on any engine: the past that features look back at.
        champion: The model, whose recipe makes the features.
        problem: The contract.
        parameters: What is scored.
    """

    chunks: pd.DataFrame | Iterable[pd.DataFrame]
    observations: Any
    champion: TrainedModel
    problem: Problem
    parameters: ScoringParameters

    @property
    def start(self) -> pd.Timestamp:
        """First moment that is scored."""
        after_training = self.champion.metadata.trained_until + pd.Timedelta(microseconds=1)
        return self.parameters.start or after_training

    def pieces(self) -> Iterator[BatchPiece]:
        """Read the rows with their features, piece by piece."""
        require_same_problem(self.champion, self.problem)
        reader = BatchReader(
            self.champion.metadata.recipe,
            self.problem,
            self.observations,
            self.start,
            self.parameters.end,
            self.parameters.maximum_gap,
        )
        chunks = [self.chunks] if isinstance(self.chunks, pd.DataFrame) else self.chunks
        return reader.pieces(chunks)


@dataclass(frozen=True)
class ScoringRun:
    """Batches that are made while they are read; reading it again makes them again.

    Attributes:
        source: The rows and the model.
        adjustments: ``adjustments`` of every version.
    """

    source: ScoringRows
    adjustments: pd.DataFrame

    @property
    def problem(self) -> Problem:
        """The contract."""
        return self.source.problem

    @property
    def parameters(self) -> ScoringParameters:
        """What is scored."""
        return self.source.parameters

    @property
    def model_version(self) -> str:
        """Version of the champion."""
        return version_of(self.source.champion)

    @property
    def trained_until(self) -> pd.Timestamp:
        """Newest row that the champion was trained on."""
        return self.source.champion.metadata.trained_until

    @property
    def start(self) -> pd.Timestamp:
        """First moment that is scored."""
        return self.source.start

    def __str__(self) -> str:
        """Name the rows that are asked for, for messages."""
        name, asked = self.problem.moment_text, self.parameters
        since = f"from {name(self.start)}" if asked.start else f"after {name(self.trained_until)}"
        until = f" to {name(asked.end)}" if asked.end else ""
        return f"rows {since}{until} for version {self.model_version}"

    def __iter__(self) -> Iterator[ScoredPiece]:
        """Score.

        Yields:
            Pieces, those of one batch one after the other, and the next batch not before the last
            was found to be in order. There is none if there is no row.

        Raises:
            DataContractError: If a column is missing, the rows are not in the order of time, or
                too many rows of a batch break the contract.
        """
        counts, progress = _Counts(), Progress("row")
        for piece in self._pieces():
            if piece.batch != counts.batch:
                counts.check(self.parameters)
                counts = _Counts(piece.batch)
            counts.add(piece)
            yield piece
            progress.step(len(piece.rows))
        counts.check(self.parameters)

    def _pieces(self) -> Iterator[ScoredPiece]:
        aside = pd.DataFrame()
        for piece in self.source.pieces():
            if len(piece.rejected):
                said = piece.rejected.assign(**{_START: self._batch_starts(piece.rejected_at)})
                aside = pd.concat([aside, said], ignore_index=True)
            if piece.rows.empty:
                continue
            starts = self._batch_starts(piece.rows[self.problem.timestamp.name])
            for start, rows in piece.rows.groupby(starts, sort=True):
                due = aside[aside[_START] <= start] if len(aside) else aside
                aside = aside.drop(due.index)
                yield from self._with_rejected(start, due, rows.reset_index(drop=True))
        if len(aside):
            yield from self._with_rejected(None, aside, pd.DataFrame())

    def _with_rejected(
        self, start: pd.Timestamp | None, aside: pd.DataFrame, rows: pd.DataFrame
    ) -> Iterator[ScoredPiece]:
        """Score the rows of one batch, after the rejected ones of the batches up to it."""
        own = pd.DataFrame()
        if len(aside):
            for other, part in aside.groupby(_START, sort=True):
                rejected = part.drop(columns=_START).reset_index(drop=True)
                if other == start:
                    own = rejected
                else:
                    yield ScoredPiece(self._name(other), pd.DataFrame(), rejected)
        if len(rows):
            yield ScoredPiece(self._name(start), self._score(rows), own)

    def _batch_starts(self, stamps: pd.Series) -> pd.Series:
        length = self.parameters.length
        if length is None:
            return pd.Series(self.start, index=stamps.index)
        origin = self.parameters.start or _MONDAY
        if isinstance(length, CalendarDuration):
            origin = self.parameters.start or _NEW_YEAR
            number = whole_steps(origin, stamps, length)
            starts = {step: origin + step * length for step in number.unique()}
            return number.map(starts).astype("datetime64[us]")
        return origin + (stamps - origin) // length * length

    def _name(self, start: Any) -> str:
        if self.parameters.length is None:
            return self.parameters.batch
        return f"{self.parameters.batch}-{start:%Y%m%dT%H%M%S}"

    def _score(self, rows: pd.DataFrame) -> pd.DataFrame:
        raw = np.concatenate(
            [
                self.source.champion.predict(rows.iloc[at : at + _ROWS_AT_ONCE]).to_numpy()
                for at in range(0, len(rows), _ROWS_AT_ONCE)
            ]
        )
        stamps = rows[self.problem.timestamp.name]
        own = self.adjustments[self.adjustments["problem"] == self.problem.name]
        moments = own["valid_from"].drop_duplicates().sort_values()
        # Rows between two moments share what was known at the first of them.
        period = moments.searchsorted(stamps, side="right")
        parts, levels = [], np.tile([1.0, 0.0], (len(rows), 1))
        for number in np.unique(period):
            inside = period == number
            at = moments.iloc[number - 1] if number else pd.Timestamp.min
            adjustment = adjustment_of(own, self.model_version, at)
            parts.append(apply_adjustment(raw[inside], adjustment, self.problem))
            levels[inside] = adjustment.level_factor, adjustment.level_shift
        given = rows[list(self.problem.row_order)].assign(
            raw_prediction=raw, level_factor=levels[:, 0], level_shift=levels[:, 1]
        )
        tables = [given, pd.concat(parts, ignore_index=True)]
        if self.parameters.explain:
            tables.append(self._explain(rows))
        return pd.concat(tables, axis="columns")

    def _explain(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Say what every raw column adds to the raw predictions."""
        explainer = self._explainer
        return explainer.explain(rows).add_prefix("contribution_").assign(base=explainer.base)

    @cached_property
    def _explainer(self) -> Explainer:
        return explainer_of(self.source.champion, self.problem)


@dataclass
class _Counts:
    """Rows of one batch so far."""

    batch: str = ""
    n_rows: int = 0
    n_rejected: int = 0
    reasons: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, piece: ScoredPiece) -> None:
        self.n_rows += len(piece.rows)
        self.n_rejected += len(piece.rejected)
        if len(piece.rejected) and len(self.reasons) < _LISTED_REASONS:
            for reason, rows in piece.rejected.groupby(REASON_COLUMN, sort=False)[ROW_COLUMN]:
                count, first = self.reasons.get(str(reason), (0, int(rows.iloc[0])))
                self.reasons[str(reason)] = count + len(rows), first

    def check(self, parameters: ScoringParameters) -> None:
        refuse_bad_share(
            self.n_rejected,
            self.n_rows + self.n_rejected,
            parameters.maximum_rejected_share,
            [
                f"{reason} ({counted(count, 'row')}, first in row {first})"
                for reason, (count, first) in self.reasons.items()
            ],
            f"batch '{self.batch}'",
            "scoring",
        )


def select_scoring_rows(
    scoring_batch: pd.DataFrame | Iterable[pd.DataFrame],
    observations: Any,
    champion: TrainedModel | None,
    problem: Problem,
    parameters: ScoringParameters,
) -> ScoringRows:
    """Select the rows that are to be predicted; they are read while the batch is written.

    Args:
        scoring_batch: The raw table, or pieces of it, the older first.
        observations: Stored observations on any engine: the past that features look back at.
        champion: The deployed model.
        parameters: What is scored.

    Returns:
        The rows and the model.

    Raises:
        ModelError: If there is no champion.
    """
    if champion is None:
        raise ModelError("there is no champion to score with; promote a model first: kedro run")
    return ScoringRows(scoring_batch, observations, champion, problem, parameters)


def score(scoring_rows: ScoringRows, adjustments: pd.DataFrame) -> ScoringRun:
    """Describe the predictions of a batch; they are made while the batch is written.

    Args:
        scoring_rows: The rows and the model.
        adjustments: ``adjustments``.

    Returns:
        Pieces of batches.
    """
    return ScoringRun(scoring_rows, adjustments)


def summarize(batch_predictions: Sequence[BatchPredictions]) -> list[dict[str, Any]]:
    """Summarize what was scored.

    Args:
        batch_predictions: The batches that this run wrote.

    Returns:
        One record per batch.
    """
    return [
        {
            "batch": batch.batch,
            "model_version": batch.model_version,
            "first": batch.first.isoformat(),
            "last": batch.last.isoformat(),
            "n_rows": batch.n_rows,
            "n_rejected": batch.n_rejected,
            "digest": batch.digest,
            "scored_at": batch.scored_at.isoformat(),
            "path": batch.path,
        }
        for batch in batch_predictions
    ]
