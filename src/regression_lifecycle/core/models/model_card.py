"""The model card: what a registered version is, in words a person reads in the MLflow UI."""

from __future__ import annotations

from typing import Any

from regression_lifecycle.core.config import duration_text
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.metrics import HEADLINE_METRICS
from regression_lifecycle.core.models.trained_model import ModelMetadata


def write_model_card(
    problem: Problem,
    metadata: ModelMetadata,
    estimator: str,
    metrics: dict[str, dict[str, float | None]],
    decision: dict[str, Any],
) -> str:
    """Write the card of a candidate.

    Args:
        problem: What is predicted.
        metadata: Where the model comes from.
        estimator: Import path of the estimator.
        metrics: Holdout metrics by model; null where not defined.
        decision: The gate's decision.

    Returns:
        Markdown.
    """
    lines = [
        f"# {problem.name}",
        "",
        problem.description,
        "",
        f"- **Predicts** `{problem.target}`, up to {duration_text(problem.horizon)} ahead",
        f"- **Estimator** `{estimator}`",
        f"- **Trained on** {metadata.n_rows:,} rows, {metadata.trained_from} to "
        f"{metadata.trained_until}",
        _judged(decision),
        f"- **Decision** {decision['decision']}: {'; '.join(decision['reasons'])}",
        f"- **Fingerprint** `{metadata.fingerprint}` (data `{metadata.data_fingerprint}`)",
        "",
        "## Holdout",
        "",
        "| model | " + " | ".join(HEADLINE_METRICS) + " |",
        "|---|" + "---|" * len(HEADLINE_METRICS),
        *(
            f"| {model} | " + " | ".join(_number(values[name]) for name in HEADLINE_METRICS) + " |"
            for model, values in metrics.items()
        ),
        "",
        "## Gate",
        "",
        "| check | value | threshold | verdict |",
        "|---|---|---|---|",
        *(
            f"| {check['check']} | {_number(check['value'])} | {_number(check['threshold'])} | "
            f"{check['verdict']} |"
            for check in decision["checks"]
        ),
        "",
        "## Features",
        "",
        ", ".join(f"`{name}`" for name in metadata.recipe.feature_names) + ".",
    ]
    if problem.forbidden_columns:
        never = (f"`{name}` ({why})" for name, why in problem.forbidden_columns.items())
        lines += ["", "Never features: " + ", ".join(never) + "."]
    if problem.caveats:
        lines += ["", *(f"- {caveat}" for caveat in problem.caveats)]
    return "\n".join(lines) + "\n"


def _judged(decision: dict[str, Any]) -> str:
    rows = f"{decision['n_rows']:,} later rows"
    if not decision["n_rows"]:
        return "- **Judged on** nothing: no row was new to both models"
    span = f"{rows}, {decision['judged_from']} to {decision['judged_until']}"
    challenger = decision.get("challenger_fingerprint")
    if challenger in (None, decision.get("candidate_fingerprint")):
        return f"- **Judged on** {span}"
    # The rows that judged are among those of the refit; the figures are not this model's own.
    return (
        f"- **Judged as challenger** `{challenger}`, trained without the judging rows, on {span}; "
        "then the same configuration was fitted on everything"
    )


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.4g}"
