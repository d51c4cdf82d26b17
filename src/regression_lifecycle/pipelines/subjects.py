"""What a report is about: the first thing that stands on it."""

from __future__ import annotations

import pandas as pd

from regression_lifecycle.adapters.evidently import about_line
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.models.trained_model import TrainedModel

_SHORT = 12


def about_candidate(
    candidate: TrainedModel, holdout: pd.DataFrame, n_training: int, problem: Problem
) -> dict[str, str]:
    """Describe a report on a candidate, which no gate has let through yet.

    Args:
        holdout: The rows that the report shows.
        n_training: The training rows, with predictions out of sample, that they are held against.

    Returns:
        Metadata of the report: ``about``, ``problem`` and the fingerprint of the ``candidate``.
    """
    about = about_line(
        problem.name,
        f"candidate {short_fingerprint(candidate)}, trained until "
        f"{problem.moment_text(candidate.metadata.trained_until)}, before the gate decided",
        f"holdout {span(holdout[problem.timestamp.name], problem)}",
        len(holdout),
        f"training rows, predicted out of sample, {n_training:,} rows",
    )
    return {"about": about, "problem": problem.name, "candidate": candidate.metadata.fingerprint}


def short_fingerprint(model: TrainedModel) -> str:
    """Return as much of a model's fingerprint as a person compares."""
    return model.metadata.fingerprint[:_SHORT]


def span(moments: pd.Series, problem: Problem) -> str:
    """Return the first and the last moment of rows for people; empty without a row."""
    if moments.empty:
        return ""
    return f"{problem.moment_text(moments.min())} to {problem.moment_text(moments.max())}"
