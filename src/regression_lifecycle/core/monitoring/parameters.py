"""Parameters of monitoring."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from regression_lifecycle.core.config import Duration, StrictModel
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.drift.calibration import CalibrationParameters
from regression_lifecycle.core.drift.reference import ReferenceParameters
from regression_lifecycle.core.prediction.adjustment import AdjustmentParameters
from regression_lifecycle.core.windows.parameters import WindowParameters


class ReportParameters(StrictModel):
    """Evidently reports of the windows.

    Attributes:
        pages: Windows that get an HTML page: ``alarmed`` ones, ``all`` or ``none``. The snapshot
            behind a page is kept for every window.
        maximum_rows: Most rows per side that a report looks at; a seeded sample beyond.
    """

    pages: Literal["alarmed", "all", "none"] = "alarmed"
    maximum_rows: int = Field(20_000, ge=100)


class MonitoringParameters(StrictModel):
    """How the deployed model is watched.

    Attributes:
        windows: How time is cut.
        label_delay: Time from an observation to its label; None if the label comes with it.
        missing_predictions: What becomes of rows that nobody asked the service or a batch for.
            ``backfill``: they get the champion's prediction, as it would have been when their
            window began. ``ignore``: only what was really served is judged.
        segment_rows: Fewest rows of a segment that may be named as the worst of a window.
        deployment: What is served besides the model itself.
        reference: What drift is measured against.
        calibration: How the drift thresholds are found.
        policy: When to retrain and when to tell people.
        reports: Evidently reports of the windows.
    """

    windows: WindowParameters
    label_delay: Duration | None = None
    missing_predictions: Literal["backfill", "ignore"] = "backfill"
    segment_rows: int = Field(5, ge=1)
    deployment: AdjustmentParameters = AdjustmentParameters()
    reference: ReferenceParameters
    calibration: CalibrationParameters
    policy: PolicyParameters
    reports: ReportParameters = ReportParameters()
