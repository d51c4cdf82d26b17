"""The dashboard of a project in Evidently's UI: what is drawn over the windows."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from regression_lifecycle.adapters.evidently.results import HIGHEST_DRAWN, OVER_THRESHOLD

_MEAN, _COUNT, _SHARE = ({"value_type": part} for part in ("mean", "count", "share"))
_TAB = "Windows"
_DRIFT = (
    "score over threshold (of a p-value threshold over score): drift from 1 on; "
    f"{HIGHEST_DRAWN:g} stands for all that is higher"
)


def dashboard(
    project: uuid.UUID, columns: Sequence[str], *, of_quantile: bool = False
) -> dict[str, Any]:
    """Describe the panels: errors, drift, rows and blanks, one point per window.

    Args:
        project: Id of the project; the ids of its panels follow from it.
        columns: The columns whose drift and blanks are drawn.
        of_quantile: Whether a quantile is predicted, which RMSE and mean error do not judge.

    Returns:
        The content of ``dashboard.json``.
    """
    from evidently.sdk.models import DashboardModel, DashboardTabModel, PanelMetric
    from evidently.sdk.panels import bar_plot_panel, line_plot_panel

    def series(metric: str, legend: str, **labels: str) -> Any:
        return PanelMetric(metric=metric, legend=legend, metric_labels=labels)

    panels = [
        line_plot_panel("RMSE", [series("RMSE", "RMSE")], "in the target's unit", "half"),
        line_plot_panel("MAE", [series("MAE", "MAE", **_MEAN)], "in the target's unit", "half"),
        line_plot_panel(
            "Mean error",
            [series("MeanError", "mean error", **_MEAN)],
            "prediction minus target: below 0 it is too low",
            "half",
        ),
        line_plot_panel(
            "Drifted columns",
            [series("DriftedColumnsCount", "share", **_SHARE)],
            "share of the columns compared",
            "half",
        ),
        line_plot_panel(
            "Drift by column",
            [series("ValueDrift", name, column=name, method=OVER_THRESHOLD) for name in columns],
            _DRIFT,
            "full",
        ),
        bar_plot_panel("Rows", [series("RowCount", "rows")], "in the window", "half"),
        bar_plot_panel(
            "Missing values",
            [series("MissingValueCount", name, column=name, **_COUNT) for name in columns],
            "cells by column; the target's are the labels that have not come yet",
            "half",
            stacked=True,
        ),
    ]
    of_the_middle = ("RMSE", "Mean error") if of_quantile else ()
    panels = [panel for panel in panels if panel.values and panel.title not in of_the_middle]
    for panel in panels:
        panel.id = uuid.uuid5(project, panel.title)
    tab = DashboardTabModel(
        id=uuid.uuid5(project, _TAB), title=_TAB, panels=[panel.id for panel in panels]
    )
    content: dict[str, Any] = DashboardModel(tabs=[tab], panels=panels).dict()
    return content
