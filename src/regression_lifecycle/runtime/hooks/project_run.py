"""Inside `mlflow run` the run that it began is used, where that is possible."""

from __future__ import annotations

import logging
import os
from typing import Any

from kedro.framework.hooks import hook_impl

LOGGER = logging.getLogger(__name__)
RUN_VARIABLE = "MLFLOW_RUN_ID"


class ProjectRunHook:
    """Keeps the run of ``mlflow run`` from clashing with the project's own tracking.

    ``mlflow run`` begins a run and names it in the environment, and MLflow resumes it in place of
    a new one. That fails if the run is in another database or in another experiment than the
    project's; then the name is dropped, and the pipeline gets a run of its own.
    """

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Remember the context, which kedro-mlflow tells its experiment."""
        self._context = context

    # Before kedro-mlflow starts the run.
    @hook_impl(tryfirst=True)
    def before_pipeline_run(self) -> None:
        """Drop a run that cannot be resumed."""
        run_id = os.environ.get(RUN_VARIABLE)
        if not run_id:
            return
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        experiment = self._context.mlflow.tracking.experiment._experiment
        try:
            found = MlflowClient().get_run(run_id).info.experiment_id
        except MlflowException:
            found = None
        if found == experiment.experiment_id:
            return
        del os.environ[RUN_VARIABLE]
        where = "another database" if found is None else f"the experiment {found}"
        LOGGER.warning(
            "The run %s of `mlflow run` is in %s, so the pipeline gets a run of its own. To have "
            "one for both, set MLFLOW_TRACKING_URI to the project's and give "
            "--experiment-name %s",
            run_id,
            where,
            experiment.name,
        )
