"""One full tick of the loop: monitor, retrain if the policy says so, draw the page.

It is what cron or an orchestrator calls, each week for instance. Every step is an ordinary
``kedro run``; a tick that was killed is completed by the next one. If nothing that a tick reads has
changed since the last one that came to its end, none of them is run.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from regression_lifecycle.core.decisions.records import (
    ALERT,
    PROMOTE,
    REFUSE,
    RETRAIN,
    WAITING,
)
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.runtime.run_lock import workspace_lock
from regression_lifecycle.runtime.sections import sections_of
from regression_lifecycle.runtime.terminal import print_derived
from regression_lifecycle.runtime.tick_inputs import TickInputs

LOGGER = logging.getLogger(__name__)

MONITORING, RETRAINING, CALIBRATION, DASHBOARD = STEPS = (
    *("monitoring", "retraining"),
    *("calibration", "dashboard"),
)
NOTHING, ALERTED, PROMOTED, REFUSED, ASKED = 0, 10, 20, 21, 22
EXIT_CODES = {
    NOTHING: "nothing to do",
    ALERTED: "the policy alerts",
    PROMOTED: "a new champion was promoted",
    REFUSED: "a challenger was refused, nothing changed",
    ASKED: "a version waits for approval",
}

# Of all windows `kedro check` reads every prediction; a tick looks at those that it may have made.
CHECKED_WINDOWS = 3


def check_store(project: Path, env: str | None, *, conf_source: str | None = None) -> list[str]:
    """Hold the tables of the store against each other.

    Args:
        project: The project's folder, bootstrapped already.
        env: Environment under ``conf/``; None for the default.
        conf_source: Another configuration folder or archive.

    Returns:
        One sentence per contradiction.

    Raises:
        ConfigurationError: If the configuration cannot be read.
        LockedError: If a run is at work in the workspace and did not end in time.
    """
    inputs = _Step(project, env, {}, conf_source).inputs()
    with workspace_lock(inputs.lock_path):
        return inputs.contradictions()


def run_tick(
    project: Path, env: str | None, params: Mapping[str, Any], *, conf_source: str | None = None
) -> int:
    """Run one tick.

    Args:
        project: The project's folder, bootstrapped already.
        env: Environment under ``conf/``; None for the default.
        params: Runtime parameters; each step is given those that it uses.
        conf_source: Another configuration folder or archive.

    Returns:
        An exit code of :data:`EXIT_CODES`.

    Raises:
        ConfigurationError: If a parameter is wrong, or used by none of the steps; nothing was run.
        LockedError: If another run is at work in the workspace and did not end in time.
    """
    step = _Step(project, env, params, conf_source)
    code, inputs = _run_steps(step)
    inputs.print_end()
    return code


def _run_steps(step: _Step) -> tuple[int, TickInputs]:
    try:
        step.check_names()
        inputs = step.inputs()
    except ConfigurationError:
        step.check()  # names the other mistakes too
        raise
    with workspace_lock(inputs.lock_path):
        before, last = inputs.states(), inputs.last_tick()
        known = before and last and last.fingerprint == inputs.fingerprint(before)
        if last and known and not inputs.has_failed_alerts():
            LOGGER.info("Nothing has changed since the last tick, so nothing is run")
            return last.exit_code, inputs
        # What is known was checked by the last tick, and reading every section takes seconds.
        step.check()
        champion = inputs.champion()
        decision = step.run(MONITORING, "policy_decision")
        # A run that was killed left a champion to be put in place.
        moved = inputs.champion() != champion
        code = ALERTED if decision.decision == ALERT else NOTHING
        if decision.decision == RETRAIN:
            answer = step.run(RETRAINING, "retraining_decision").decision
            code = {PROMOTE: PROMOTED, REFUSE: REFUSED, WAITING: ASKED}.get(answer, NOTHING)
        code = PROMOTED if moved else code
        if code == NOTHING and inputs.waits_for_approval():
            code = ASKED
        # A run that was killed after its promotion left none, and the first windows say nothing.
        if not inputs.has_error_rates():
            step.run(CALIBRATION)
        for contradiction in inputs.contradictions(CHECKED_WINDOWS):
            LOGGER.error("The store contradicts itself: %s (kedro check)", contradiction)
        now = inputs.states()
        if not (now and last and last.page_fingerprint == inputs.page_fingerprint(now)):
            step.run(DASHBOARD)
            now = inputs.states()
        # After an attempt at retraining, or another champion, the next tick looks again.
        if before and now and decision.decision != RETRAIN and not moved:
            inputs.record(before, now, decision.as_of, code)
    return code, inputs


def run_decision(
    project: Path,
    env: str | None,
    params: Mapping[str, Any],
    pipeline: str,
    *,
    conf_source: str | None = None,
) -> Callable[[], None]:
    """Run a pipeline that carries out what a person decided.

    Args:
        project: The project's folder, bootstrapped already.
        env: Environment under ``conf/``; None for the default.
        params: Runtime parameters.
        pipeline: ``approval`` or ``rollback``.
        conf_source: Another configuration folder or archive.

    Returns:
        A function that draws the page and prints how the model is now. The decision stands whether
        or not that can be done.

    Raises:
        LifecycleError: If it cannot be decided so; nothing has changed then.
    """
    step = _Step(project, env, params, conf_source)
    step.run(pipeline)

    def draw() -> None:
        step.run(DASHBOARD)
        step.inputs().print_end()

    return draw


def open_loader(
    project: Path, env: str | None, params: Mapping[str, Any], conf_source: str | None
) -> Any:
    """Open the configuration as a session would."""
    from kedro.framework.project import settings

    return settings.CONFIG_LOADER_CLASS(
        conf_source=conf_source or str(project / settings.CONF_SOURCE),
        env=env or os.getenv("KEDRO_ENV"),
        runtime_params=dict(params) or None,
        **settings.CONFIG_LOADER_ARGS,
    )


class _Step:
    """Runs pipelines in sessions of their own, which MLflow records as runs of their own."""

    def __init__(
        self, project: Path, env: str | None, params: Mapping[str, Any], conf_source: str | None
    ) -> None:
        self._options: dict[str, Any] = {
            "project_path": project,
            "env": env,
            "conf_source": conf_source,
        }
        self._params = dict(params)
        self._loaders: list[tuple[dict[str, Any], Any]] = []

    def check_names(self) -> None:
        """Refuse what would be ignored; it changes nothing, so that a tick sees no news in it."""
        from regression_lifecycle.runtime.parameter_check import check_names

        check_names(self._loader(self._params))

    def check(self) -> None:
        """Check what any of the steps would use, before the first of them."""
        from kedro.framework.project import pipelines

        from regression_lifecycle.runtime.parameter_check import check_configuration

        steps = {name: pipelines[name] for name in STEPS}
        loader = self._loader(self._params)
        loader.typed_sections |= check_configuration(loader, self._params, steps)
        print_derived(loader.derived_parameters, sections_of(steps.values()))

    def inputs(self) -> TickInputs:
        from kedro.framework.project import pipelines

        read = {name for step in STEPS for name in pipelines[step].inputs()}
        page = pipelines[DASHBOARD].inputs() | pipelines[DASHBOARD].outputs()
        loader = self._loader(self._params)
        return TickInputs(loader, self._options["project_path"], _entries(read), _entries(page))

    def run(self, pipeline: str, result: str = "") -> Any:
        from kedro.framework.project import pipelines
        from kedro.runner import SequentialRunner

        used = sections_of([pipelines[pipeline]])
        params = {name: value for name, value in self._params.items() if name in used}
        if pipeline == DASHBOARD and self._params.get("as_of"):
            moment = {"as_of": str(self._params["as_of"])}
            params["dashboard"] = {**params.get("dashboard", {}), **moment}
        with self._session(params) as session:
            session.run(pipeline_names=[pipeline], runner=SequentialRunner())
            return session.load_context().catalog.load(result) if result else None

    def _session(self, params: dict[str, Any]) -> Any:
        from regression_lifecycle.runtime.session import LifecycleSession

        session: Any = LifecycleSession.create(runtime_params=params or None, **self._options)
        session.use_loader(self._loader(params))
        return session

    def _loader(self, params: dict[str, Any]) -> Any:
        """Open the configuration as a session would, once for equal parameters."""
        for given, loader in self._loaders:
            if given == params:
                return loader
        options = self._options
        loader = open_loader(
            options["project_path"], options["env"], params, options["conf_source"]
        )
        loader.is_step = True
        self._loaders.append((params, loader))
        return loader


def _entries(names: set[str]) -> set[str]:
    return {name for name in names if not name.startswith("params:") and name != "parameters"}
