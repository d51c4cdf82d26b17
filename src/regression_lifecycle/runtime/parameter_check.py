"""All parameters are read by their typed models before anything else happens.

Kedro reads typed parameters itself, but only after the plugins have opened the tracking
database; a mistyped value should leave no trace at all. Its messages are also those of pydantic,
with the types of the input and a link; here they are one line each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from kedro.pipeline import Pipeline
from pydantic import BaseModel, ValidationError

from regression_lifecycle.adapters.dashboard.parameters import DashboardParameters
from regression_lifecycle.core.alerting.alerts import AlertParameters
from regression_lifecycle.core.backtest.parameters import BacktestParameters
from regression_lifecycle.core.config import meaning_of_null
from regression_lifecycle.core.data.as_of import read_as_of
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.approval import ApprovalParameters
from regression_lifecycle.core.decisions.policy import PolicyParameters
from regression_lifecycle.core.decisions.rollback import RollbackParameters
from regression_lifecycle.core.decisions.rule_kinds import PerformanceRule
from regression_lifecycle.core.decisions.waiting import PromotionParameters
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.errors import ConfigurationError, bounded_list, unknown_name
from regression_lifecycle.core.evaluation.challenger import RetrainingParameters
from regression_lifecycle.core.evaluation.holdout import OWN_COLUMNS
from regression_lifecycle.core.evaluation.parameters import EvaluationParameters
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.ingestion.contract import IngestionParameters
from regression_lifecycle.core.ingestion.labels import LabelParameters
from regression_lifecycle.core.mistakes import in_words
from regression_lifecycle.core.models.quantiles import check_quantile
from regression_lifecycle.core.models.requirements import check_text, named_columns
from regression_lifecycle.core.models.training import TrainingParameters, make_pipeline
from regression_lifecycle.core.models.weights import weight_argument
from regression_lifecycle.core.monitoring.parameters import MonitoringParameters
from regression_lifecycle.core.prediction.batch_scoring import ScoringParameters
from regression_lifecycle.core.prediction.level_and_interval import AdjustmentParameters
from regression_lifecycle.core.prediction.service_parameters import ServingParameters
from regression_lifecycle.core.reproduction.comparison import ReproductionParameters
from regression_lifecycle.core.reproduction.retention import SnapshotParameters
from regression_lifecycle.core.scrubbing import has_address_with_password
from regression_lifecycle.core.windows.parameters import WindowParameters
from regression_lifecycle.runtime.config_loader import leaves
from regression_lifecycle.runtime.name_check import unread_names
from regression_lifecycle.runtime.reachable_counts import unreachable_counts
from regression_lifecycle.runtime.sections import sections_of

AS_OF = "as_of"
SECTIONS: dict[str, type[BaseModel]] = {
    "problem": Problem,
    "ingestion": IngestionParameters,
    "preprocessing": PreprocessingParameters,
    "training": TrainingParameters,
    "evaluation": EvaluationParameters,
    "windows": WindowParameters,
    "adjustment": AdjustmentParameters,
    "drift": DriftParameters,
    "policy": PolicyParameters,
    "monitoring": MonitoringParameters,
    "retraining": RetrainingParameters,
    "promotion": PromotionParameters,
    "approval": ApprovalParameters,
    "rollback": RollbackParameters,
    "snapshots": SnapshotParameters,
    "reproduction": ReproductionParameters,
    "backtest": BacktestParameters,
    "scoring": ScoringParameters,
    "labels": LabelParameters,
    "serving": ServingParameters,
    "alerts": AlertParameters,
    "dashboard": DashboardParameters,
}
"""Typed model of every top-level section of the parameters; ``as_of`` is a moment."""
KNOWN_SECTIONS = frozenset({AS_OF, *SECTIONS})


def check_parameters(
    raw: Mapping[str, Any],
    runtime: Iterable[str],
    pipelines: Mapping[str, Pipeline],
    configured: Iterable[str],
    origin: Callable[[str], str] = lambda _: "",
    found: Iterable[str] = (),
) -> dict[str, BaseModel]:
    """Check the parameters that some pipelines use.

    Args:
        raw: All parameters, the runtime ones merged in.
        runtime: Top-level names given at the command line.
        pipelines: The pipelines that are about to run, by name.
        configured: Top-level names that stand in files.
        origin: Names the file that says a dotted parameter; it is added to what is wrong there.
        found: Mistakes that are known already, one line each; they are raised with the others.

    Returns:
        The typed models of the sections that are used.

    Raises:
        ConfigurationError: With one line per mistake.
    """
    used = sections_of(pipelines.values())
    known = used | set(configured)
    mistakes = [*found]
    mistakes += [
        unknown_name("parameter", name, known, len(known)) for name in runtime if name not in known
    ]
    mistakes += [
        f"{name} is used by none of the pipelines that are to run ({', '.join(pipelines)}); leave "
        "it out"
        for name in runtime
        if name in known and name not in used
    ]
    # What is wrong in a section that only the next tick reads is told by day, not by night.
    models, wrong = _read(raw, [name for name in SECTIONS if name in used or name in raw], origin)
    mistakes += wrong
    if AS_OF in used and AS_OF not in raw:
        mistakes.append(f"{AS_OF} is not configured; add it to parameters.yml")
    if AS_OF in used:
        try:
            problem = models.get("problem")
            read_as_of(raw.get(AS_OF), problem if isinstance(problem, Problem) else None)
        except ConfigurationError as error:
            mistakes.append(f"{AS_OF}: {error}{_in_file(origin(AS_OF))}")
    models = {name: model for name, model in models.items() if name in used}
    if not mistakes:
        found = _contradictions(models, {**_readable(raw), **models})
        mistakes = [f"{line}{_in_file(_origin_of(line, origin))}" for line in found]
    if mistakes:
        raise ConfigurationError("\n".join(f"  {line}" for line in mistakes))
    return models


def check_configuration(
    loader: Any, runtime: Iterable[str], pipelines: Mapping[str, Pipeline]
) -> dict[str, BaseModel]:
    """Check all that is written, and the parameters that some pipelines use.

    Args:
        loader: The configuration loader.
        runtime: Top-level names given at the command line.
        pipelines: The pipelines that are about to run, by name.

    Returns:
        The typed models of the sections that are used.

    Raises:
        ConfigurationError: With one line per mistake.
    """
    return check_parameters(
        loader["parameters"],
        runtime,
        pipelines,
        loader.configured_parameters,
        loader.origin,
        [*unread_names(loader, KNOWN_SECTIONS), *_passwords(loader)],
    )


def _passwords(loader: Any) -> Iterator[str]:
    for name, value in leaves(loader["parameters"]):
        if has_address_with_password(str(value)):
            yield (
                f"{name}: an address with a password must not stand in a parameter, since MLflow "
                f"records every one; keep it in an environment variable"
                f"{_in_file(loader.origin(name))}"
            )


def check_names(loader: Any) -> None:
    """Refuse what stands in the files of a configuration and would be ignored.

    Raises:
        ConfigurationError: With one line per name.
    """
    found = unread_names(loader, KNOWN_SECTIONS)
    if found:
        raise ConfigurationError("\n".join(f"  {line}" for line in found))


def read_sections(
    raw: Mapping[str, Any], names: Iterable[str], origin: Callable[[str], str] = lambda _: ""
) -> dict[str, Any]:
    """Read sections of the parameters for a command that runs no pipeline.

    Args:
        raw: All parameters.
        names: Names of :data:`SECTIONS`.
        origin: Names the file that says a dotted parameter.

    Returns:
        The typed models by section.

    Raises:
        ConfigurationError: With one line per mistake.
    """
    found, mistakes = _read(raw, names, origin)
    if mistakes:
        raise ConfigurationError("\n".join(f"  {line}" for line in mistakes))
    return found


def _read(
    raw: Mapping[str, Any], names: Iterable[str], origin: Callable[[str], str]
) -> tuple[dict[str, Any], list[str]]:
    models: dict[str, Any] = {}
    mistakes: list[str] = []
    for name in names:
        if name not in raw:
            mistakes.append(f"{name} is not configured; add it to a parameters_*.yml")
            continue
        try:
            models[name] = SECTIONS[name].model_validate(raw[name])
        except ValidationError as error:
            # What is derived from a wrong problem is null, which is no mistake of its own.
            is_derived = "problem" in names and "problem" not in models and name != "problem"
            mistakes += _lines(name, error, raw[name], origin, leaves_out_nulls=is_derived)
    return models, mistakes


def _lines(
    name: str,
    error: ValidationError,
    section: Any,
    origin: Callable[[str], str],
    *,
    leaves_out_nulls: bool = False,
) -> list[str]:
    found = error.errors(include_url=False)
    if leaves_out_nulls:
        found = [mistake for mistake in found if mistake["input"] is not None]
    lines = []
    for mistake in found:
        place = mistake["loc"]
        # A sequence whose items are wrong is said to be empty as well.
        depth = len(place)
        inside = any(len(o["loc"]) > depth and o["loc"][:depth] == place for o in found)
        if mistake["type"] == "too_short" and inside:
            continue
        parts = [name, *_path_in_file(place, section)]
        path = ".".join(parts)
        # What is missing stands in no file; the section that it is missing from does.
        named = [*parts, *filter(None, [mistake.get("ctx", {}).get("key")])]
        file = _origin_of(".".join(named), origin)
        null = meaning_of_null(SECTIONS[name], place)
        mend = f"; {null}" if null else ""
        lines.append(f"{path}: {in_words(mistake)}{mend}{_in_file(file)}")
    return lines


def _origin_of(line: str, origin: Callable[[str], str]) -> str:
    """Name the file that says what a line begins with, or the section that it lies in."""
    parts = line.partition(":")[0].split(".")
    places = (".".join(parts[:depth]) for depth in range(len(parts), 0, -1))
    return next(filter(None, map(origin, places)), "")


def _in_file(file: str) -> str:
    return f" ({file})" if file else ""


def _path_in_file(place: Iterable[Any], section: Any) -> Iterator[str]:
    for part in place:
        if part == "[key]":  # the key itself is wrong, which pydantic names before
            continue
        # The tag of a union stands in pydantic's path, but in the file it is a value.
        if isinstance(section, Mapping) and part not in section and part in section.values():
            continue
        yield str(part)
        try:
            section = section[part]
        except (KeyError, IndexError, TypeError):
            section = None


def _readable(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Read sections that others are held against, for pipelines that do not use them."""
    found: dict[str, Any] = {}
    for name, model in _HELD_AGAINST.items():
        with suppress(KeyError, ValidationError):
            found[name] = model.model_validate(raw[name])
    return found


_HELD_AGAINST: dict[str, type[BaseModel]] = {
    "preprocessing": PreprocessingParameters,
    "windows": WindowParameters,
}


def _contradictions(models: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """Find values that are right alone and wrong together.

    Args:
        models: The sections that are to be used.
        known: The same, and others that could be read.
    """
    problem = models.get("problem")
    if not isinstance(problem, Problem):
        return []
    found = []
    taken = [name for name in _carried(problem) if name in OWN_COLUMNS]
    if taken:
        found.append(
            f"problem.columns: {bounded_list(taken)} would be overwritten by the columns of that "
            "name that predictions are stored with; rename in the file, or leave out of "
            "problem.columns"
        )
    preprocessing = known.get("preprocessing")
    features: tuple[str, ...] = ()
    if isinstance(preprocessing, PreprocessingParameters):
        features = preprocessing.feature_names
        found += [
            f"preprocessing.features: {line}" for line in _of_features(preprocessing, problem)
        ]
    ahead = set(problem.columns_known_in_advance) | set(features)
    for name in ("evaluation", "retraining"):
        if name in models:
            place = f"{name}.gate.segments"
            found += _unknown(models[name].gate.segments, ahead, place, features)
    evaluation = models.get("evaluation")
    if isinstance(evaluation, EvaluationParameters):
        found += _unknown(evaluation.segments, ahead, "evaluation.segments", features)
        try:
            evaluation.baseline.check(problem)
        except ConfigurationError as error:
            found.append(f"evaluation.baseline.{error}")
        # The holdout has these columns alone.
        cut_by = ahead | set(problem.key_columns) if features else None
        found += _of_windows(evaluation.windows, cut_by, "evaluation.windows", problem)
    training = models.get("training")
    if isinstance(training, TrainingParameters):
        wrong = check_quantile(training.model, problem.quantile)
        found += [f"training.model: {wrong}"] if wrong else []
        found += _of_weights(training, problem)
        if isinstance(preprocessing, PreprocessingParameters):
            text = preprocessing.recipe.category_names(problem)
            wrong = check_text(make_pipeline(training.model), text)
            found += [f"training.model.estimator: {wrong}"] if wrong else []
        found += _of_named_columns(training, features)
    found += _of_errors(models, problem)
    windows = models.get("windows")
    if isinstance(windows, WindowParameters):
        found += _of_windows(windows, set(problem.columns), "windows", problem)
    found += unreachable_counts(problem, models, known)
    drift = models.get("drift")
    if isinstance(drift, DriftParameters):
        found += _unknown(drift.columns, ahead, "drift.columns", features)
        given = [] if drift.given is None else [drift.given]
        found += _unknown(given, ahead, "drift.given", features)
    return found


def _of_weights(training: TrainingParameters, problem: Problem) -> list[str]:
    """Find an estimator that takes no weights where rows have some."""
    if problem.weight_column is None:
        return []
    try:
        weight_argument(make_pipeline(training.model))
    except ConfigurationError as error:
        return [f"training.model: {error}"]
    return []


def _of_named_columns(training: TrainingParameters, features: tuple[str, ...]) -> list[str]:
    """Find columns that the model names and that are no features."""
    groups = training.model.transformers
    found = []
    for group in groups:
        place = f"training.model.transformers: columns of '{group.name}'"
        found += _unknown(group.columns, set(features), place, features)
    if not groups:
        # Transformers may make the columns that the estimator names.
        named = sorted(named_columns(make_pipeline(training.model)))
        found += _unknown(named, set(features), "training.model.estimator", features)
    return found


def _of_errors(models: Mapping[str, Any], problem: Problem) -> list[str]:
    """Find errors by which a quantile, or anything else than a quantile, cannot be judged."""
    named: dict[str, str] = {}
    for name in ("evaluation", "retraining"):
        if name in models:
            named[f"{name}.gate.comparison"] = models[name].gate.comparison.metric
    if "policy" in models:
        for name, rule in models["policy"].rules.items():
            if isinstance(rule, PerformanceRule):
                named[f"policy.rules.{name}"] = rule.metric
    judged = "the middle" if problem.quantile is None else f"the quantile {problem.quantile:g}"
    return [
        f"{place}.metric: {metric} does not judge {judged} of the target, which problem.quantile "
        f"asks for; use {problem.error_metric}, or leave it out"
        for place, metric in named.items()
        if (metric == "pinball") != (problem.quantile is not None)
    ]


def _carried(problem: Problem) -> dict[str, None]:
    """Columns that stay beside the features until the row is judged."""
    weight = [] if problem.weight_column is None else [problem.weight_column]
    known = problem.columns_known_in_advance
    return dict.fromkeys([*problem.key_columns, *known, *weight, problem.target])


def _of_features(preprocessing: PreprocessingParameters, problem: Problem) -> list[str]:
    try:
        preprocessing.check(problem)
    except ConfigurationError as error:
        return [str(error)]
    found = []
    made = [name for name in preprocessing.made_names if name in OWN_COLUMNS]
    if made:
        found.append(
            f"{bounded_list(made)} would be overwritten by the columns of that name that "
            "predictions are stored with; choose other names"
        )
    return found


def _of_windows(
    windows: WindowParameters, columns: set[str] | None, place: str, problem: Problem
) -> list[str]:
    try:
        windows.check(problem, columns)
    except ConfigurationError as error:
        return [f"{place}.{error}"]
    return []


def _unknown(
    names: Iterable[str], allowed: set[str], place: str, features: tuple[str, ...]
) -> list[str]:
    # Without the preprocessing section the made features are not known, so nothing is said.
    wrong = [name for name in names if features and name not in allowed]
    return [f"{place}: {unknown_name('column', name, allowed, 40)}" for name in wrong[:3]]
