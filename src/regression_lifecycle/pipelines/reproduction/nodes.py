"""A version is fitted again from its snapshot, and held against the one that is registered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regression_lifecycle.core.errors import StateError
from regression_lifecycle.core.models.provenance import (
    Provenance,
    SourceCode,
    describe_provenance,
    find_differences,
)
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.reproduction import comparison
from regression_lifecycle.core.reproduction.comparison import (
    FittedVersion,
    ReproductionParameters,
    ReproductionReport,
    compare_versions,
    measure_fit,
)
from regression_lifecycle.core.reproduction.pieces import join_pieces
from regression_lifecycle.core.reproduction.snapshots import (
    SnapshotManifest,
    SnapshotReader,
    find_snapshot,
)
from regression_lifecycle.pipelines.training.nodes import train


@dataclass(frozen=True)
class OpenedSnapshot:
    """A snapshot whose pieces are those that were stored.

    Attributes:
        rows: The training rows.
    """

    manifest: SnapshotManifest
    rows: pd.DataFrame


def choose_version(version_in_use: str, parameters: ReproductionParameters) -> str:
    """Return the version to reproduce.

    Args:
        version_in_use: Version of the champion; empty if there is none.

    Raises:
        StateError: If the champion is wanted and there is none.
    """
    return comparison.choose_version(parameters.version, version_in_use)


def open_snapshot(version: str, snapshots: SnapshotReader) -> OpenedSnapshot:
    """Read the snapshot of a version, and check its pieces.

    Raises:
        StateError: If there is none, or a piece is missing or was changed.
    """
    snapshot = find_snapshot(snapshots, version)
    try:
        rows = join_pieces(snapshot.manifest.pieces, snapshot.contents)
    except StateError as error:
        raise StateError(f"the snapshot of version {version} is damaged: {error}") from error
    return OpenedSnapshot(snapshot.manifest, rows)


def fit_again(snapshot: OpenedSnapshot) -> TrainedModel:
    """Fit what the snapshot says, as training and retraining do."""
    said = snapshot.manifest.configuration
    return train(
        snapshot.rows, said.best_parameters, said.problem, said.preprocessing, said.training
    )


def predict_with_both(
    snapshot: OpenedSnapshot,
    reproduced: TrainedModel,
    read_version: Callable[[str], TrainedModel],
) -> tuple[pd.DataFrame, tuple[FittedVersion, FittedVersion]]:
    """Predict the rows of the snapshot with the registered and the reproduced model.

    Args:
        read_version: Loads a registered version.

    Returns:
        Key, target and the columns ``registered`` and ``reproduced``; and both models with their
        errors on these rows, in this order.
    """
    manifest, rows = snapshot.manifest, snapshot.rows
    problem = manifest.configuration.problem
    registered = read_version(manifest.version)
    said = {"registered": registered.predict(rows), "reproduced": reproduced.predict(rows)}
    key = [name for name in problem.row_order if name in rows]
    # The registered model says itself what it is; a manifest could be replaced with its pieces.
    prints = {
        name: (model.metadata.fingerprint, model.metadata.data_fingerprint)
        for name, model in (("registered", registered), ("reproduced", reproduced))
    }
    first, second = (measure_fit(*prints[name], rows, said[name], problem) for name in said)
    return rows[[*key, problem.target]].assign(**said), (first, second)


def describe_now(source: SourceCode, reproduced: TrainedModel) -> Provenance:
    """Return the code and the packages that fitted the reproduced model."""
    return describe_provenance(source, reproduced.estimator)


def compare(
    predictions: pd.DataFrame,
    sides: tuple[FittedVersion, FittedVersion],
    snapshot: OpenedSnapshot,
    now: Provenance,
    parameters: ReproductionParameters,
) -> tuple[ReproductionReport, dict[str, dict[str, Any]], dict[str, pd.DataFrame]]:
    """Hold the reproduced model against the registered one.

    Args:
        predictions: Of both models.
        sides: Both models.
        now: Code and packages that fitted the reproduced one.

    Returns:
        The report; and what is stored by version: the report and the predictions.
    """
    version = snapshot.manifest.version
    differences = find_differences(snapshot.manifest.provenance, now)
    report = compare_versions(version, sides, predictions, parameters.tolerance, differences)
    return report, {version: report.as_document()}, {version: predictions}
