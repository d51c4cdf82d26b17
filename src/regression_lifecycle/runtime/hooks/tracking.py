"""What kedro-mlflow does not record by itself: typed parameters, lineage, readable names."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from itertools import chain, count
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from pydantic import BaseModel

from regression_lifecycle.adapters.source_code import git_state
from regression_lifecycle.core.data.as_of import first_and_last, read_as_of
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.records import Decision
from regression_lifecycle.core.fingerprints import table_fingerprint
from regression_lifecycle.core.frames.collecting import count_rows
from regression_lifecycle.core.scrubbing import scrub

OBSERVATIONS = "observations"
PROBLEM = "params:problem"
AS_OF = "params:as_of"
LINEAGE = {"training_set": "training", "holdout_set": "evaluation"}
CHAMPION_VERSION = "champion_version"
MAXIMUM_VALUE_LENGTH = 500
# Rows from which the schema of a table is inferred.
SCHEMA_ROWS = 1000


class TrackingHook:
    """Completes the MLflow run that kedro-mlflow opens; silent where tracking is off."""

    def __init__(self) -> None:
        """Start without a run."""
        self._reset()

    def _reset(self) -> None:
        self._seen: set[str] = set()
        self._problem: Problem | None = None
        self._as_of: pd.Timestamp | None = None
        self._is_told = False
        self._name = ""
        self._env = ""
        self._root = Path()
        self._catalog: Any = None
        self._decision = ""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Remember where the project is and which environment it runs in."""
        self._reset()
        self._env = context.env or "local"
        self._root = Path(context.project_path)

    @hook_impl
    def before_pipeline_run(self, run_params: Mapping[str, Any], catalog: DataCatalog) -> None:
        """Tag the run with what it is and which code it runs."""
        import mlflow

        self._catalog = catalog
        run = mlflow.active_run()
        if run is None:
            _forget_earlier_run()
            return
        names = run_params.get("pipeline_names") or ["__default__"]
        self._name = "+".join(sorted(names)).replace("__default__", "full cycle")
        # Read here and not from a node's inputs: a node may be given the observations first.
        self._problem = problem_of(catalog)
        # What MLflow and kedro-mlflow have tagged the run with: the address of a repository, or a
        # command, may hold a password.
        told = {**run.data.tags, **{name: str(value) for name, value in run_params.items()}}
        mlflow.set_tags(
            {
                **{name: scrub(text) for name, text in told.items() if scrub(text) != text},
                **({} if self._problem is None else {"problem": self._problem.name}),
                "pipeline": self._name,
                "env": self._env,
                "runner": str(run_params.get("runner") or "SequentialRunner")
                .split(" ")[0]
                .rsplit(".", 1)[-1],
                **_git_tags(self._root),
            }
        )

    @hook_impl
    def before_node_run(self, inputs: Mapping[str, Any]) -> None:
        """Log every field of a typed parameter once; kedro-mlflow logs it as one text.

        A run that was told at which moment it stands is named after it.
        """
        import mlflow

        if mlflow.active_run() is None:
            return
        fields: dict[str, str] = {}
        for name, value in inputs.items():
            if name.startswith("params:") and isinstance(value, BaseModel):
                section = name.removeprefix("params:")
                if section not in self._seen:
                    self._seen.add(section)
                    # As Python writes it: kedro-mlflow logs a single value of a section so too, and
                    # MLflow takes one spelling of a parameter.
                    fields |= dict(_flat(value.model_dump(), section))
        if fields:
            mlflow.log_params(fields)
        moment = read_as_of(inputs.get(AS_OF), inputs.get("params:problem"))
        if moment is not None:
            # Newer rows are there and were not looked at.
            self._as_of, self._is_told = moment, True
            mlflow.set_tags(self._moment_tags(moment))

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        """Record which rows the run used."""
        self._record(dataset_name, data)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Record which rows the run made, what it decided and whom it put in place."""
        self._record(dataset_name, data)
        self._record_decision(dataset_name, data)

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self) -> None:
        """Name the run by what it decided and forget it; kedro-mlflow closes it."""
        self._name_run()
        self._reset()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Forget the run; kedro-mlflow marks it as failed."""
        self._reset()

    def _record(self, name: str, data: Any) -> None:
        if name in self._seen or (name != OBSERVATIONS and name not in LINEAGE):
            return
        if not isinstance(data, pd.DataFrame):
            self._record_lazy(name, data)
            return
        import mlflow
        from mlflow.data.pandas_dataset import from_pandas

        if mlflow.active_run() is None:
            return
        self._seen.add(name)
        if name in LINEAGE:
            path = getattr(self._catalog.get(name), "_filepath", name)
            with warnings.catch_warnings():
                # Hints about the types of a local file and of whole numbers.
                warnings.simplefilter("ignore")
                source = from_pandas(
                    data, source=str(path), name=name, digest=table_fingerprint(data)
                )
                # MLflow would look at every cell, one by one.
                source.schema = from_pandas(data.head(SCHEMA_ROWS), source=str(path)).schema
                mlflow.log_input(source, context=LINEAGE[name], tags={"rows": str(len(data))})
            tags = {}
        else:
            tags = {"data_fingerprint": table_fingerprint(data), "n_observations": str(len(data))}
        mlflow.set_tags(tags | self._newest_tags(data))

    def _record_lazy(self, name: str, data: Any) -> None:
        """Record how many rows an engine has; a digest would need all of them in memory."""
        import mlflow

        if mlflow.active_run() is None:
            return
        self._seen.add(name)
        kind = "n_observations" if name == OBSERVATIONS else f"n_{name}"
        mlflow.set_tags({kind: str(count_rows(data))} | self._newest_tags(data))

    def _newest_tags(self, data: Any) -> dict[str, str]:
        if self._problem is None or self._is_told:
            return {}
        _, newest = first_and_last(data, self._problem)
        if self._as_of is not None and newest <= self._as_of:
            return {}
        self._as_of = newest
        return self._moment_tags(newest)

    def _moment_tags(self, moment: pd.Timestamp) -> dict[str, str]:
        # A run that fails keeps this name.
        return {"as_of": str(moment), "mlflow.runName": self._title()}

    def _title(self) -> str:
        if self._as_of is None:
            return self._name
        return f"{self._name} {self._as_of:%Y-%m-%d %H:%M}".removesuffix(" 00:00")

    def _record_decision(self, name: str, data: Any) -> None:
        is_decision = isinstance(data, Decision)
        if not is_decision and not (name == CHAMPION_VERSION and data):
            return
        import mlflow

        if mlflow.active_run() is None:
            return
        if is_decision:
            # The last one counts: a retraining decides on the challenger and then on its refit.
            self._decision = data.decision
            mlflow.set_tag("decision", data.decision)
        else:
            mlflow.set_tag(CHAMPION_VERSION, data)

    def _name_run(self) -> None:
        import mlflow

        run = mlflow.active_run()
        if run is None or not self._name:
            return
        name = f"{self._title()} {self._decision}".rstrip()
        client = mlflow.MlflowClient()
        alike = client.search_runs([run.info.experiment_id], f"run_name LIKE '{name}%'")
        taken = {one.info.run_name for one in alike if one.info.run_id != run.info.run_id}
        numbered = (f"{name} ({n})" for n in count(2))
        distinct = next(one for one in chain([name], numbered) if one not in taken)
        client.set_tag(run.info.run_id, "mlflow.runName", distinct)


def problem_of(catalog: DataCatalog) -> Problem | None:
    """Return the problem of a run; None if its parameters are not those of the project."""
    found = catalog.load(PROBLEM) if PROBLEM in catalog else None
    return found if isinstance(found, Problem) else None


def _flat(tree: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, str]]:
    for key, value in tree.items():
        name = f"{prefix}.{key}"
        if isinstance(value, dict) and value:
            yield from _flat(value, name)
        elif value not in (None, {}, [], ()):
            yield _safe(name), str(value)[:MAXIMUM_VALUE_LENGTH]


def _safe(name: str) -> str:
    return "".join(char if char.isalnum() or char in "_-./ " else "_" for char in name)[:250]


def _forget_earlier_run() -> None:
    """Keep kedro-mlflow from opening the run of an earlier pipeline of this process again.

    It does so before every node, even of a pipeline that it has been told not to track.
    """
    from kedro_mlflow.framework.hooks.mlflow_hook import mlflow_hook

    mlflow_hook.run_id = None


def _git_tags(root: Path) -> dict[str, str]:
    state = git_state(root)
    if state is None:
        return {}
    commit, is_dirty = state
    return {"mlflow.source.git.commit": commit, "git_dirty": str(is_dirty).lower()}
