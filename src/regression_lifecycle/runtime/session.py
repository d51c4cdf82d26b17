"""The project's Kedro session: checked parameters, one run at a time, killed runs called killed."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from pydantic import ValidationError

from regression_lifecycle.core.errors import ConfigurationError, unknown_name
from regression_lifecycle.runtime.parameter_check import check_configuration
from regression_lifecycle.runtime.run_lock import LOCK_NAME, workspace_lock
from regression_lifecycle.runtime.sections import sections_of
from regression_lifecycle.runtime.terminal import print_derived
from regression_lifecycle.runtime.tracking_check import require_tracking_server

TERMINATED = 143
_RUNNERS = ("sequential", "thread", "parallel")
_ADVICE = ("Using synchronous mode", "No nodes ran", "There are ")


class LifecycleSession(KedroSession):
    """Kedro's session with three additions.

    All parameters are read by their typed models before a hook, a database or a file is touched.
    Only one run at a time is at work in a workspace. And a run that is interrupted is recorded as
    KILLED: Kedro tells its hooks of exceptions only, so that MLflow would call Ctrl-C a success and
    a terminated run a running one.
    """

    _own_context: KedroContext | None = None
    _own_loader: Any = None

    def run(  # type: ignore[override]
        self,
        pipeline_name: str | None = None,
        pipeline_names: list[str] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Run pipelines.

        Args:
            pipeline_name: Name of the only pipeline (older form).
            pipeline_names: Names of the pipelines.
            **kwargs: What Kedro's session takes.

        Returns:
            Outputs that are in no catalog entry.

        Raises:
            ConfigurationError: If a pipeline is unknown or a parameter is wrong; nothing was
                written then.
            LifecycleError: If MLflow is away, its database damaged, or the project was moved.
            LockedError: If another run is at work in the workspace and did not end in time.
        """
        names = [pipeline_name] if pipeline_name else list(pipeline_names or ["__default__"])
        pipelines.set_requested(None if names == ["__default__"] else names)
        unknown = [name for name in names if name not in pipelines]
        if unknown:
            pipelines.set_requested(None)
            raise ConfigurationError(f"  {unknown_name('pipeline', unknown[0], pipelines)}")
        if getattr(kwargs.get("runner"), "_is_async", False):
            raise ConfigurationError(
                "  --async (is_async) loads and saves in threads, in which MLflow begins runs of "
                "its own and loses the figures of this one; leave it out"
            )
        known = {name: pipelines[name] for name in names}
        loader: Any = self._get_config_loader()
        runtime = self.store.get("runtime_params") or {}
        loader.check_addresses()
        loader.typed_sections |= check_configuration(loader, runtime, known)
        if not loader.is_step:
            print_derived(loader.derived_parameters, sections_of(known.values()))
        require_tracking_server(loader, self._project_path)
        with workspace_lock(self.lock_path), _terminated_is_an_exit(), _without_advice():
            try:
                outputs: dict[str, Any] = super().run(
                    pipeline_name=pipeline_name, pipeline_names=pipeline_names, **kwargs
                )
            except (KeyboardInterrupt, SystemExit):
                _end_runs_as_killed()
                raise
        return outputs

    def _get_config_loader(self) -> Any:
        """Make the loader; a session has one, since every loader reads all files anew."""
        if self._own_loader is None:
            self._own_loader = super()._get_config_loader()
        return self._own_loader

    def use_loader(self, loader: Any) -> None:
        """Take a loader that another session of the same environments and parameters has used."""
        self._own_loader = loader

    def load_context(self) -> KedroContext:
        """Make the context; a session has one, since every context asks MLflow anew."""
        if self._own_context is None:
            try:
                self._own_context = super().load_context()
            except ValidationError as error:  # of kedro-mlflow
                raise ConfigurationError(
                    "\n".join(_mlflow_mistakes(error, self._get_config_loader()))
                ) from error
        return self._own_context

    @property
    def lock_path(self) -> Path:
        """The lock file of the workspace; who runs several sessions in a row may hold it."""
        loader: Any = self._get_config_loader()
        return Path(loader.local_folder) / LOCK_NAME


def _mlflow_mistakes(error: ValidationError, loader: Any) -> Iterator[str]:
    from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig

    for mistake in error.errors(include_url=False):
        *parents, name = mistake["loc"]
        place = ".".join(str(part) for part in mistake["loc"])
        text = mistake["msg"][:1].lower() + mistake["msg"][1:]
        if mistake["type"] == "extra_forbidden":
            model: Any = KedroMlflowConfig
            for part in parents:
                model = model.model_fields[part].annotation
            text = unknown_name("key", name, model.model_fields)
        yield f"  {place}: {text} ({loader.origin(place, 'mlflow') or 'mlflow.yml'})"


@contextmanager
def _terminated_is_an_exit() -> Iterator[None]:
    # Signals can be handled in the main thread only.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep Kedro from advising to use --async, or to resume by the names of nodes.

    The error says what to do; a run that begins in the middle reads what an older one has left.
    """

    def is_wanted(record: logging.LogRecord) -> bool:
        return not str(record.msg).lstrip().startswith(_ADVICE)

    runners = [logging.getLogger(f"kedro.runner.{name}_runner") for name in _RUNNERS]
    for logger in runners:
        logger.addFilter(is_wanted)
    try:
        yield
    finally:
        for logger in runners:
            logger.removeFilter(is_wanted)


def _end_runs_as_killed() -> None:
    import mlflow

    while mlflow.active_run() is not None:
        mlflow.end_run("KILLED")
