"""The parameters of the page: how much of the history it shows."""

from __future__ import annotations

from pydantic import Field

from regression_lifecycle.core.config import StrictModel


class DashboardParameters(StrictModel):
    """How the page is cut. The bounds keep it a file that opens at once, however long the history.

    Attributes:
        title: Heading of the page; empty for the name of the problem.
        environment: What ``--env`` has to say in the commands that the page names; empty for none.
        as_of: The moment of a replay, which commands that the page names have to say; None at the
            end of the data. A tick fills it in.
        maximum_windows: Newest windows that are drawn; the page says what it leaves out.
        pooled_windows: Newest windows that are taken together for segments, series, bias and
            alarms.
        maximum_columns: Columns in the drift map, the most drifted ones.
        maximum_segments: Segment values that are listed, those that cost most.
        maximum_series: Series that are listed, those that make most of the error.
        maximum_decisions: Newest decisions of the ledger that are listed.
        maximum_policies: Policies of the backtest that are drawn, the most accurate ones.
        maximum_reports: Newest reports that are linked.
    """

    title: str = Field("", max_length=120)
    environment: str = Field("", max_length=200)
    as_of: str | None = Field(None, max_length=40)
    maximum_windows: int = Field(156, ge=8, le=400)
    pooled_windows: int = Field(8, ge=1, le=52)
    maximum_columns: int = Field(30, ge=1, le=60)
    maximum_segments: int = Field(40, ge=1, le=200)
    maximum_series: int = Field(20, ge=1, le=200)
    maximum_decisions: int = Field(100, ge=1, le=300)
    maximum_policies: int = Field(8, ge=1, le=12)
    maximum_reports: int = Field(60, ge=1, le=300)
