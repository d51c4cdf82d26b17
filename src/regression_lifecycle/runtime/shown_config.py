"""The resolved configuration as text, for people and for scripts that need one address of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from kedro.config import MissingConfigException

from regression_lifecycle.core.errors import ConfigurationError, unknown_name
from regression_lifecycle.core.scrubbing import scrub
from regression_lifecycle.runtime.config_loader import leaves

PARAMETERS = "parameters"
SPARK = "spark"
KINDS = (PARAMETERS, "globals", "catalog", "mlflow", SPARK)


def show_config(project: Path, env: str | None, conf_source: str | None, key: str) -> str:
    """Write a part of the configuration as a run reads it.

    Args:
        project: The project's folder, bootstrapped already.
        env: Environments under ``conf/``; None for the default.
        conf_source: Another configuration folder or archive.
        key: Dotted; the first part is one of :data:`KINDS`, or a section of the parameters.

    Returns:
        A single value as it is; of a section one line per value, with the file that a parameter
        comes from, or that it was derived. Passwords are left out.

    Raises:
        ConfigurationError: If nothing is there under the key.
    """
    from regression_lifecycle.runtime.session import LifecycleSession

    session: Any = LifecycleSession.create(project_path=project, env=env, conf_source=conf_source)
    loader = session._get_config_loader()
    kind, *parts = key.split(".")
    value: Any = _read(loader, kind if kind in KINDS else PARAMETERS)
    if kind == SPARK and parts:
        # Its names have dots, and the kind in front.
        parts = [key]
    if kind not in KINDS:
        if kind not in value:
            names = (*KINDS, *value)
            raise ConfigurationError(f"  {unknown_name('configuration', kind, names, len(names))}")
        kind, parts = PARAMETERS, [kind, *parts]
    for part in parts:
        if not isinstance(value, Mapping) or part not in value:
            known = value if isinstance(value, Mapping) else ()
            raise ConfigurationError(f"  {key}: {unknown_name('key', part, known, 40)}")
        value = value[part]
    if not isinstance(value, Mapping):
        return "" if value is None else scrub(str(value))
    derived, lines = loader.derived_parameters, []
    for name, leaf in leaves(value, ".".join(parts)):
        origin = loader.origin(name) if kind == PARAMETERS else ""
        origin = "derived from the table" if kind == PARAMETERS and name in derived else origin
        shown = yaml.safe_dump(leaf, default_flow_style=True, width=math.inf, allow_unicode=True)
        shown = shown.removesuffix("...\n").strip()
        comment = f"  # {origin}" if origin else ""
        lines.append(f"{name}: {shown}{comment}")
    return scrub("\n".join(lines))


def _read(loader: Any, kind: str) -> Any:
    try:
        return loader[kind]
    except MissingConfigException:
        raise ConfigurationError(
            f"  {kind}: no environment has a {kind}.yml; add one that has: --env=...,{kind}"
        ) from None
