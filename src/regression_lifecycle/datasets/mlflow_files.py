"""Files that MLflow keeps a copy of with the run that wrote them.

kedro-mlflow's own artifact dataset hands MLflow a path of this machine, which a file on an object
store does not have.
"""

from __future__ import annotations

from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from regression_lifecycle.adapters.packed_script import UNPACK, packed_script
from regression_lifecycle.datasets.atomic_file import AtomicFile
from regression_lifecycle.datasets.atomic_files import (
    AtomicCSVDataset,
    AtomicDecisionDataset,
    AtomicJSONDataset,
    AtomicParquetDataset,
    AtomicPictureDataset,
    AtomicPlotlyDataset,
    AtomicTextDataset,
    OptionalCSVDataset,
)
from regression_lifecycle.datasets.evidently_report import EvidentlyReportDataset

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from regression_lifecycle.adapters.evidently.library import Snapshot


class LoggedToMlflow:
    """Mixin for a file dataset: what is saved is an artifact of the active run too.

    The name of the whole class has to begin with ``Mlflow``: that is how kedro-mlflow finds the
    datasets that it silences when tracking is off for a pipeline.
    """

    # Set by kedro-mlflow.
    _logging_activated = True

    def __init__(self, filepath: str, **kwargs: Any) -> None:
        """Describe the dataset; nothing is read or written yet.

        Args:
            filepath: Path or URL of the file.
            **kwargs: What the file dataset takes.
        """
        super().__init__(filepath=filepath, **kwargs)  # type: ignore[call-arg]
        self._logged_file = AtomicFile(filepath)

    def save(self, data: Any) -> None:
        """Write the file, then hand it to the active run, if there is one.

        Args:
            data: What the file dataset takes.
        """
        import mlflow

        super().save(data)  # type: ignore[misc]
        if self._logging_activated and mlflow.active_run() is not None:
            with self._logged_file.local_copy() as file:
                mlflow.log_artifact(str(file))


class MlflowCSVDataset(LoggedToMlflow, AtomicCSVDataset):
    """A pandas table in one CSV file."""


class MlflowOptionalCSVDataset(LoggedToMlflow, OptionalCSVDataset):
    """A pandas table in one CSV file that may not be there yet."""


class MlflowParquetDataset(LoggedToMlflow, AtomicParquetDataset):
    """A pandas table in one Parquet file."""


class MlflowJSONDataset(LoggedToMlflow, AtomicJSONDataset):
    """A JSON document."""


class MlflowDecisionDataset(LoggedToMlflow, AtomicDecisionDataset):
    """A decision as a JSON document."""


class MlflowTextDataset(LoggedToMlflow, AtomicTextDataset):
    """A Markdown text."""


class MlflowPictureDataset(LoggedToMlflow, AtomicPictureDataset):
    """A picture."""


class MlflowPlotlyDataset(AtomicPlotlyDataset):
    """A Plotly figure as JSON; the active run gets a page of it, which MLflow can show.

    The page needs no network. Plotly's code makes it 1.9 MB, nearly all of it.
    """

    _logging_activated = True

    def save(self, data: go.Figure) -> None:
        """Write the figure, then log its page to the active run, if there is one.

        Args:
            data: The figure.
        """
        import mlflow

        super().save(data)
        if self._logging_activated and mlflow.active_run() is not None:
            mlflow.log_text(_plot_page(data), f"plots/{PurePath(self._filepath).stem}.html")


class MlflowEvidentlyReportDataset(EvidentlyReportDataset):
    """An Evidently report; its page, which needs no other file, is an artifact of the active run.

    A run keeps the first :data:`MOST_PAGES` pages, of some 1.5 MB each; a tick that catches up with
    years of windows would store hundreds. Where no page is drawn for people, none is logged.
    """

    _logging_activated = True

    def save(self, data: Snapshot) -> None:
        """Write the report, then log its page to the active run, if there is one.

        Args:
            data: A report that has run.
        """
        import mlflow

        super().save(data)
        run = mlflow.active_run()
        if not self._logging_activated or run is None or not self.draws_page(data):
            return
        if len(mlflow.MlflowClient().list_artifacts(run.info.run_id, _REPORTS)) < MOST_PAGES:
            from regression_lifecycle.adapters.evidently import safe_html

            mlflow.log_text(safe_html(data), f"{_REPORTS}/{PurePath(self._filepath).name}.html")


MOST_PAGES = 10
_REPORTS = "reports"
_PLOT_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Plot</title></head>
<body>
<div id="plot"></div>
{library}
<script type="application/json" id="figure">{figure}</script>
<script>{unpack}
unpack("library").then(() => {{
  const figure = JSON.parse(document.getElementById("figure").textContent);
  Plotly.newPlot("plot", figure.data, figure.layout, {{responsive: true, displaylogo: false}});
}});
</script>
</body>
</html>
"""


def _plot_page(figure: go.Figure) -> str:
    # A text from the data must not end the script.
    text = figure.to_json().replace("<", "\\u003c")
    return _PLOT_PAGE.format(library=_plotly_library(), figure=text, unpack=UNPACK)


@cache
def _plotly_library() -> str:
    from plotly.offline import get_plotlyjs

    return packed_script(get_plotlyjs(), "library")
