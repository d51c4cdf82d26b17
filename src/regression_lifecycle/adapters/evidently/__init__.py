"""Everything the project asks of Evidently, and the only package that imports it.

Frames go in, snapshots and frames come out; no input is changed, and importing this package does
not import Evidently. A report is made whatever the data: what cannot be computed is said.
"""

from regression_lifecycle.adapters.evidently.drawing import about_line
from regression_lifecycle.adapters.evidently.drift import drift_snapshot
from regression_lifecycle.adapters.evidently.figures import metric_values, summary
from regression_lifecycle.adapters.evidently.frames import ColumnRoles
from regression_lifecycle.adapters.evidently.library import evidently_version
from regression_lifecycle.adapters.evidently.markdown import summary_markdown
from regression_lifecycle.adapters.evidently.pages import (
    library_code,
    library_name,
    safe_html,
)
from regression_lifecycle.adapters.evidently.reports import (
    data_quality_snapshot,
    regression_snapshot,
)
from regression_lifecycle.adapters.evidently.storage import (
    SnapshotError,
    dump_snapshot,
    load_snapshot,
)
from regression_lifecycle.adapters.evidently.windows import window_snapshot

__all__ = [
    "ColumnRoles",
    "SnapshotError",
    "about_line",
    "data_quality_snapshot",
    "drift_snapshot",
    "dump_snapshot",
    "evidently_version",
    "library_code",
    "library_name",
    "load_snapshot",
    "metric_values",
    "regression_snapshot",
    "safe_html",
    "summary",
    "summary_markdown",
    "window_snapshot",
]
