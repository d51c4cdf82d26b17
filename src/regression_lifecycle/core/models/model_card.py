"""The model card: what a registered version is, in words a person reads in the MLflow UI."""

from __future__ import annotations

import re

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.records import GateDecision
from regression_lifecycle.core.decisions.wording import check_name, line
from regression_lifecycle.core.features.raw_rows import asked_columns, late_columns
from regression_lifecycle.core.metrics import headline_metrics
from regression_lifecycle.core.models.provenance import SourceCode
from regression_lifecycle.core.models.trained_model import ModelMetadata

# A link that leads to no page.
_NO_ADDRESS = re.compile(r"\]\((?!https?://|mailto:|#)", re.IGNORECASE)


def write_model_card(
    problem: Problem,
    metadata: ModelMetadata,
    estimator: str,
    decision: GateDecision,
    source: SourceCode,
) -> str:
    """Return the card of a candidate in Markdown.

    Args:
        estimator: Import path of the estimator.
        decision: The gate's decision, with the metrics of every model.
        source: The code that fitted it.
    """
    names, missing = headline_metrics(decision.metrics)
    predicted = problem.target
    if problem.quantile is not None:
        predicted = f"the quantile {problem.quantile:g} of {predicted}"
    ahead = problem.span_text(problem.horizon)
    lines = [
        # All that lists of models and versions show of a card, as plain text.
        f"Predicts {predicted} of {problem.name}, up to {ahead} ahead.",
        "",
        problem.description,
        "",
        f"- **Estimator** `{estimator}`",
        *(
            []
            if problem.weight_column is None
            else [f"- **Rows count by** `{problem.weight_column}`"]
        ),
        f"- **Trained on** {metadata.n_rows:,} rows, "
        f"{problem.moment_text(metadata.trained_from)} to "
        f"{problem.moment_text(metadata.trained_until)}",
        _judged(decision, problem),
        f"- **Decision** {decision.decision}: {line(decision.reasons)}",
        f"- **Fingerprint** `{metadata.fingerprint}` (data `{metadata.data_fingerprint}`)",
        f"- **Code** revision `{source.revision}`, uv.lock `{source.lock_hash}`",
        "",
        "## Holdout",
        "",
        "| model | " + " | ".join(names) + " |",
        "|---|" + "---|" * len(names),
        *(
            f"| {model} | " + " | ".join(_number(values[name]) for name in names) + " |"
            for model, values in decision.metrics.items()
        ),
        "",
        *(f"{sentence}.\n" for sentence in missing),
        "## Gate",
        "",
        "| check | value | threshold | verdict |",
        "|---|---|---|---|",
        *(
            f"| {check_name(check)} | {_number(check.value)} | {_number(check.threshold)} | "
            f"{check.verdict} |"
            for check in decision.checks
        ),
        "",
        *_use(metadata),
        "## Features",
        "",
        ", ".join(f"`{name}`" for name in metadata.recipe.feature_names) + ".",
    ]
    if problem.forbidden_columns:
        never = (f"`{name}` ({why})" for name, why in problem.forbidden_columns.items())
        lines += ["", "Never features: " + ", ".join(never) + "."]
    if problem.caveats:
        lines += ["", *(f"- {caveat}" for caveat in problem.caveats)]
    return _inert("\n".join(lines)) + "\n"


def _inert(markdown: str) -> str:
    """Take markup, pictures and links to scripts out of what a text or a category may hold.

    The card is read in pages that render it: MLflow's and Kedro-Viz's.
    """
    text = markdown.replace("<", "&lt;").replace("![", "! [")
    return _NO_ADDRESS.sub("] (", text)


def _use(metadata: ModelMetadata) -> list[str]:
    """Say how the model is called."""
    contract, recipe = metadata.contract, metadata.recipe
    if contract is None:
        return []
    stamp, late = contract.timestamp, late_columns(recipe, contract)
    parts = " and ".join(f"`{name}`" for name in stamp.raw_columns)
    ways = [f"`{stamp.name}`" + (f", or {parts}" if parts else "")] if not stamp.rows else []
    asked = [f"`{name}`" for name in asked_columns(recipe, contract) if name != stamp.name]
    inputs = "; ".join([*ways, ", ".join(asked)] if asked else ways)
    told = [
        f"Lags of {', '.join(f'`{name}`' for name in late)} are looked up in the rows themselves, "
        "in the parameter `history` and in the observations that the model carries.",
        "",
    ]
    return [
        "## Use",
        "",
        f"The model takes raw rows: {inputs}.",
        "",
        *(told if late else []),
        "```python",
        f'model = mlflow.pyfunc.load_model("models:/{metadata.problem}@champion")',
        'model.predict(model.input_example)  # a table with the column "prediction"',
        "```",
        "",
    ]


def _judged(decision: GateDecision, problem: Problem) -> str:
    if not decision.n_rows:
        return "- **Judged on** nothing: no row was new to both models"
    moments = decision.judged_from, decision.judged_until
    first, last = map(problem.moment_text, moments)
    span = f"{decision.n_rows:,} later rows, {first} to {last}"
    challenger = decision.challenger_fingerprint
    if challenger in ("", decision.candidate_fingerprint):
        return f"- **Judged on** {span}"
    # The rows that judged are among those of the refit; the figures are not this model's own.
    return (
        f"- **Judged as challenger** `{challenger}`, trained without the judging rows, on {span}; "
        "then the same configuration was fitted on everything"
    )


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.4g}"
