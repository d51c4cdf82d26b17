"""Run Evidently's metrics so that a snapshot comes out, whatever fails inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from regression_lifecycle.adapters.evidently.frames import Prepared
from regression_lifecycle.adapters.evidently.library import first_line, quiet
from regression_lifecycle.adapters.evidently.stable import stabilise

if TYPE_CHECKING:
    from evidently.core.report import Snapshot

Build = Callable[[Sequence[str]], list[Any]]
"""Makes the metrics for some columns."""

NO_TIME = datetime(1970, 1, 1)
"""The moment of a report about a table without time: a report must not depend on the clock."""


@dataclass(frozen=True)
class Job:
    """What is to be drawn.

    Attributes:
        name: Name of the report.
        columns: Columns to draw.
        build: Makes the metrics for a part of the columns.
        current: The table in question.
        reference: The table beside it, if there is one.
        categorical: Which of the columns are categorical.
        regression: Names of target and prediction, for a report that judges them.
    """

    name: str
    columns: Sequence[str]
    build: Build
    current: Prepared
    reference: Prepared | None = None
    categorical: Sequence[str] = ()
    regression: tuple[str, str] | None = None

    def report(
        self,
        notes: Sequence[str],
        figures: Mapping[str, str],
        timestamp: datetime | None,
        metadata: Mapping[str, str] | None,
    ) -> Snapshot:
        """Draw, and put figures and notes at the head.

        Args:
            notes: What the reader must know.
            figures: Numbers to show at the head, by label.
            timestamp: The moment of the report; None for that of the newest current row.
            metadata: Facts to keep with the snapshot.

        Returns:
            A snapshot; one that holds notes alone if nothing could be drawn.
        """
        moment = timestamp or newest(self.current)
        said = list(notes)
        with quiet():
            snapshot = self._draw(moment, said)
            return headed(
                snapshot,
                name=self.name,
                moment=moment,
                notes=said,
                figures=figures,
                metadata=metadata or {},
            )

    def _draw(self, moment: datetime, notes: list[str]) -> Snapshot | None:
        if not len(self.current.frame):
            notes.insert(0, "no rows to report on")
            return None
        if not self.columns:
            notes.insert(0, "no column could be computed")
            return None
        try:
            return self._run(self.columns, self.build, moment)
        except Exception as error:  # Evidently raises anything for one odd column
            if self.regression is not None:  # its columns mean nothing one by one
                notes.append(f"not drawn: {first_line(error)}")
                return None
            return self._column_by_column(error, moment, notes)

    def _column_by_column(
        self, error: Exception, moment: datetime, notes: list[str]
    ) -> Snapshot | None:
        good: list[str] = []
        for column in self.columns:
            try:
                self._run([column], self.build, moment)
                good.append(column)
            except Exception as alone:
                notes.append(f"{column}: not drawn: {first_line(alone)}")
        if not good:
            notes.insert(0, "no column could be drawn")
            return None
        if len(good) == len(self.columns):
            notes.append(f"not drawn together: {first_line(error)}")
            return None
        return self._run(good, self.build, moment)

    def _run(self, names: Sequence[str], build: Build, moment: datetime) -> Snapshot:
        from evidently import Report

        sides = [self.current] if self.reference is None else [self.current, self.reference]
        # A time on one side alone would be compared with nothing.
        timestamp = self.current.timestamp if all(side.timestamp for side in sides) else None
        tables = [self._dataset(side, names, timestamp) for side in sides]
        return Report(build(names)).run(*tables, timestamp=moment, name=self.name)

    def _dataset(self, side: Prepared, names: Sequence[str], timestamp: str | None) -> Any:
        from evidently import DataDefinition, Dataset, Regression

        regression = None
        if self.regression is not None:
            target, prediction = self.regression
            regression = [Regression(target=target, prediction=prediction)]
        definition = DataDefinition(
            timestamp=timestamp,
            numerical_columns=[name for name in names if name not in self.categorical],
            categorical_columns=[name for name in names if name in self.categorical],
            regression=regression,
        )
        chosen = [*names, timestamp] if timestamp else list(names)
        return Dataset.from_pandas(side.frame[chosen], data_definition=definition)


def newest(prepared: Prepared) -> datetime:
    """Return the moment of the newest row, :data:`NO_TIME` without one."""
    if prepared.timestamp is None or not len(prepared.frame):
        return NO_TIME
    moment: datetime = prepared.frame[prepared.timestamp].max().to_pydatetime()
    return moment


def headed(
    snapshot: Snapshot | None,
    *,
    name: str,
    moment: datetime,
    notes: Sequence[str],
    figures: Mapping[str, str],
    metadata: Mapping[str, str],
    results: Mapping[str, Any] | None = None,
    widgets: Sequence[Any] = (),
    tags: Sequence[str] = (),
) -> Snapshot:
    """Put figures and notes at the head of a report, and the notes into its metadata.

    Args:
        snapshot: A report that has run, or None to make one of ``results`` and ``widgets``.
        name: Name of a report that is made.
        moment: Its moment.
        notes: What the reader must know.
        figures: Numbers to show at the head, by label.
        metadata: Facts to keep with the snapshot; ``about`` (:func:`about_line`) is the first thing
            that is read on the page.
        results: Results of metrics by id, for a report that is made.
        widgets: What it shows below the head.
        tags: Labels to keep with it.

    Returns:
        The snapshot; the same arguments give the same bytes when it is stored.
    """
    from evidently.core.report import Snapshot
    from evidently.core.serialization import ReportModel, SnapshotModel
    from evidently.legacy.renderers.html_widgets import CounterData, counter

    if snapshot is None:
        model = SnapshotModel(
            report=ReportModel(items=[]),
            name=name,
            timestamp=moment,
            metadata={},
            tags=list(tags),
            metric_results=results or {},
            top_level_metrics=list(results or {}),
            widgets=list(widgets),
            tests_widgets=[],
        )
    else:
        model = snapshot.to_snapshot_model()
    head = []
    if metadata.get("about"):
        head.append(table("", ["What this is about"], [[str(metadata["about"])]]))
    counters = [CounterData(label, value) for label, value in figures.items()]
    # More of them in a row run into each other on a narrow page, as in MLflow.
    head += [counter(counters=counters[i : i + 4]) for i in range(0, len(counters), 4)]
    if notes:
        head.append(table("", ["Notes"], [[note] for note in notes]))
    model.widgets = [*head, *model.widgets]
    model.metadata = {key: str(value) for key, value in metadata.items()}
    if notes:
        model.metadata["notes"] = list(notes)
    stabilise(model)
    return Snapshot.load_model(model)


def about_line(
    problem: str, model: str, window: str, n_rows: int, reference: str = "", alarms: str = ""
) -> str:
    """Say in one line what a report is about.

    Args:
        model: Such as ``model version 3``.
        window: Which rows, such as the name of a window.
        reference: What they are held against; empty for nothing.
        alarms: Names of the rules that fired; empty where no rule looks.
    """
    parts = [
        f"problem {problem}",
        model,
        window,
        f"{n_rows:,} rows",
        f"reference: {reference or 'none'}",
        f"alarms: {alarms}" if alarms else "no rule looks at it",
    ]
    return "; ".join(parts)


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    """Make a table for a report.

    Args:
        title: What stands above it.
        header: Names of its columns.
        rows: Its cells.

    Returns:
        A widget.
    """
    from evidently.legacy.renderers.html_widgets import table_data

    return table_data(title=title, column_names=header, data=rows)
