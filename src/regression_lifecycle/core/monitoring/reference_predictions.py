"""Out-of-sample predictions of the rows that windows are compared with."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from regression_lifecycle.core.drift.parameters import ReferenceParameters
from regression_lifecycle.core.drift.reference import choose_span
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.monitoring.known_windows import KnownTable, Span, merge_spans
from regression_lifecycle.core.monitoring.logged_predictions import LoggedPredictions


def find_reference_spans(
    windows: pd.DataFrame,
    known: KnownTable,
    champion: TrainedModel | None,
    parameters: ReferenceParameters,
) -> Iterator[Span]:
    """Find the stretches of time that windows are compared with.

    Args:
        windows: Windows with ``start`` and ``end``.
        known: The table.
        champion: The deployed model, whose training rows may be the reference.
        parameters: The reference. Where it has no prediction, the last windows stand in for it.

    Yields:
        The stretches, which may overlap.
    """
    metadata = None if champion is None else champion.metadata
    trained = (
        (None, None)
        if metadata is None
        else (metadata.trained_from, metadata.trained_until + known.problem.frequency)
    )
    last_windows = parameters.model_copy(update={"kind": "last_windows", "fallback": ()})
    for start, end in windows[["start", "end"]].itertuples(index=False):
        for asked in (parameters, last_windows):
            found = choose_span(known.has_rows, known.first, (start, end), asked, trained)
            if found.start is not None and found.end is not None:
                yield found.start, found.end


def read_reference_predictions(
    window_plan: pd.DataFrame,
    known: KnownTable,
    logged: LoggedPredictions,
    champion: TrainedModel | None,
    parameters: ReferenceParameters,
) -> pd.DataFrame:
    """Read what was predicted for the rows that the planned windows are compared with.

    Args:
        window_plan: Windows to look at.
        known: The table.
        logged: Reads the predictions of a stretch of time.
        champion: The deployed model, whose training rows may be the reference.
        parameters: The reference.

    Returns:
        ``row_key``, ``model_version`` and ``prediction`` of the rows of the references; of the
        rows that no model has predicted there is none.
    """
    spans = merge_spans(find_reference_spans(window_plan, known, champion, parameters))
    tables = [logged.judged_between(start, end) for start, end in spans]
    columns = ["row_key", "model_version", "prediction"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
