"""Parameters of monitoring."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from regression_lifecycle.core.config import StrictModel


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
    """What becomes of the rows of a window, and of its report.

    Attributes:
        missing_predictions: What becomes of rows that nobody asked the service or a batch for.
            ``backfill``: they get the champion's prediction, as it would have been when their
            window began. ``ignore``: only what was really served is judged.
        segment_rows: Fewest rows of a segment that may be named as the worst of a window.
        reports: Evidently reports of the windows.
    """

    missing_predictions: Literal["backfill", "ignore"] = "backfill"
    segment_rows: int = Field(5, ge=1)
    reports: ReportParameters = ReportParameters()
