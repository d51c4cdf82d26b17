"""A batch of predictions that was written, and how it becomes something that was served."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from regression_lifecycle.core.data.keys import row_keys
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import SERVICE_PREDICTIONS


@dataclass(frozen=True)
class BatchPredictions:
    """What is known of a batch; its rows are read when they are asked for.

    Attributes:
        batch: Its name.
        model_version: The model that scored it.
        trained_until: Newest row that the model was trained on.
        scored_at: When it was written, UTC.
        first: Timestamp of its first row.
        last: Timestamp of its last row.
        judged: Whether monitoring judges it.
        digest: Hash of its rows.
        n_rows: Rows with a prediction.
        n_rejected: Rows that were set aside.
        path: Where it is.
        read: Reads its rows from a first moment to a last one, and some around them, in pieces:
            timestamp, the rest of the key, ``raw_prediction``, ``level_factor``,
            ``level_shift``, ``prediction``, ``lower`` and ``upper``.
    """

    batch: str
    model_version: str
    trained_until: pd.Timestamp
    scored_at: pd.Timestamp
    first: pd.Timestamp
    last: pd.Timestamp
    judged: bool
    digest: str
    n_rows: int
    n_rejected: int
    path: str
    read: Callable[[pd.Timestamp, pd.Timestamp], Iterator[pd.DataFrame]]


def batch_predictions_of(
    batches: Sequence[BatchPredictions], rows: pd.DataFrame, problem: Problem
) -> pd.DataFrame:
    """Read what was predicted in batches for some rows.

    Args:
        batches: Batches; those that are not to be judged are left out.
        rows: The rows, with ``row_key`` and the timestamp.
        problem: Names key and timestamp.

    Returns:
        Rows in the form of ``service_predictions``.
    """
    tables = [SERVICE_PREDICTIONS.frame()]
    stamps = rows[problem.timestamp.name]
    for batch in batches:
        covered = stamps[stamps.between(batch.first, batch.last)]
        if batch.judged and len(covered):
            pieces = batch.read(covered.min(), covered.max())
            tables += _served(batch, pieces, rows["row_key"], problem)
    return pd.concat(tables, ignore_index=True)


def _served(
    batch: BatchPredictions, pieces: Iterable[pd.DataFrame], wanted: pd.Series, problem: Problem
) -> Iterator[pd.DataFrame]:
    for piece in pieces:
        keyed = piece.assign(row_key=row_keys(piece, problem).to_numpy())
        rows = keyed[keyed["row_key"].isin(wanted)]
        yield SERVICE_PREDICTIONS.frame(
            rows.assign(
                problem=problem.name,
                served_at=batch.scored_at,
                timestamp=rows[problem.timestamp.name].to_numpy(),
                model_version=batch.model_version,
                trained_until=batch.trained_until,
            )
        )
