"""The configuration loader: Kedro's own with two resolvers and one rule for overlays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.utils import find_kedro_project

SOURCE_ROOT = Path(__file__).resolve().parents[2]


class LifecycleConfigLoader(OmegaConfigLoader):
    """Adds what the project's configuration files need.

    ``${root:path}`` gives an absolute path inside the project, for the places where Kedro does
    not make one itself (database URLs). ``${parameter:name}`` gives a section of the parameters
    to the catalog, ``--params`` included, so that the contract has one description. In an
    environment, an object that names its ``class`` replaces the one of ``base`` as a whole,
    since parameters of two classes make no sense together; everything else is merged key by key.
    """

    def __init__(self, conf_source: str | Path, *args: Any, **kwargs: Any) -> None:
        """Take what Kedro's loader takes.

        Args:
            conf_source: The configuration folder.
            *args: Handed on.
            **kwargs: Handed on.
        """
        source = Path(conf_source)
        # A packaged configuration lies outside of any project; then the working one counts.
        self._root = (
            source.parent.resolve()
            if source.is_dir()
            else (find_kedro_project(Path.cwd()) or SOURCE_ROOT)
        )
        resolvers = {
            "root": lambda path="": (self._root / path).as_posix(),
            "parameter": lambda name: self["parameters"][name],
            **kwargs.pop("custom_resolvers", {}),
        }
        super().__init__(conf_source, *args, custom_resolvers=resolvers, **kwargs)

    @staticmethod
    def _soft_merge(
        config: dict[str, Any], env_config: dict[str, Any], env_path: str | None = None
    ) -> dict[str, Any]:
        return _overlay(config, env_config)


def _overlay(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and "class" not in value:
            merged[key] = _overlay(old, value)
        else:
            merged[key] = value
    return merged
