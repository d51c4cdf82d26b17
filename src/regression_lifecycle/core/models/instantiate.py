"""Building scikit-learn objects from configuration.

An object is written as ``{class: import.path.Name, params: {...}}``, nested at will; lists and
mappings are walked. Which packages may be named is code and never configuration, because an
import path from a file is otherwise a way to run anything.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
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
# Parts of the allowed packages that are not made for use: private, copied in, tests.
_NOT_FOR_USE = re.compile(r"(^|\.)(_|tests?\.|test_|conftest|externals\.)")
# The libraries of boosted trees declare no types; with them a text that is a path or has an ending
# is a file, and so is whatever is given to what they call one.
_FILE = re.compile(r"[/\\\x00~]|^\.\.?$|\.[A-Za-z]\w*$")
_OF_COLUMNS = re.compile("feature|column|interaction|monoton")
_OF_FILES = re.compile(
    r"file|path|(^|_)dir(_|$)|borders|snapshot|(input|output|convert)_(model|result)|^(config|data)$"
    r"|^(valid|test|train)(_data)?$|save_binary|^allow_writing|^callbacks$"
)


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
    if _NOT_FOR_USE.search(path):
        raise ConfigurationError(f"{place}: '{path}' is a private part of its package")
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
    if not _is_part_of_a_model(found):
        raise ConfigurationError(
            f"{place}: '{path}' is no part of a model: neither an estimator nor a split of rows"
        )
    return found


def check_set_value(model: Any, name: str, value: Any, place: str) -> None:
    """Refuse a value of a search as :func:`check_value` does.

    Args:
        model: The unfitted model.
        name: A parameter as scikit-learn names those of parts: ``estimator__alpha``.
        value: What it is to be given.
        place: Where the value stands, for the error message.

    Raises:
        ConfigurationError: If the parameter must not have it.
    """
    part, _, own = name.rpartition("__")
    check_value(model.get_params()[part] if part else model, own, value, place)


def check_value(owner: Any, name: str, value: Any, place: str) -> None:
    """Refuse a value with which a parameter would read or write files.

    A pickle that lies where a cache is said to be runs code, so a path in a configuration is a
    way to run anything, as an import path is.

    Args:
        owner: The class that has the parameter, or an object of it.
        name: The parameter.
        value: What it is given.
        place: Where the value stands, for the error message.

    Raises:
        ConfigurationError: If scikit-learn declares the parameter as a cache, or one of the
            libraries of boosted trees takes the value for a file.
    """
    if value is None or value is False:
        return
    declared = getattr(owner, "_parameter_constraints", None) or {}
    if any("cache" in getattr(one, "methods", ()) for one in _listed(declared.get(name))):
        raise ConfigurationError(f"{place}: a cache must not be configured; leave it out")
    # scikit-learn's vectorizers open what the rows name.
    is_file = name == "input" and value == "filename"
    if boosting.library_of(owner) and not _OF_COLUMNS.search(name):
        is_file = bool(_OF_FILES.search(name) or any(map(_FILE.search, _texts(value))))
    if is_file:
        raise ConfigurationError(
            f"{place}: a parameter that reads or writes files must not be configured; leave it out"
        )


def _listed(declared: Any) -> list[Any]:
    return declared if isinstance(declared, list) else []


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)


def _is_part_of_a_model(found: type) -> bool:
    return (
        any(hasattr(found, name) for name in ("get_params", "get_n_splits"))
        # Chooses columns inside of a ColumnTransformer.
        or found.__name__ == "make_column_selector"
    )


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
    for key, value in arguments.items():
        check_value(cls, key, value, f"{place}.params.{key}")
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
