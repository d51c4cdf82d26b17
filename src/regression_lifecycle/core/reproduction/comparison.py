"""A registered version and the model that its snapshot gives: the same, equal, or different."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import StateError
from regression_lifecycle.core.metrics import compute_metrics
from regression_lifecycle.core.models.provenance import Difference

Verdict = Literal["identical", "equal within tolerance", "different"]
IDENTICAL: Verdict = "identical"
EQUAL: Verdict = "equal within tolerance"
DIFFERENT: Verdict = "different"


class ReproductionParameters(StrictModel):
    """Which version is fitted again, and what counts as the same.

    Attributes:
        version: Its number; None for the champion.
        tolerance: Largest difference between two predictions that counts as none, as a share of
            the largest prediction.
    """

    version: str | None = None
    tolerance: float = Field(1e-9, ge=0, lt=1)

    @field_validator("version", mode="before")
    @classmethod
    def _numbers_are_text(cls, value: object) -> object:
        # --params makes a number of what looks like one.
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return str(value) if is_number else value


@dataclass(frozen=True)
class FittedVersion:
    """One of the two models.

    Attributes:
        fingerprint: Of the model.
        data_fingerprint: Of its training rows.
        metrics: Errors on its training rows.
    """

    fingerprint: str
    data_fingerprint: str
    metrics: dict[str, float | None]


@dataclass(frozen=True)
class ReproductionReport:
    """What a reproduction found.

    Attributes:
        verdict: ``identical``: equal fingerprints, and every prediction is the same to the last
            digit. ``equal within tolerance``: no prediction differs by more. ``different``:
            otherwise.
        n_rows: Rows of the snapshot.
        n_different: Rows whose predictions are not the same.
        max_difference: Largest absolute difference of two predictions.
        tolerance: Largest absolute difference that counts as none.
        differences: What differs between the code and the packages of then and now.
    """

    version: str
    verdict: Verdict
    n_rows: int
    n_different: int
    max_difference: float
    tolerance: float
    registered: FittedVersion
    reproduced: FittedVersion
    differences: tuple[Difference, ...]

    def as_document(self) -> dict[str, Any]:
        """Return the report for a JSON file, in which an infinite difference is null."""
        document = asdict(self)
        if not np.isfinite(self.max_difference):
            document["max_difference"] = None
        return document


def choose_version(wanted: str | None, champion_version: str) -> str:
    """Return the version to reproduce.

    Args:
        wanted: What was asked for; None for the champion.
        champion_version: The version in use; empty if there is none.

    Raises:
        StateError: If the champion is wanted and there is none.
    """
    version = champion_version if wanted is None else wanted
    if not version:
        raise StateError(
            "there is no champion to reproduce; name a version: kedro reproduce --version 1"
        )
    return version


def measure_fit(
    fingerprint: str,
    data_fingerprint: str,
    rows: pd.DataFrame,
    predictions: pd.Series,
    problem: Problem,
) -> FittedVersion:
    """Return one side of the comparison.

    Args:
        rows: The training rows, with target and weight.
        predictions: Of the same rows.
    """
    metrics = compute_metrics(
        rows[problem.target], predictions, problem.quantile, problem.weights_of(rows)
    )
    found = {name: None if pd.isna(value) else float(value) for name, value in metrics.items()}
    return FittedVersion(fingerprint, data_fingerprint, found)


def compare_versions(
    version: str,
    sides: tuple[FittedVersion, FittedVersion],
    predictions: pd.DataFrame,
    tolerance: float,
    differences: tuple[Difference, ...],
) -> ReproductionReport:
    """Hold a reproduced model against the registered one.

    Args:
        sides: The registered and the reproduced model.
        predictions: Columns ``registered`` and ``reproduced``, one row per training row.
        tolerance: As a share of the largest registered prediction.
    """
    registered, reproduced = sides
    values = predictions["registered"].to_numpy(), predictions["reproduced"].to_numpy()
    gaps = np.abs(values[0] - values[1])
    is_different = ~((values[0] == values[1]) | (np.isnan(values[0]) & np.isnan(values[1])))
    # A prediction that one of the models lacks is as far away as can be.
    gaps = np.where(is_different & np.isnan(gaps), np.inf, np.where(is_different, gaps, 0.0))
    largest = float(gaps.max(initial=0.0))
    allowed = float(tolerance * np.nanmax(np.abs(values[0]), initial=0.0))
    same_print = registered.fingerprint == reproduced.fingerprint
    same_data = registered.data_fingerprint == reproduced.data_fingerprint
    if same_print and same_data and not is_different.any():
        verdict = IDENTICAL
    else:
        verdict = EQUAL if same_data and largest <= allowed else DIFFERENT
    return ReproductionReport(
        version=version,
        verdict=verdict,
        n_rows=len(predictions),
        n_different=int(is_different.sum()),
        max_difference=largest,
        tolerance=allowed,
        registered=registered,
        reproduced=reproduced,
        differences=differences,
    )


def describe_verdict(report: ReproductionReport) -> str:
    """Return the verdict in one sentence."""
    model = f"version {report.version}"
    rows = f"{report.n_different:,} of {report.n_rows:,} predictions differ"
    if report.verdict == IDENTICAL:
        return f"Identical: the snapshot gives {model} again, to the last digit"
    if report.verdict == EQUAL and not report.n_different:
        return (
            f"Equal within tolerance: the snapshot gives the predictions of {model} again, to the "
            "last digit, but another fingerprint"
        )
    if report.verdict == EQUAL:
        return (
            f"Equal within tolerance: {rows}, by at most {report.max_difference:.2g}, and "
            f"{report.tolerance:.2g} is allowed"
        )
    if report.registered.data_fingerprint != report.reproduced.data_fingerprint:
        return (
            f"Different: the rows of the snapshot are not those that {model} was trained on; {rows}"
        )
    return (
        f"Different: {rows}, by up to {report.max_difference:.4g}, and {report.tolerance:.2g} is "
        "allowed"
    )
