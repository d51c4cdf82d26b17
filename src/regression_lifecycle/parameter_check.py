"""All parameters are read by their typed models before anything else happens.

Kedro reads typed parameters itself, but only after the plugins have opened the tracking
database; a mistyped value should leave no trace at all. Its messages are also those of pydantic,
with the types of the input and a link; here they are one line each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kedro.pipeline import Pipeline
from kedro.validation.type_extractor import TypeExtractor
from pydantic import BaseModel, ValidationError

from regression_lifecycle.core.drift_check import DriftCheckParameters
from regression_lifecycle.core.errors import ConfigurationError, unknown_name
from regression_lifecycle.core.evaluation import EvaluationParameters
from regression_lifecycle.core.monitoring import MonitoringParameters, read_as_of
from regression_lifecycle.core.preprocessing import PreprocessingParameters
from regression_lifecycle.core.problem import Problem

AS_OF = "as_of"


def check_parameters(
    raw: Mapping[str, Any],
    runtime: Iterable[str],
    pipelines: Mapping[str, Pipeline],
    configured: Iterable[str],
) -> None:
    """Check the parameters that some pipelines use.

    Args:
        raw: All parameters, the runtime ones merged in.
        runtime: Top-level names given at the command line.
        pipelines: The pipelines that are about to run, by name.
        configured: Top-level names that stand in files.

    Raises:
        ConfigurationError: With one line per mistake.
    """
    required = TypeExtractor(dict(pipelines)).extract_types_from_pipelines()
    used = _parameter_names(pipelines.values())
    known = used | set(configured)
    mistakes = [unknown_name("parameter", name, known) for name in runtime if name not in known]
    mistakes += [
        f"{name} is used by none of the pipelines that are to run ({', '.join(pipelines)}); leave "
        "it out"
        for name in runtime
        if name in known and name not in used
    ]
    mistakes += [
        f"{name} is not configured; add it to a parameters_*.yml"
        for name in sorted(used)
        if name not in raw
    ]
    models: dict[str, Any] = {}
    for name, model in required.items():
        if name in raw and isinstance(model, type) and issubclass(model, BaseModel):
            try:
                models[name] = model.model_validate(raw[name])
            except ValidationError as error:
                mistakes += _lines(name, error, raw[name])
    if AS_OF in used:
        try:
            read_as_of(raw.get(AS_OF))
        except ConfigurationError as error:
            mistakes.append(f"{AS_OF}: {error}")
    if not mistakes:
        mistakes = _contradictions({**_features(raw), **models})
    if mistakes:
        raise ConfigurationError("\n".join(f"  {line}" for line in mistakes))


def _parameter_names(pipelines: Iterable[Pipeline]) -> set[str]:
    inputs = {name for pipeline in pipelines for name in pipeline.all_inputs()}
    return {
        name.removeprefix("params:").split(".")[0] for name in inputs if name.startswith("params:")
    }


def _lines(name: str, error: ValidationError, section: Any) -> list[str]:
    found = error.errors(include_url=False)
    lines = []
    for mistake in found:
        place = mistake["loc"]
        # A sequence whose items are wrong is said to be empty as well.
        depth = len(place)
        inside = any(len(o["loc"]) > depth and o["loc"][:depth] == place for o in found)
        if mistake["type"] == "too_short" and inside:
            continue
        text = mistake["msg"].removeprefix("Value error, ")
        path = ".".join((name, *_path_in_file(place, section)))
        lines.append(f"{path}: {text[0].lower()}{text[1:]}")
    return lines


def _path_in_file(place: Iterable[Any], section: Any) -> Iterator[str]:
    for part in place:
        # The tag of a union stands in pydantic's path, but in the file it is a value.
        if isinstance(section, Mapping) and part not in section and part in section.values():
            continue
        yield str(part)
        try:
            section = section[part]
        except (KeyError, IndexError, TypeError):
            section = None


def _features(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Read which features there are, for pipelines that only name them."""
    try:
        return {"preprocessing": PreprocessingParameters.model_validate(raw["preprocessing"])}
    except (KeyError, ValidationError):
        return {}


def _contradictions(models: Mapping[str, Any]) -> list[str]:
    """Find values that are right alone and wrong together."""
    problem = models.get("problem")
    if not isinstance(problem, Problem):
        return []
    found = []
    preprocessing = models.get("preprocessing")
    features: tuple[str, ...] = ()
    if isinstance(preprocessing, PreprocessingParameters):
        features = preprocessing.feature_names
        try:
            preprocessing.check(problem)
        except ConfigurationError as error:
            found.append(f"preprocessing.features: {error}")
    ahead = set(problem.ahead_columns) | set(features)
    evaluation = models.get("evaluation")
    if isinstance(evaluation, EvaluationParameters):
        found += _unknown(evaluation.segments, ahead, "evaluation.segments", features)
        season = evaluation.baseline.season
        if season is not None and season < problem.horizon:
            found.append(
                f"evaluation.baseline.season: {season} is shorter than problem.horizon "
                f"{problem.horizon}, so those values are not known yet"
            )
    monitoring = models.get("monitoring")
    if isinstance(monitoring, MonitoringParameters):
        column = monitoring.windows.column
        if column is not None and column not in problem.columns:
            name = unknown_name("column", column, problem.columns, 40)
            found.append(f"monitoring.windows.column: {name}")
    drift = models.get("drift_check")
    if isinstance(drift, DriftCheckParameters):
        found += _unknown(drift.columns, ahead, "drift_check.columns", features)
    return found


def _unknown(
    names: Iterable[str], allowed: set[str], place: str, features: tuple[str, ...]
) -> list[str]:
    # Without the preprocessing section the made features are not known, so nothing is said.
    wrong = [name for name in names if features and name not in allowed]
    return [f"{place}: {unknown_name('column', name, allowed, 40)}" for name in wrong[:3]]
