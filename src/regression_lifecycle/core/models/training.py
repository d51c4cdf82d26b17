"""Training: one scikit-learn Pipeline from configuration, scored in the order of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from pydantic import Field, model_validator

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.durations import Duration
from regression_lifecycle.core.errors import (
    ConfigurationError,
    DataContractError,
    ModelError,
    bounded_list,
    counted,
    unknown_name,
)
from regression_lifecycle.core.metrics import compute_metrics, main_metric
from regression_lifecycle.core.models import boosting
from regression_lifecycle.core.models.instantiate import build, check_set_value, load_class
from regression_lifecycle.core.models.requirements import refuse_unusable_rows
from regression_lifecycle.core.models.weights import weight_argument
from regression_lifecycle.core.progress import logged

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

OUT_OF_FOLD, FORMER, FOLD = "prediction", "former_prediction", "fold"
CONFIGURATION = "configuration_fingerprint"


class ObjectSpec(StrictModel):
    """A scikit-learn object: its import path and its parameters, which may be objects too."""

    class_path: str = Field(alias="class")
    params: dict[str, Any] = {}

    def as_dict(self) -> dict[str, Any]:
        """The specification as ``build`` of ``core/models/instantiate.py`` reads it."""
        return {"class": self.class_path, "params": self.params}

    @property
    def predictor_path(self) -> str:
        """Import path of the class that predicts: of a Pipeline that of its last step."""
        if self.class_path != "sklearn.pipeline.Pipeline":
            return self.class_path
        _, last = self.params["steps"][-1]
        return ObjectSpec.model_validate(last).predictor_path


class ColumnGroup(StrictModel):
    """Transformers for some columns, applied one after the other."""

    name: str
    columns: tuple[str, ...] = Field(min_length=1)
    steps: tuple[ObjectSpec, ...] = Field(min_length=1)


class TargetTransform(StrictModel):
    """Functions applied to the target before the fit and to the prediction after it."""

    function: str
    inverse: str


class ModelSpec(StrictModel):
    """The model: transformers per column group, an estimator, and what happens to the target.

    Attributes:
        transformers: What is done to groups of columns; other columns pass through.
        estimator: The regressor.
        target_transform: Functions around the fit and the prediction.
        seed: Seed of the ``random_state`` in the model that are left open, each the next number, so
            that the same data and configuration always give the same model.
    """

    transformers: tuple[ColumnGroup, ...] = ()
    estimator: ObjectSpec
    target_transform: TargetTransform | None = None
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _must_build(self) -> Self:
        # Built once here, so that a wrong name or value is answered before anything runs.
        make_pipeline(self)
        return self


class CrossValidation(StrictModel):
    """Expanding folds in the order of time (scikit-learn's ``TimeSeriesSplit``).

    Times are split and not rows, so that all series stand on one side.

    Attributes:
        n_splits: Number of folds.
        test_size: Times in each test fold, however many series have a row there; None makes all
            folds equal.
        gap: Time left out between training and test; None leaves out none.
    """

    n_splits: int = Field(5, ge=2, le=100)
    test_size: int | None = Field(None, ge=1)
    gap: Duration | None = None


class SearchSpec(StrictModel):
    """An optional search over parameters of the pipeline; its best result is what is fitted.

    Attributes:
        strategy: ``grid`` tries every combination, ``random`` draws ``n_iter`` of them.
        parameters: Lists of values by scikit-learn's names, for example ``estimator__alpha``.
        n_iter: Draws of a random search.
        seed: Seed of a random search.
    """

    strategy: Literal["grid", "random"] = "grid"
    parameters: dict[str, list[Any]] = Field(min_length=1)
    n_iter: int = Field(10, ge=1)
    seed: int = 0


class Compute(StrictModel):
    """What a fit may use of the machine, or of others.

    Attributes:
        threads: Native threads (OpenMP, BLAS) per fit. More than one is slower on busy cores.
        backend: joblib backend for folds, search and the models of a backtest: one after another,
            threads or processes of this machine, the workers of a Dask scheduler, or those of a Ray
            cluster.
        n_jobs: Workers of the backend; -1 takes all cores, or all workers.
        scheduler: Address of the Dask scheduler, or of the Ray cluster; None starts Ray on this
            machine.
    """

    threads: int = Field(1, ge=1)
    backend: Literal["sequential", "threading", "loky", "dask", "ray"] = "sequential"
    n_jobs: int = 1
    scheduler: str | None = None

    @model_validator(mode="after")
    def _scheduler_is_named_for_dask_alone(self) -> Self:
        if self.n_jobs == 0:
            raise ConfigurationError("n_jobs: 0 workers do nothing; 1 is one, -1 all")
        if self.backend == "dask" and not self.scheduler:
            raise ConfigurationError(
                "backend 'dask' needs a scheduler, such as tcp://127.0.0.1:8786"
            )
        return self

    @property
    def of_worker(self) -> Compute:
        """What a fit may use that is one of several already."""
        return self.model_copy(update={"backend": "sequential", "n_jobs": 1})

    @property
    def return_as(self) -> str:
        """How joblib hands results over: as they come, where the backend can."""
        return "list" if self.backend == "ray" else "generator"


class TrainingParameters(StrictModel):
    """Everything that decides what is trained.

    Attributes:
        model: Estimator and transformers.
        cross_validation: The folds.
        search: Parameters that are tried; None tries none.
        compute: Where it is computed.
    """

    model: ModelSpec
    cross_validation: CrossValidation = CrossValidation()
    search: SearchSpec | None = None
    compute: Compute = Compute()

    @model_validator(mode="after")
    def _search_names_exist(self) -> Self:
        if self.search is not None:
            model = make_pipeline(self.model)
            known = model.get_params()
            for name, values in self.search.parameters.items():
                if name not in known:
                    raise ConfigurationError(
                        f"search.parameters: {unknown_name('parameter', name, known, 60)}"
                    )
                for value in values:
                    check_set_value(model, name, value, f"search.parameters.{name}")
        return self


def make_pipeline(spec: ModelSpec) -> Pipeline:
    """Build the unfitted Pipeline of a specification.

    Args:
        spec: Transformers, estimator and target transform.

    Returns:
        A Pipeline with the steps ``columns`` and ``estimator``. Columns in no group pass
        through; frames stay frames, so that an estimator can find its columns by name.

    Raises:
        ConfigurationError: If an object cannot be built.
    """
    from sklearn.base import is_regressor
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
    from sklearn.pipeline import Pipeline

    groups = [
        (
            group.name,
            Pipeline(
                [
                    (f"step_{index}", build(step.as_dict(), f"transformers.{group.name}[{index}]"))
                    for index, step in enumerate(group.steps)
                ]
            ),
            list(group.columns),
        )
        for group in spec.transformers
    ]
    load_class(spec.estimator.class_path, "estimator")
    estimator = build(spec.estimator.as_dict(), "estimator")
    if not (hasattr(estimator, "predict") and is_regressor(estimator)):
        raise ConfigurationError(f"estimator: {spec.estimator.class_path} is not a regressor")
    if spec.target_transform is not None:
        estimator = TransformedTargetRegressor(
            estimator,
            func=build({"function": spec.target_transform.function}, "target_transform"),
            inverse_func=build({"function": spec.target_transform.inverse}, "target_transform"),
        )
    columns = ColumnTransformer(groups, remainder="passthrough", verbose_feature_names_out=False)
    columns.set_output(transform="pandas")
    model = Pipeline([("columns", columns), ("estimator", estimator)])
    left_open = [
        name
        for name, value in model.get_params().items()
        if name.rpartition("__")[2] == "random_state" and value is None
    ] + boosting.seeds_left_open(model)
    # Members of a blend must not draw alike, so each takes the next number.
    return model.set_params(**{name: spec.seed + k for k, name in enumerate(sorted(left_open))})


@contextmanager
def compute_limits(compute: Compute) -> Iterator[None]:
    """Hold native threads and joblib to the configured limits while the block runs.

    Args:
        compute: The limits.
    """
    import joblib
    from threadpoolctl import threadpool_limits

    with (
        threadpool_limits(limits=compute.threads),
        joblib.parallel_config(backend=compute.backend, n_jobs=compute.n_jobs),
    ):
        yield


def cross_validate(
    model: Pipeline,
    features: pd.DataFrame,
    target: pd.Series,
    moments: pd.Series,
    parameters: TrainingParameters,
    quantile: float | None = None,
    weight: pd.Series | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score a model on later rows than it was fitted on, fold by fold.

    Args:
        model: Unfitted model; it is cloned, never fitted itself.
        features: Features in the order of time.
        target: Target of the same rows.
        moments: Timestamps of the same rows; rows of one time stay together.
        parameters: Folds and compute limits.
        quantile: The quantile that is predicted; None for a mean.
        weight: How much each of the rows counts; None weighs all alike.

    Returns:
        Scores, one row per fold: ``fold``, ``n_train``, ``n`` and the metrics. Out-of-fold
        predictions on the index of ``features``: ``prediction``, NaN for rows that were in no test
        fold; ``former_prediction``, what the model of the fold before says of the same rows, NaN
        also in the first fold; and ``fold``, 0 for rows in none.

    Raises:
        DataContractError: If there are too few times for the folds.
        ModelError: If the rows, or those of the first fold, cannot be used.
    """
    import joblib

    folds = _folds(moments, parameters.cross_validation, weight)
    first, _ = folds[0]
    refuse_unusable_rows(model, features.iloc[first], target)
    none = np.array([], dtype="int64")
    next_tests = [*(test for _, test in folds[1:]), none]
    alone = parameters.compute.of_worker
    with compute_limits(parameters.compute):
        fits = joblib.Parallel(return_as=parameters.compute.return_as)(
            joblib.delayed(_fit_and_predict)(
                model, features, target, weight, (train, np.append(test, later)), alone
            )
            for (train, test), later in zip(folds, next_tests, strict=True)
        )
        predicted = list(logged(fits, "fold", len(folds)))
    out_of_fold = pd.DataFrame({OUT_OF_FOLD: np.nan, FORMER: np.nan, FOLD: 0}, index=features.index)
    rows = []
    former = none.astype("float64")
    for number, ((train, test), said) in enumerate(zip(folds, predicted, strict=True), start=1):
        values = said[: len(test)]
        out_of_fold.iloc[test, 0], out_of_fold.iloc[test, 2] = values, number
        if len(former):
            out_of_fold.iloc[test, 1] = former
        former = said[len(test) :]
        counted = None if weight is None else weight.iloc[test]
        scores = compute_metrics(target.iloc[test], values, quantile, counted)
        rows.append({"fold": number, "n_train": len(train), **scores})
    table = pd.DataFrame(rows)
    return table.astype({"fold": "int64", "n_train": "int64", "n": "int64"}), out_of_fold


def search_parameters(
    model: Pipeline,
    features: pd.DataFrame,
    target: pd.Series,
    moments: pd.Series,
    parameters: TrainingParameters,
    quantile: float | None = None,
    weight: pd.Series | None = None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Look for better parameters on the folds of the cross-validation, by RMSE or pinball loss.

    Args:
        model: Unfitted model.
        features: Features in the order of time.
        target: Target of the same rows.
        moments: Timestamps of the same rows.
        parameters: The search; none of it gives no parameters and an empty table.
        quantile: The quantile that is predicted; None for a mean.
        weight: How much each of the rows counts; None weighs all alike.

    Returns:
        The best parameters, to be set on the model, and one row per trial with its parameters,
        ``rmse`` or ``pinball`` (mean over folds) and ``rank``.
    """
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

    search, name_of_error = parameters.search, main_metric(quantile)
    if search is None:
        return {}, pd.DataFrame({"rank": [], name_of_error: []})
    folds = _folds(moments, parameters.cross_validation, weight)
    first, _ = folds[0]
    refuse_unusable_rows(model, features.iloc[first], target)
    model = boosting.with_threads(clone(model), parameters.compute.threads)
    # Weights are found by the index.
    features, target = features.reset_index(drop=True), target.reset_index(drop=True)
    weight = None if weight is None else weight.reset_index(drop=True)
    shared = {"scoring": scoring(quantile, weight), "cv": folds, "refit": False}
    if search.strategy == "grid":
        trials = GridSearchCV(model, search.parameters, **shared)
    else:
        trials = RandomizedSearchCV(
            model, search.parameters, n_iter=search.n_iter, random_state=search.seed, **shared
        )
    with compute_limits(parameters.compute):
        trials.fit(features, target, **_weights(model, weight))
    results = trials.cv_results_
    table = pd.DataFrame(
        {
            "rank": results["rank_test_score"],
            name_of_error: -results["mean_test_score"],
            **{name: [str(p[name]) for p in results["params"]] for name in search.parameters},
        }
    )
    best = results["params"][int(np.argmin(results["rank_test_score"]))]
    return dict(best), table.sort_values("rank", kind="stable").reset_index(drop=True)


def scoring(
    quantile: float | None, weight: pd.Series | None = None
) -> Callable[[Any, pd.DataFrame, pd.Series], float]:
    """Return what scikit-learn is to score models by: minus RMSE, or minus pinball loss.

    Args:
        quantile: The quantile that is predicted; None for a mean.
        weight: How much rows count, found by the index of the features, which scikit-learn hands
            to no scorer of its own; None weighs all alike.
    """
    return partial(_negative_error, quantile=quantile, weight=weight)


def _negative_error(
    fitted: Any,
    features: pd.DataFrame,
    target: pd.Series,
    *,
    quantile: float | None,
    weight: pd.Series | None,
) -> float:
    counted = None if weight is None else weight.loc[features.index]
    found = compute_metrics(target, fitted.predict(features), quantile, counted)
    return -found[main_metric(quantile)]


def fit(
    model: Pipeline,
    features: pd.DataFrame,
    target: pd.Series,
    compute: Compute,
    weight: pd.Series | None = None,
) -> Pipeline:
    """Fit a clone of the model on all given rows.

    Args:
        model: Unfitted model; it stays unfitted.
        features: Features.
        target: Target of the same rows.
        compute: Limits of the fit.
        weight: How much each of the rows counts, above 0; None weighs all alike. Weights reach
            the estimator as they stand.

    Returns:
        The fitted clone.

    Raises:
        ModelError: If the estimator cannot be fitted on these rows.
    """
    refuse_unusable_rows(model, features, target)
    with compute_limits(compute):
        return _fitted_clone(model, features, target, weight, compute)


def _folds(
    moments: pd.Series, parameters: CrossValidation, weight: pd.Series | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    from sklearn.model_selection import TimeSeriesSplit

    place, times = pd.factorize(moments, sort=True)
    splitter = TimeSeriesSplit(n_splits=parameters.n_splits, test_size=parameters.test_size)
    few = f"{counted(len(times), 'time')} of training: too few for training.cross_validation"
    try:
        tests = [test for _, test in splitter.split(np.empty((len(times), 1)))]
    except ValueError as error:
        raise DataContractError(f"{few}: {error}") from None
    ends = [times[test[0]] - (parameters.gap or pd.Timedelta(0)) for test in tests]
    trains = pd.Series(True, index=moments.index) if weight is None else weight > 0
    folds = [
        (
            np.flatnonzero(trains & (moments < end)),
            np.flatnonzero((place >= test[0]) & (place <= test[-1])),
        )
        for end, test in zip(ends, tests, strict=True)
    ]
    if not len(folds[0][0]):
        raise DataContractError(
            f"{few}: none lies before the first of {len(folds)} test folds and the gap. Take fewer "
            "n_splits, or a smaller gap"
        )
    return folds


def _fit_and_predict(
    model: Pipeline,
    features: pd.DataFrame,
    target: pd.Series,
    weight: pd.Series | None,
    fold: tuple[np.ndarray, np.ndarray],
    compute: Compute,
) -> np.ndarray:
    train, test = map(_stretch, fold)
    weight = None if weight is None else weight.iloc[train]
    fitted = _fitted_clone(model, features.iloc[train], target.iloc[train], weight, compute)
    return np.asarray(fitted.predict(features.iloc[test]), dtype="float64")


def _stretch(rows: np.ndarray) -> np.ndarray | slice:
    """Name rows that follow each other by a slice, which takes no copy of them."""
    if len(rows) and (np.diff(rows) == 1).all():
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def _fitted_clone(
    model: Pipeline,
    features: pd.DataFrame,
    target: pd.Series,
    weight: pd.Series | None,
    compute: Compute,
) -> Pipeline:
    from sklearn.base import clone

    unfitted = boosting.with_threads(clone(model), compute.threads)
    try:
        return unfitted.fit(features, target, **_weights(model, weight))
    except Exception as error:
        if not boosting.is_refusal(error):
            raise
        first_line = boosting.message_of(error).splitlines()[0]
        mend = _mend(first_line, features)
        raise ModelError(f"the model cannot be fitted: {first_line}{mend}") from error


def _weights(model: Pipeline, weight: pd.Series | None) -> dict[str, pd.Series]:
    return {} if weight is None else {weight_argument(model): weight}


def _mend(message: str, features: pd.DataFrame) -> str:
    """What to do about a column that the estimator cannot take."""
    blank = [name for name in features.columns if features[name].isna().any()]
    if "NaN" in message and blank:
        return (
            f" Missing values stand in {bounded_list(blank)}: an estimator that cannot take them "
            "needs an imputer under training.model.transformers."
        )
    text = [name for name in features.columns if not is_numeric_dtype(features[name])]
    # In the words of scikit-learn, LightGBM and XGBoost, CatBoost.
    refusals = ("could not convert string", "dtypes", "to float")
    if text and any(words in message for words in refusals):
        return (
            f" Text stands in {bounded_list(text)}: put CategoryEncoder before the estimator, as "
            "docs/how-to/change-the-model.md does."
        )
    if "feature name" in message.replace("_", " "):
        return (
            " Put CategoryEncoder before the estimator, as docs/how-to/change-the-model.md does: "
            "it hands numbers on without the names of their columns."
        )
    return ""
