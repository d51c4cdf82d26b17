"""Building scikit-learn objects from configuration.

An object is written as ``{class: import.path.Name, params: {...}}``, nested at will; lists and
mappings are walked. Which packages may be named is code and never configuration, because an
import path from a file is otherwise a way to run anything.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any, TypeGuard

from regression_lifecycle.core.errors import ConfigurationError, bounded_list, unknown_name
from regression_lifecycle.core.models import boosting

ALLOWED_PACKAGES = (
    "sklearn.",
    *(f"{library}." for library in boosting.LIBRARIES),
    "regression_lifecycle.core.estimators.",
)
# The functions that FunctionTransformer and TransformedTargetRegressor may be given.
ALLOWED_FUNCTIONS = frozenset(
    {"numpy.log", "numpy.log1p", "numpy.exp", "numpy.expm1", "numpy.sqrt", "numpy.square"}
)
_KEYS = frozenset({"class", "params"})


def build(spec: Any, place: str = "spec") -> Any:
    """Build the object that a specification describes.

    Args:
        spec: A mapping with ``class``, a mapping with ``function``, a list, or a plain value.
        place: Where the specification stands, for the error message.

    Returns:
        The object; lists become lists and plain values stay as they are.

    Raises:
        ConfigurationError: If a name is not allowed, unknown, or given wrong parameters.
    """
    if isinstance(spec, dict) and "function" in spec:
        return _function(spec, place)
    if isinstance(spec, dict) and "class" in spec:
        unknown = sorted(set(spec) - _KEYS)
        if unknown:
            raise ConfigurationError(f"{place}: {unknown_name('key', unknown[0], _KEYS)}")
        return _instance(spec["class"], spec.get("params") or {}, place)
    if isinstance(spec, dict):
        return {key: build(value, f"{place}.{key}") for key, value in spec.items()}
    if isinstance(spec, list | tuple):
        made = [build(value, f"{place}[{index}]") for index, value in enumerate(spec)]
        return tuple(made) if _is_named_step(made) else made
    return spec


def _is_named_step(items: list[Any]) -> bool:
    # scikit-learn writes steps as tuples (name, object[, columns]); YAML knows only lists.
    return (
        len(items) in (2, 3)
        and isinstance(items[0], str)
        and (hasattr(items[1], "get_params") or items[1] in ("passthrough", "drop"))
    )


def load_class(path: Any, place: str) -> type:
    """Import a class from the allow-listed packages.

    Args:
        path: Dotted import path.
        place: Where the path stands, for the error message.

    Returns:
        The class.

    Raises:
        ConfigurationError: If the path is not allowed or there is no such class.
    """
    if not isinstance(path, str) or not path.startswith(ALLOWED_PACKAGES):
        whole = (
            "" if "." in str(path) else "; write its whole path, such as sklearn.linear_model.Ridge"
        )
        raise ConfigurationError(
            f"{place}: '{path}' is not in an allowed package{whole}. Allowed: "
            f"{bounded_list(package + '*' for package in ALLOWED_PACKAGES)}"
        )
    module_name, _, name = path.rpartition(".")
    try:
        module = import_module(module_name)
    # A library in C++ whose own libraries are missing raises what it likes.
    except (ImportError, OSError, ValueError) as error:
        library = module_name.partition(".")[0]
        mend = (
            f". It is in the extra '{boosting.EXTRA}': uv sync --extra {boosting.EXTRA}"
            if library in boosting.LIBRARIES and getattr(error, "name", None) == library
            else ""
        )
        raise ConfigurationError(f"{place}: cannot import '{module_name}': {error}{mend}") from None
    found: object = getattr(module, name, None)
    if not _is_own_class(found):
        classes = [
            key
            for key, value in vars(module).items()
            if _is_own_class(value) and not key.startswith("_")
        ]
        raise ConfigurationError(
            f"{place}: {unknown_name('class', name, classes)} (in {module_name})"
        )
    return found


def _is_own_class(found: Any) -> TypeGuard[type]:
    # An allowed module also holds what it imports from elsewhere, which is not allowed with it.
    return inspect.isclass(found) and f"{found.__module__}.".startswith(ALLOWED_PACKAGES)


def _function(spec: dict[str, Any], place: str) -> Any:
    path = spec["function"]
    if set(spec) != {"function"} or str(path) not in ALLOWED_FUNCTIONS:
        raise ConfigurationError(f"{place}: {unknown_name('function', path, ALLOWED_FUNCTIONS)}")
    module_name, _, name = path.rpartition(".")
    return getattr(import_module(module_name), name)


def _instance(path: Any, params: Any, place: str) -> Any:
    cls = load_class(path, place)
    if not isinstance(params, dict):
        raise ConfigurationError(f"{place}.params: must be a mapping of names to values")
    try:
        signature = inspect.signature(cls)
    except ValueError:  # a compiled class that states no parameters
        raise ConfigurationError(f"{place}: {path} cannot be built from configuration") from None
    stated = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    open_ended = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    names = boosting.parameter_names(cls, stated) if open_ended else stated
    for name in params:
        if names is not None and name not in names:
            raise ConfigurationError(
                f"{place}.params: {unknown_name('parameter', name, names, 40)} (of {path})"
            )
    arguments = {key: build(value, f"{place}.params.{key}") for key, value in params.items()}
    try:
        made = cls(**boosting.quiet_parameters(cls, arguments))
        _check_ranges(made)
    except ConfigurationError:
        raise
    except Exception as error:
        if not (isinstance(error, TypeError) or boosting.is_refusal(error)):
            raise
        raise ConfigurationError(f"{place}: {path}: {boosting.message_of(error)}") from None
    return made


def _check_ranges(made: Any) -> None:
    from sklearn.base import is_regressor

    # scikit-learn checks parameters at the first line of ``fit``, minutes into a run. The same
    # check is asked for here, so that a wrong value is answered at start-up.
    # Estimators from elsewhere, our own among them, inherit the check without saying any ranges.
    if hasattr(made, "_parameter_constraints"):
        made._validate_params()
    if boosting.library_of(made) and is_regressor(made):
        boosting.try_out(made)
