"""What LightGBM, XGBoost and CatBoost need besides what every scikit-learn regressor is given.

None of them is imported here before a model names it: they are an extra of the installation.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterable, Mapping
from importlib.metadata import packages_distributions, version
from typing import Any

import numpy as np

from regression_lifecycle.core.trusted_types import TRUSTED_TYPES

LIBRARIES = ("lightgbm", "xgboost", "catboost")
EXTRA = "boosting"

# What is said where the configuration says none of the names: no chatter, no files beside a run.
_QUIET: dict[str, tuple[tuple[frozenset[str], dict[str, Any]], ...]] = {
    "lightgbm": ((frozenset({"verbosity", "verbose"}), {"verbosity": -1}),),
    "catboost": (
        (
            frozenset({"verbose", "logging_level", "verbose_eval", "silent"}),
            {"logging_level": "Silent"},
        ),
        (frozenset({"allow_writing_files"}), {"allow_writing_files": False}),
    ),
}
_THREADS = {
    "lightgbm": ("n_jobs", "num_threads", "num_thread", "nthread", "nthreads"),
    "xgboost": ("n_jobs", "nthread"),
    "catboost": ("thread_count",),
}
_SEEDS = ("random_state", "random_seed", "seed")
_TREES = frozenset(
    {
        *("n_estimators", "iterations", "num_iterations", "num_iteration", "n_iter", "max_iter"),
        *("num_boost_round", "num_trees", "num_tree", "num_round", "num_rounds", "nrounds"),
    }
)
# They speak of columns, of which the trial has one.
_OF_COLUMNS = re.compile("feature|column|interaction|monoton|forced|^mc|contri")
_OF_STOPPING = re.compile("^early_stopping|^od_|^n_iter_no_change$")
# "[10:20:30] /src/learner.cc:7: " and the like say nothing to who wrote the configuration.
_PLACE = re.compile(r"^(\[[\d:]+\] )?\S+\.(?:cpp|cc|cu|h|pyx):\d+: | at /\S+, line \d+ ?\.?$")


def library_of(found: Any) -> str:
    """Return which of the libraries an object, a class or an error is from; empty for none."""
    cls = found if isinstance(found, type) else type(found)
    # The compiled part of CatBoost is called _catboost.
    root = cls.__module__.partition(".")[0].removeprefix("_")
    return root if root in LIBRARIES else ""


def used_libraries(estimator: Any) -> tuple[str, ...]:
    """Return the libraries that an estimator is made with, in the order of :data:`LIBRARIES`.

    Args:
        estimator: A scikit-learn estimator, fitted or not.
    """
    found = {library_of(part) for _, part in _parts(estimator)}
    return tuple(name for name in LIBRARIES if name in found)


def distribution_versions(libraries: Iterable[str]) -> dict[str, str]:
    """Return the installed versions by the name of what was installed, such as xgboost-cpu."""
    wanted = list(libraries)
    # Reads the files of every installed package.
    known = packages_distributions() if wanted else {}
    return {known[name][0]: version(known[name][0]) for name in wanted}


def quiet_parameters(cls: type, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a class with those that silence it, where none of them is given."""
    if not cls.__name__.endswith("Regressor"):
        return dict(parameters)
    added: dict[str, Any] = {}
    for names, values in _QUIET.get(library_of(cls), ()):
        if not names & set(parameters):
            added |= values
    return {**parameters, **added}


def parameter_names(cls: type, stated: Iterable[str]) -> list[str] | None:
    """Return every parameter that a class knows by name.

    Args:
        cls: A class of one of the libraries that takes any keyword.
        stated: The names of its signature.

    Returns:
        The names; None where the library has no list of them, and only a trial tells.
    """
    if library_of(cls) != "lightgbm":
        return None
    from lightgbm.basic import _ConfigAliases

    native = _ConfigAliases._get_all_param_aliases().values()
    return sorted({*stated, *(name for names in native for name in names)})


def try_out(made: Any) -> None:
    """Fit one tree on a few rows, since the libraries look at their parameters nowhere else.

    Args:
        made: An unfitted regressor of one of the libraries.

    Raises:
        ValueError: If it refuses a value or does not know a parameter.
    """
    cls = type(made)
    if f"{cls.__module__}.{cls.__qualname__}" not in TRUSTED_TYPES:
        raise ValueError("a model of this class could not be stored (core/trusted_types.py)")
    given = {name: value for name, value in made.get_params().items() if value is not None}
    stopping = [name for name in given if _OF_STOPPING.search(name)]
    if stopping:
        raise ValueError(
            f"{stopping[0]} needs rows to stop at: wrap it in "
            "regression_lifecycle.core.estimators.EarlyStoppingRegressor"
        )
    parameters = {name: value for name, value in given.items() if not _OF_COLUMNS.search(name)}
    trees = [name for name in parameters if name in _TREES]
    refused = [name for name in trees if not _is_positive(parameters[name])]
    if refused:
        raise ValueError(
            f"{refused[0]} must be a whole number from 1, not {parameters[refused[0]]!r}"
        )
    trial = with_threads(cls(**{**parameters, **dict.fromkeys(trees, 1)}), 1)
    share = np.linspace(0.1, 0.9, 40)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            predicted = trial.fit(share[:, None], share).predict(share[:, None])
        except Exception as error:
            if is_refusal(error):
                raise ValueError(message_of(error)) from None
            raise
    if np.shape(predicted) != share.shape:
        raise ValueError(f"it predicts {np.shape(predicted)[1]} values per row; one is needed")
    unused = [re.search(r'Parameters: \{ "(\w+)"', str(each.message)) for each in caught]
    for found in filter(None, unused):
        raise ValueError(f"unknown parameter '{found[1]}', or one that this objective does not use")


def is_refusal(error: Exception) -> bool:
    """Return whether an error is an estimator's answer to its rows or parameters."""
    return isinstance(error, ValueError) or bool(library_of(error))


def message_of(error: Exception) -> str:
    """Return an error's message: of a library its first line, without the place in its code."""
    text = str(error).strip()
    return _PLACE.sub("", text.partition("\n")[0]).strip() if library_of(error) else text


def seeds_left_open(estimator: Any) -> list[str]:
    """Return the names of seeds that CatBoost does not list among its parameters until given."""
    return [
        f"{name}__random_state" if name else "random_state"
        for name, part in _parts(estimator)
        if library_of(part) == "catboost" and not set(_SEEDS) & set(part.get_params())
    ]


def with_threads(estimator: Any, threads: int) -> Any:
    """Give the native threads of a fit to the libraries that do not ask OpenMP for them.

    Args:
        estimator: An unfitted estimator; it is changed.
        threads: Number of threads where the configuration gives none.

    Returns:
        The estimator.
    """
    for _, part in _parts(estimator):
        names = _THREADS.get(library_of(part))
        if names and all(part.get_params().get(name) is None for name in names):
            part.set_params(**{names[0]: threads})
    return estimator


def store_natively() -> None:
    """Let skops store XGBoost's boosters in XGBoost's own format.

    LightGBM's and CatBoost's state is their own format already. XGBoost's is a snapshot of its
    memory, which another release need not read, and may read wrongly.
    """
    if "xgboost" not in sys.modules:
        return
    import json

    from skops.io._utils import _get_state, get_state
    from xgboost import Booster

    def state(booster: Booster, context: Any) -> dict[str, Any]:
        config = json.loads(booster.save_config())["learner"]["generic_param"]
        arguments = ({"nthread": config["nthread"]}, (), booster.save_raw("ubj"))
        return {
            "__class__": "Booster",
            "__module__": "xgboost.core",
            "__loader__": "ConstructorFromReduceNode",
            "content": get_state(arguments, context),
        }

    _get_state.register(Booster)(state)


def _parts(estimator: Any) -> list[tuple[str, Any]]:
    """The estimator and all that it is made of, by scikit-learn's names."""
    found = [("", estimator)]
    if hasattr(estimator, "get_params"):
        found += [(k, v) for k, v in estimator.get_params().items() if hasattr(v, "get_params")]
    return found


def _is_positive(value: Any) -> bool:
    return isinstance(value, int) and value > 0
