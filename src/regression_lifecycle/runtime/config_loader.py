"""The configuration loader: Kedro's own with resolvers and one rule for overlays."""

from __future__ import annotations

import copy
import getpass
import os
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.utils import find_kedro_project
from omegaconf import OmegaConf

from regression_lifecycle.core.errors import ConfigurationError

SOURCE_ROOT = Path(__file__).resolve().parents[3]


class LifecycleConfigLoader(OmegaConfigLoader):
    """Adds what the project's configuration files need.

    ``${root:path}`` gives an absolute path inside the project, for the places where Kedro does
    not make one itself (database URLs). ``${parameter:name}`` gives a section of the parameters
    to the catalog, ``--params`` included, so that the contract has one description, and
    ``${user:}`` the name of the account that runs the command. ``${env:NAME}`` reads an
    environment variable, ``${env:NAME,default}`` one that may be absent, and
    ``${required:NAME,meaning}`` the address in one that must be there; all that are missing from
    a kind of files are named at once, with their meaning. ``${store:}`` is the
    URL of the database that holds the tables of the memory: ``store`` of ``globals.yml``, or the
    SQLite file ``lifecycle.db`` in the local folder. In an
    environment or in ``--params``, an object that names its ``class`` replaces the one before as a
    whole, since parameters of two classes make no sense together, and so does a problem that
    names its ``target``, since it describes another table; everything else is merged key by key.
    """

    def __init__(self, conf_source: str | Path, *args: Any, **kwargs: Any) -> None:
        """Take what Kedro's loader takes.

        The attribute ``configured_parameters`` holds the sections that stand in files, once the
        parameters were read.

        Args:
            conf_source: The configuration folder.
            *args: Handed on.
            **kwargs: Handed on.
        """
        self.configured_parameters: set[str] = set()
        self._known: dict[str, dict[str, Any]] = {}
        self._depth = 0
        self._missing: dict[str, str] = {}
        source = Path(conf_source)
        # A packaged configuration lies outside of any project; then the working one counts.
        self._root = (
            source.parent.resolve()
            if source.is_dir()
            else (find_kedro_project(Path.cwd()) or SOURCE_ROOT)
        )
        super().__init__(conf_source, *args, **kwargs)

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Read one kind of configuration, as Kedro's loader does, but only once.

        A run asks for the parameters a dozen times, and reading them takes a third of a second.

        Args:
            key: For example ``catalog``.

        Returns:
            The configuration.

        Raises:
            ConfigurationError: If environment variables are missing that it needs.
        """
        # Resolvers belong to the process and not to a loader: the last loader that was asked
        # must be the one that answers, or a second project would be given the first one's paths.
        OmegaConf.register_new_resolver(
            "root", lambda path="": (self._root / path).as_posix(), replace=True
        )
        OmegaConf.register_new_resolver(
            "parameter", lambda name: self["parameters"][name], replace=True
        )
        OmegaConf.register_new_resolver("store", lambda _="": self.store_url, replace=True)
        OmegaConf.register_new_resolver("user", _account, replace=True)
        OmegaConf.register_new_resolver("env", self._variable, replace=True)
        OmegaConf.register_new_resolver("required", self._address, replace=True)
        if key not in self._known:
            self._known[key] = self._complete(key)
        # Kedro changes what it is given.
        return copy.deepcopy(self._known[key])

    @property
    def local_folder(self) -> Path:
        """Folder on a disk of this machine: the lock, the spool, a SQLite database.

        It is the workspace, unless that is elsewhere and ``globals.yml`` names a ``local_folder``.
        """
        shared = self["globals"]
        named = str(shared.get("local_folder") or shared.get("workspace", "data"))
        if "://" in named:
            raise ConfigurationError(
                f"  the workspace {named} is on no disk of this machine, so globals.yml has to "
                "name a local_folder for what cannot be elsewhere: the lock and the spool"
            )
        return self._root / named

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the database that holds the tables of the memory."""
        named = self["globals"].get("store")
        return str(named or f"sqlite:///{(self.local_folder / 'lifecycle.db').as_posix()}")

    def _complete(self, key: str) -> dict[str, Any]:
        """Read one kind of configuration, and say at once which variables it misses."""
        self._depth += 1
        try:
            found: dict[str, Any] = super().__getitem__(key)
        finally:
            self._depth -= 1
        # Inside of a resolver, which reads the parameters for the catalog, OmegaConf would bury
        # the error under its own.
        if self._missing and not self._depth:
            missing, self._missing = self._missing, {}
            raise ConfigurationError(
                "\n".join(
                    f"  the environment variable {name} is not set: {meaning}"
                    for name, meaning in missing.items()
                )
            )
        return found

    def _variable(self, name: str, default: str | None = None) -> str:
        value = os.environ.get(name, "") or default
        if value is None:
            self._missing.setdefault(name, "this configuration needs it")
            return ""
        return value

    def _address(self, name: str, meaning: str) -> str:
        if not os.environ.get(name):
            self._missing[name] = meaning
        # What is added to it begins with a slash.
        return os.environ.get(name, "").rstrip("/")

    def _merge_and_resolve(self, key: str, config_per_file: dict[Path, Any]) -> dict[str, Any]:
        if key != "parameters" or not config_per_file:
            merged: dict[str, Any] = super()._merge_and_resolve(key, config_per_file)
            return merged
        stored = OmegaConf.to_container(
            OmegaConf.unsafe_merge(*config_per_file.values()), resolve=True
        )
        self.configured_parameters |= set(stored)  # type: ignore[arg-type]
        return _overlay(stored, self.runtime_params or {})  # type: ignore[arg-type]

    @staticmethod
    def _soft_merge(
        config: dict[str, Any], env_config: dict[str, Any], env_path: str | None = None
    ) -> dict[str, Any]:
        return _overlay(config, env_config)


def _account(_: str = "") -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unknown"


def _overlay(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and not _stands_alone(value):
            merged[key] = _overlay(old, value)
        else:
            merged[key] = value
    return merged


def _stands_alone(value: dict[str, Any]) -> bool:
    # Parameters of two classes make no sense together, nor do the columns of two tables.
    return isinstance(value.get("class"), str) or {"target", "columns"} <= value.keys()
